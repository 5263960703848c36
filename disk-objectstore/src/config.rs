//! Their `config.json`.

use loosepack::dir::cap::CapDir;
use loosepack::{Code, Dir as _, File as _};
use serde_json::{Value, json};

use crate::Error;
use crate::key::Hash;
use crate::layout::{self, read_up_to};

/// The file.
pub(crate) const CONFIG: &str = "config.json";

/// The one version of the layout that there is.
const VERSION: u64 = 1;

/// Theirs has less than 300 bytes.
const LARGEST: usize = 64 << 10;

/// The settings of a container of theirs, as far as a reader needs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) hash: Hash,
    /// Digits of a key that are the name of a directory of `loose`; 0: there are no such directories.
    pub(crate) prefix: usize,
}

impl Config {
    pub(crate) fn read(dir: &CapDir, place: &str) -> Result<Self, Error> {
        let file = match dir.open_read(CONFIG) {
            Err(Code::NotFound) => {
                let problem = format!("{place} is no container of disk_objectstore: it has no {CONFIG}");
                return Err(Error::Other(problem));
            }
            opened => opened.map_err(|code| layout::failed("open", place, CONFIG, code))?,
        };
        let len = file.metadata().map_err(|code| layout::failed("examine", place, CONFIG, code))?.len;
        let mut text = vec![0; len.min(LARGEST as u64 + 1) as usize];
        let read = read_up_to(&file, &mut text, 0).map_err(|code| layout::failed("read", place, CONFIG, code))?;
        Self::parse(&text[..read]).map_err(|problem| Error::Other(format!("{place}/{CONFIG}: {problem}")))
    }

    fn parse(text: &[u8]) -> Result<Self, String> {
        if text.len() > LARGEST {
            return Err(format!("it has more than {LARGEST} bytes"));
        }
        let config: Value = serde_json::from_slice(text).map_err(|error| format!("it is not JSON: {error}"))?;
        match config.get("container_version").and_then(Value::as_u64) {
            Some(VERSION) => {}
            Some(version) => return Err(format!("container_version is {version}, but only {VERSION} is known")),
            None => return Err("container_version is missing".into()),
        }
        let name = config.get("hash_type").and_then(Value::as_str).ok_or("hash_type is missing")?;
        let hash = Hash::named(name).ok_or_else(|| format!("hash_type is {name:?}, but must be sha1 or sha256"))?;
        let prefix = config.get("loose_prefix_len").and_then(Value::as_u64).ok_or("loose_prefix_len is missing")?;
        // With as many digits as a key has, they can store nothing.
        let prefix = usize::try_from(prefix).ok().filter(|prefix| *prefix < hash.digits());
        let prefix = prefix.ok_or_else(|| format!("loose_prefix_len must be less than {}", hash.digits()))?;
        Ok(Config { hash, prefix })
    }
}

/// The text of a new one.
pub(crate) fn text(id: &str, pack_target: u64, level: u8) -> String {
    json!({
        "container_version": VERSION,
        "loose_prefix_len": 2,
        "pack_size_target": pack_target,
        "hash_type": "sha256",
        "container_id": id,
        "compression_algorithm": format!("zlib+{level}"),
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_wrong_ones_named() {
        let parsed = Config::parse(text("0", 1 << 32, 1).as_bytes());
        assert_eq!(parsed, Ok(Config { hash: Hash::Sha256, prefix: 2 }));
        let sha1 = r#"{"container_version":1,"loose_prefix_len":0,"hash_type":"sha1"}"#;
        assert_eq!(Config::parse(sha1.as_bytes()), Ok(Config { hash: Hash::Sha1, prefix: 0 }));
        for (from, to, says) in [
            ("}", "", "not JSON"),
            (":1,", ":2,", "container_version is 2"),
            ("container_version", "version", "container_version"),
            ("sha1", "md5", "\"md5\""),
            ("\"sha1\"", "1", "hash_type"),
            (":0", ":40", "less than 40"),
            (":0", ":-1", "loose_prefix_len"),
            (":0", ":99999999999999999999", "loose_prefix_len"),
        ] {
            let problem = Config::parse(sha1.replacen(from, to, 1).as_bytes()).unwrap_err();
            assert!(problem.contains(says), "{problem}");
        }
        assert!(Config::parse(&vec![b' '; LARGEST + 1]).unwrap_err().contains("more than"));
    }
}
