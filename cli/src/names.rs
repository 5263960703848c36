//! Lines of an id and a name, in the forms of GNU sha256sum, and names in messages.

use std::path::Path;

use loosepack::ObjectId;
use serde_json::Value;

/// Separators of an ID and a name: two spaces, or a space and a star from `sha256sum --binary`.
const SEPARATORS: [&[u8]; 2] = [b"  ", b" *"];

/// The start of a line of `sha256sum --tag`, and the text before its ID.
const TAG: (&[u8], &[u8]) = (b"SHA256 (", b") = ");

/// The line `HASH  NAME`, without its end. A name that holds a backslash or a line end is escaped, and the line then
/// starts with a backslash; not with `zero`, where a NUL ends the line.
pub(crate) fn line(id: &ObjectId, name: &[u8], zero: bool) -> Vec<u8> {
    let mut line = Vec::with_capacity(ObjectId::HEX_LEN + 2 + name.len());
    let escaped = !zero && name.iter().any(|byte| matches!(byte, b'\\' | b'\n' | b'\r'));
    if escaped {
        line.push(b'\\');
    }
    line.extend_from_slice(&id.to_hex());
    line.extend_from_slice(b"  ");
    for byte in name {
        match byte {
            b'\\' if escaped => line.extend_from_slice(b"\\\\"),
            b'\n' if escaped => line.extend_from_slice(b"\\n"),
            b'\r' if escaped => line.extend_from_slice(b"\\r"),
            byte => line.push(*byte),
        }
    }
    line
}

/// The id that a line is, or holds when it is one of [`line()`]'s, of `sha256sum --tag`, or JSON of ours.
pub(crate) fn id(line: &[u8]) -> Option<ObjectId> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.starts_with(b"{") {
        let value: Value = serde_json::from_slice(line).ok()?;
        return ObjectId::from_hex(value.get("id")?.as_str()?.as_bytes());
    }
    let escaped = line.strip_prefix(b"\\");
    let text = escaped.unwrap_or(line);
    if text.starts_with(TAG.0) {
        let (rest, id) = text.split_at_checked(text.len().checked_sub(ObjectId::HEX_LEN)?)?;
        return if rest.ends_with(TAG.1) { ObjectId::from_hex(id) } else { None };
    }
    let (id, rest) = text.split_at_checked(ObjectId::HEX_LEN)?;
    let named = SEPARATORS.iter().any(|separator| rest.starts_with(separator));
    let alone = escaped.is_none() && rest.is_empty();
    if named || alone { ObjectId::from_hex(id) } else { None }
}

/// The id and the name that a line holds, when it is one of [`line()`]'s, of `sha256sum --tag`, or JSON of ours. `zero`:
/// no name is escaped.
pub(crate) fn entry(line: &[u8], zero: bool) -> Option<(ObjectId, Vec<u8>)> {
    let id = id(line)?;
    let line = if zero { line } else { line.strip_suffix(b"\r").unwrap_or(line) };
    if line.starts_with(b"{") {
        let value: Value = serde_json::from_slice(line).ok()?;
        return Some((id, value.get("path")?.as_str()?.into()));
    }
    let escaped = line.strip_prefix(b"\\");
    let text = escaped.unwrap_or(line);
    let name = if text.starts_with(TAG.0) {
        &text[TAG.0.len()..text.len() - ObjectId::HEX_LEN - TAG.1.len()]
    } else {
        text.get(ObjectId::HEX_LEN + SEPARATORS[0].len()..)?
    };
    Some((id, if escaped.is_some() && !zero { unescaped(name)? } else { name.into() }))
}

/// Undoes what [`line()`] does to a name; `None` if that would have given something else.
fn unescaped(name: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = name.iter();
    let mut plain = Vec::with_capacity(name.len());
    while let Some(byte) = bytes.next() {
        plain.push(match (byte, byte == &b'\\') {
            (byte, false) => *byte,
            (_, true) => match bytes.next()? {
                b'\\' => b'\\',
                b'n' => b'\n',
                b'r' => b'\r',
                _ => return None,
            },
        });
    }
    Some(plain)
}

/// A name as it is put into messages: what would move the cursor of a terminal is escaped.
pub(crate) fn shown(name: impl AsRef<Path>) -> String {
    let name = name.as_ref().to_string_lossy();
    let mut shown = String::with_capacity(name.len());
    for letter in name.chars() {
        if letter.is_control() { shown.extend(letter.escape_default()) } else { shown.push(letter) }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: ObjectId = ObjectId::from_bytes([0xa5; 32]);

    #[test]
    fn lines_are_those_of_sha256sum() {
        let line = |name: &str, zero| String::from_utf8(line(&ID, name.as_bytes(), zero)).unwrap();
        assert_eq!(line("a  b", false), format!("{ID}  a  b"));
        assert_eq!(line("-", false), format!("{ID}  -"));
        assert_eq!(line("a\\b\nc\rd", false), format!("\\{ID}  a\\\\b\\nc\\rd"));
        assert_eq!(line("a\\b\nc\rd", true), format!("{ID}  a\\b\nc\rd"));
        assert_eq!(super::line(&ID, b"\xff", false), [ID.to_string().as_bytes(), b"  \xff"].concat());
    }

    #[test]
    fn ids_are_read_from_lines() {
        let hash = ID.to_string();
        for good in [
            "@",
            "@\r",
            "@  name",
            "@ *name",
            "\\@  a\\nb",
            "@  123  loose",
            "@  present",
            "SHA256 (a name) = @",
            "SHA256 (a) = b) = @\r",
            "\\SHA256 (a\\nb) = @",
            "{\"id\":\"@\",\"path\":\"a\"}",
            "{ \"size\": 1, \"id\": \"@\" }\r",
        ] {
            assert_eq!(id(good.replace('@', &hash).as_bytes()), Some(ID), "{good}");
        }
        for bad in [
            "",
            "\\",
            "\\@",
            "@ ",
            "@ name",
            "@x",
            " @",
            "@@",
            "@\n",
            "x  name",
            "@\u{e9}",
            "SHA256 (a)@",
            "SHA256 (a) = ",
            "MD5 (a) = @",
            "{\"id\":\"@\"",
            "{\"id\":1}",
            "{}",
            "{\"path\":\"@\"}",
        ] {
            assert_eq!(id(bad.replace('@', &hash).as_bytes()), None, "{bad}");
        }
        assert_eq!(id(hash.to_uppercase().as_bytes()), None);
        assert_eq!(id(&hash.as_bytes()[1..]), None);
    }

    #[test]
    fn names_come_back_from_lines() {
        for name in [&b"a"[..], b" a  *b ", b"a\\b\nc\rd", b"\\", b"a) = b", b"\xff", b"-", b"{", b"\\n"] {
            for zero in [false, true] {
                assert_eq!(entry(&line(&ID, name, zero), zero), Some((ID, name.to_vec())), "{zero}");
            }
        }
        let hash = ID.to_string();
        for (text, name) in [
            ("@ *name", "name"),
            ("@  name\r", "name"),
            ("SHA256 (a name) = @", "a name"),
            ("SHA256 (a) = b) = @", "a) = b"),
            ("\\SHA256 (a\\nb) = @", "a\nb"),
            ("{\"id\":\"@\",\"path\":\"a\\nb\"}", "a\nb"),
        ] {
            assert_eq!(entry(text.replace('@', &hash).as_bytes(), false), Some((ID, name.into())), "{text}");
        }
        for bad in ["@", "@ name", "{\"id\":\"@\"}", "\\@  a\\x", "\\@  a\\", "SHA256 () = ", "SHA256 (@"] {
            assert_eq!(entry(bad.replace('@', &hash).as_bytes(), false), None, "{bad}");
        }
    }

    #[test]
    fn messages_do_not_move_the_cursor() {
        assert_eq!(shown("a\u{1b}[2J\nb \u{e9}\u{9b}"), "a\\u{1b}[2J\\nb \u{e9}\\u{9b}");
    }
}
