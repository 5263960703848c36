//! Lines `ID  PATH` as `sha256sum` prints and reads them.

use std::io::{BufRead, Read as _};

use loosepack_guest::ids::{self, DIGEST};

use crate::failure::Failure;

/// Bytes of the longest line that is read.
const LINE_MAX: u64 = 1 << 20;
/// Digits of an ID.
const DIGITS: usize = 2 * DIGEST;

/// An object and its path.
pub(crate) struct Line {
    /// The object's ID.
    pub(crate) id: String,
    /// Its digest.
    pub(crate) digest: [u8; DIGEST],
    /// The path.
    pub(crate) path: Vec<u8>,
}

/// The line for an object, with its end. A line for a path that holds a backslash or a line end starts with a
/// backslash, and these are escaped.
pub(crate) fn line(start: &str, path: &[u8]) -> Vec<u8> {
    let is_escaped = path.iter().any(|byte| matches!(byte, b'\\' | b'\n' | b'\r'));
    let mut line = Vec::with_capacity(start.len() + path.len() + 4);
    if is_escaped {
        line.push(b'\\');
    }
    line.extend_from_slice(start.as_bytes());
    line.extend_from_slice(b"  ");
    for byte in path {
        match byte {
            b'\\' => line.extend_from_slice(b"\\\\"),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            byte => line.push(*byte),
        }
    }
    line.push(b'\n');
    line
}

/// Calls `visit` with each line of a list.
pub(crate) fn each(mut input: impl BufRead, mut visit: impl FnMut(Line) -> Result<(), Failure>) -> Result<(), Failure> {
    let mut text = Vec::new();
    for number in 1u64.. {
        text.clear();
        let read = (&mut input).take(LINE_MAX).read_until(b'\n', &mut text);
        if read.map_err(|error| Failure::cannot("read the list", error))? == 0 {
            break;
        }
        let wrong = || Failure(format!("line {number} is not `ID  PATH`, as `tarstore import` prints it"));
        visit(parse(text.strip_suffix(b"\n").unwrap_or(&text)).ok_or_else(wrong)?)?;
    }
    Ok(())
}

fn parse(line: &[u8]) -> Option<Line> {
    let escaped = line.strip_prefix(b"\\");
    let (id, rest) = escaped.unwrap_or(line).split_at_checked(DIGITS)?;
    let id = str::from_utf8(id).ok()?;
    let path = rest.strip_prefix(b"  ").or_else(|| rest.strip_prefix(b" *")).filter(|path| !path.is_empty())?;
    let path = if escaped.is_some() { unescaped(path)? } else { path.into() };
    Some(Line { id: id.into(), digest: ids::digest(id)?, path })
}

fn unescaped(path: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = path.iter();
    let mut plain = Vec::with_capacity(path.len());
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => match bytes.next()? {
                b'n' => b'\n',
                b'r' => b'\r',
                b'\\' => b'\\',
                _ => return None,
            },
            byte => *byte,
        });
    }
    Some(plain)
}
