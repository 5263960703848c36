//! Directories by their paths, from those that the runtime granted.

use std::error::Error;
use std::fmt::{self, Debug, Display, Formatter};

use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags};

/// Why there is no directory at a path.
pub enum NoDirectory {
    /// The runtime granted no directory that the path is in.
    NotGranted(String),
    /// The path cannot be opened as a directory.
    Failed(String, ErrorCode),
}

impl Display for NoDirectory {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            NoDirectory::NotGranted(path) => {
                let remedy = "give it with `wasmtime run --dir DIR ...`, where DIR is a folder that it is in";
                write!(f, "nothing is granted for {path}: {remedy}")
            }
            NoDirectory::Failed(path, code) => write!(f, "cannot open the directory {path}: {}", code.name()),
        }
    }
}

/// The message itself: it is what a `main` that returns an error shows.
impl Debug for NoDirectory {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl Error for NoDirectory {}

/// Opens the directory that a path leads to. As in wasi-libc, the working directory is `/`: one granted as `/data`
/// contains `data/x`. Unlike there, one granted as `.` does not contain `/x`.
///
/// # Errors
/// When no directory that the runtime granted contains the path, or when there is no directory at it.
pub fn directory(path: &str) -> Result<Descriptor, NoDirectory> {
    let granted = get_directories();
    let names = granted.iter().map(|(_, name)| name.as_str());
    let Some((place, below)) = cover(names, path) else { return Err(NoDirectory::NotGranted(path.into())) };
    // What a runtime grants may allow less than what is opened from it: `.` is opened too.
    granted[place]
        .0
        .open_at(PathFlags::SYMLINK_FOLLOW, &below, OpenFlags::DIRECTORY, DescriptorFlags::READ)
        .map_err(|code| NoDirectory::Failed(path.into(), code))
}

/// The position of the longest name that is a prefix of the path, the later one of two, and the path below it.
fn cover<'a>(names: impl IntoIterator<Item = &'a str>, path: &str) -> Option<(usize, String)> {
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
    use super::cover;

    fn covered(names: &[&str], path: &str) -> Option<(usize, String)> {
        cover(names.iter().copied(), path)
    }

    #[test]
    fn the_longest_name_covers() {
        let names = ["/", "data", "/data/in", "..", "./data"];
        let below = |place, path: &str| Some((place, path.into()));
        assert_eq!(covered(&names, "a//b/./"), below(0, "a/b"));
        assert_eq!(covered(&names, "./data/x"), below(4, "x"));
        assert_eq!(covered(&names, "/data/in"), below(2, "."));
        assert_eq!(covered(&names, "database"), below(0, "database"));
        assert_eq!(covered(&names, "../x"), below(3, "x"));
        assert_eq!(covered(&["."], "data/../x"), below(0, "data/../x"));
    }

    #[test]
    fn a_path_that_is_not_granted_is_not_covered() {
        assert_eq!(covered(&["/data", "in"], "/dat/x"), None);
        assert_eq!(covered(&[".", "etc"], "/etc/x"), None);
        assert_eq!(covered(&[], "x"), None);
    }
}
