//! The files of a container that are given out, as any web server would: for readers that know the format.

use loosepack::dir::Kind;
use loosepack::dir::cap::CapDir;
use loosepack::{Code, Dir as _};

/// The paths of all files that are given out, a line each.
pub(crate) const LISTING: &str = "files.txt";

const CONTAINER: &str = "container.json";
const MANIFEST: &str = "manifest.json";
const PACKS: &str = "packs";
const INDEX: &str = "index";
const LOOSE: &str = "loose";

/// Returns whether this is the path of a file that is given out. It is then made of plain names, and leads nowhere else.
pub(crate) fn is_given(path: &str) -> bool {
    let mut parts = path.split('/');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(CONTAINER), None, ..) => true,
        (Some(PACKS), Some(name), None, _) => is_number(name),
        (Some(INDEX), Some(name), None, _) => is_index_file(name),
        (Some(LOOSE), Some(shard), Some(rest), None) => is_hex(shard, 2) && is_hex(rest, 62),
        _ => false,
    }
}

/// The paths of the files in one of the folders, each with a line break; `part` counts the folders. `None` behind the
/// last.
///
/// They are in the order in which they have to be copied: an object is packed before its loose file is removed, and
/// written before the index names it. Whoever copies them one by one while others pack finds each object.
///
/// # Errors
/// What keeps a folder from being read.
pub(crate) fn list(dir: &CapDir, part: u32) -> Result<Option<String>, Code> {
    let folder = match part {
        0..=255 => format!("{LOOSE}/{part:02x}"),
        256 => INDEX.to_string(),
        257 => PACKS.to_string(),
        258 => return Ok(Some(format!("{CONTAINER}\n"))),
        _ => return Ok(None),
    };
    let entries = match dir.list(&folder) {
        Err(Code::NotFound) => return Ok(Some(String::new())),
        listed => listed?,
    };
    let files = entries.into_iter().filter(|entry| entry.kind == Kind::File);
    let paths = files.map(|entry| format!("{folder}/{}", entry.name)).filter(|path| is_given(path));
    Ok(Some(paths.map(|path| path + "\n").collect()))
}

fn is_index_file(name: &str) -> bool {
    let numbered = name.strip_suffix(".jsonl").and_then(|name| name.strip_prefix("log-").or(name.strip_prefix("run-")));
    name == MANIFEST || numbered.is_some_and(is_number)
}

fn is_number(name: &str) -> bool {
    name.parse::<u32>().is_ok_and(|number| number.to_string() == name)
}

fn is_hex(name: &str, len: usize) -> bool {
    name.len() == len && name.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit))
}

#[cfg(test)]
mod tests {
    use super::is_given;

    #[test]
    fn files_of_a_container_are_given_out_and_nothing_else() {
        let loose = format!("loose/ab/{}", "0f".repeat(31));
        for path in
            ["container.json", "index/manifest.json", "index/run-7.jsonl", "index/log-0.jsonl", "packs/12", &loose]
        {
            assert!(is_given(path), "{path}");
        }
        let refused = [
            "",
            "packs",
            "packs/",
            "packs/01",
            "packs/+1",
            "packs/1/2",
            "packs/../container.json",
            "packs/..",
            "/packs/1",
            "lock/os",
            "incoming/1",
            "index/run-.jsonl",
            "index/other",
            "loose/ab/..",
            "loose/AB/0f",
            "container.json/",
            "../container.json",
            "pin.json",
        ];
        for path in refused {
            assert!(!is_given(path), "{path}");
        }
    }
}
