//! `lock/backup.json`: which container a backup is a copy of.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use serde_json::{Value, json};

/// The file that says so. `id`: that of the container.
pub(crate) fn encode(id: &str) -> Vec<u8> {
    let mut line = json!({ "of": id }).to_string().into_bytes();
    line.push(b'\n');
    line
}

/// The container's id; `None` when the file is malformed.
pub(crate) fn decode(bytes: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    Some(value.get("of")?.as_str()?.to_string())
}
