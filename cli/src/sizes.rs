//! Numbers of bytes, as people write them.

/// Letter and power of two of each unit, large ones first.
const UNITS: [(char, u32); 4] = [('T', 40), ('G', 30), ('M', 20), ('K', 10)];

/// Parses a number of bytes, at least 1: digits, optionally followed by K, M, G or T.
///
/// # Errors
/// The message for the user.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let unit = UNITS.into_iter().find(|(letter, _)| text.ends_with([*letter, letter.to_ascii_lowercase()]));
    let (digits, shift) = unit.map_or((text, 0), |(_, shift)| (&text[..text.len() - 1], shift));
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("a size is a whole number of bytes, or one with K, M, G or T".into());
    }
    match digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift)) {
        Some(0) => Err("it must be at least 1".into()),
        Some(size) => Ok(size),
        None => Err(format!("it must be at most {}", u64::MAX)),
    }
}

/// A number of bytes for people to read: `1 byte`, `34.5 KiB`.
pub(crate) fn human(bytes: u64) -> String {
    match UNITS.into_iter().find(|(_, shift)| bytes >> shift > 0) {
        Some((letter, shift)) => {
            let tenths = (u128::from(bytes) * 10) >> shift;
            format!("{}.{} {letter}iB", tenths / 10, tenths % 10)
        }
        None => counted(bytes, "byte"),
    }
}

/// A number of things: `1 object`, `2 objects`.
pub(crate) fn counted(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(parse("1"), Ok(1));
        assert_eq!(parse("3k"), Ok(3 << 10));
        assert_eq!(parse("4G"), Ok(loosepack::format::DEFAULT_PACK_TARGET));
        assert_eq!(parse("18446744073709551615"), Ok(u64::MAX));
        for wrong in ["", "K", "0", "0T", "-1", "+1", "1.5G", "1KB", "16777216T", "99999999999999999999", "1\u{e9}"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_written() {
        assert_eq!(human(0), "0 bytes");
        assert_eq!(human(1), "1 byte");
        assert_eq!(human(1023), "1023 bytes");
        assert_eq!(human(1024), "1.0 KiB");
        assert_eq!(human(35_340), "34.5 KiB");
        assert_eq!(human(4 << 30), "4.0 GiB");
        assert_eq!(human(u64::MAX), "16777215.9 TiB");
    }
}
