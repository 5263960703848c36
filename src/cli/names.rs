//! Lines of an id and a name, in the form of GNU sha256sum, and names in messages.

use alloc::format;
use alloc::string::String;

use crate::id::ObjectId;

/// Two spaces stand between an id and a name; a space and a star where sha256sum was told to be `--binary`.
const SEPARATORS: [&[u8]; 2] = [b"  ", b" *"];

/// The line `HASH  NAME`, without its end. A name that holds a backslash or a line end is escaped, and the line then
/// starts with a backslash.
pub fn line(id: &ObjectId, name: &str) -> String {
    if !name.contains(['\\', '\n', '\r']) {
        return format!("{id}  {name}");
    }
    let escaped = name.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
    format!("\\{id}  {escaped}")
}

/// The id that a line is, or begins with when it is one of [`line()`]'s.
pub fn id(line: &[u8]) -> Option<ObjectId> {
    let escaped = line.strip_prefix(b"\\");
    let (id, rest) = escaped.unwrap_or(line).split_at_checked(ObjectId::HEX_LEN)?;
    let named = SEPARATORS.iter().any(|separator| rest.starts_with(separator));
    let alone = escaped.is_none() && matches!(rest, b"" | b"\r");
    if named || alone { ObjectId::from_hex(id) } else { None }
}

/// A name as it is put into messages: what would move the cursor of a terminal is escaped.
pub fn shown(name: &str) -> String {
    let mut shown = String::with_capacity(name.len());
    for letter in name.chars() {
        if letter.is_control() { shown.extend(letter.escape_default()) } else { shown.push(letter) }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    const ID: ObjectId = ObjectId::from_bytes([0xa5; 32]);

    #[test]
    fn lines_are_those_of_sha256sum() {
        let hash = ID.to_string();
        assert_eq!(line(&ID, "a  b"), format!("{hash}  a  b"));
        assert_eq!(line(&ID, "-"), format!("{hash}  -"));
        assert_eq!(line(&ID, "a\\b\nc\rd"), format!("\\{hash}  a\\\\b\\nc\\rd"));
    }

    #[test]
    fn ids_are_read_from_lines() {
        let hash = ID.to_string();
        for good in ["@", "@\r", "@  name", "@ *name", "\\@  a\\nb", "@  123  loose", "@  present"] {
            assert_eq!(id(good.replace('@', &hash).as_bytes()), Some(ID), "{good}");
        }
        for bad in ["", "\\", "\\@", "@ ", "@ name", "@x", " @", "@@", "@\n", "x  name", "@\u{e9}"] {
            assert_eq!(id(bad.replace('@', &hash).as_bytes()), None, "{bad}");
        }
        assert_eq!(id(hash.to_uppercase().as_bytes()), None);
        assert_eq!(id(&hash.as_bytes()[1..]), None);
    }

    #[test]
    fn messages_do_not_move_the_cursor() {
        assert_eq!(shown("a\u{1b}[2J\nb \u{e9}\u{9b}"), "a\\u{1b}[2J\\nb \u{e9}\\u{9b}");
    }
}
