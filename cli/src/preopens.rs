//! Which of the directories that a WASI runtime preopened a path lies in.

/// Finds the preopened directory that contains a path: the one with the longest name that is a prefix of the path, and
/// the later one of two with the same name. Returns its position in `names` and the path below it, `.` for the
/// directory itself.
///
/// As in wasi-libc, the working directory is `/`: a directory preopened as `/data` contains `data/x`. Unlike there, one
/// preopened as `.` does not contain `/x`, because that path means another file.
pub fn cover<'a>(names: impl IntoIterator<Item = &'a str>, path: &str) -> Option<(usize, String)> {
    let absolute = path.starts_with('/');
    let path = components(path);
    let mut best: Option<(usize, usize)> = None;
    for (place, name) in names.into_iter().enumerate() {
        if absolute && !name.starts_with('/') {
            continue;
        }
        let name = components(name);
        if path.starts_with(&name) && best.is_none_or(|(_, length)| name.len() >= length) {
            best = Some((place, name.len()));
        }
    }
    let (place, length) = best?;
    let below = &path[length..];
    Some((place, if below.is_empty() { ".".into() } else { below.join("/") }))
}

/// The components of a path that lead somewhere. `..` stays: the host knows whether it leads out.
fn components(path: &str) -> Vec<&str> {
    path.split('/').filter(|component| !matches!(*component, "" | ".")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(names: &[&str], path: &str) -> Option<(usize, String)> {
        cover(names.iter().copied(), path)
    }

    #[test]
    fn the_longest_name_covers() {
        let names = ["/", "data", "/data/in", "..", "./data"];
        let below = |place, path: &str| Some((place, path.into()));
        assert_eq!(covered(&names, "a/b"), below(0, "a/b"));
        assert_eq!(covered(&names, "/a//b/./"), below(0, "a/b"));
        assert_eq!(covered(&names, "data"), below(4, "."));
        assert_eq!(covered(&names, "./data/x"), below(4, "x"));
        assert_eq!(covered(&names, "/data/in/x"), below(2, "x"));
        assert_eq!(covered(&names, "database"), below(0, "database"));
        assert_eq!(covered(&names, "/data/x"), below(0, "data/x"));
        assert_eq!(covered(&names, "../x"), below(3, "x"));
        assert_eq!(covered(&["."], "data/../x"), below(0, "data/../x"));
    }

    #[test]
    fn what_is_not_preopened_is_not_covered() {
        assert_eq!(covered(&["/data", "in"], "/dat/x"), None);
        assert_eq!(covered(&["/data", "in"], "."), None);
        assert_eq!(covered(&[".", "etc"], "/etc/x"), None);
        assert_eq!(covered(&[], "x"), None);
    }
}
