//! The range of bytes that a request asks for (RFC 9110, section 14).

/// What is sent of so many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of them.
    All,
    /// Those from the first number to before the second.
    Part(u64, u64),
    /// There are no such bytes.
    Nothing,
}

/// Reads the header `Range` of a request for `size` bytes. What is malformed, names another unit, or several ranges, is
/// ignored, as the standard allows.
pub(crate) fn wanted(header: Option<&str>, size: u64) -> Wanted {
    let Some((first, last)) = header.and_then(|header| {
        let (unit, ranges) = header.split_once('=')?;
        if unit.trim().eq_ignore_ascii_case("bytes") { ranges.trim().split_once('-') } else { None }
    }) else {
        return Wanted::All;
    };
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last && first < size => {
            Wanted::Part(first, last.saturating_add(1).min(size))
        }
        (Some(first), Some(last)) if first > last => Wanted::All,
        (Some(first), None) if last.is_empty() && first < size => Wanted::Part(first, size),
        (None, Some(length)) if first.is_empty() && length > 0 && size > 0 => {
            Wanted::Part(size.saturating_sub(length), size)
        }
        (Some(_), Some(_)) => Wanted::Nothing,
        (Some(_), None) if last.is_empty() => Wanted::Nothing,
        (None, Some(_)) if first.is_empty() => Wanted::Nothing,
        _ => Wanted::All,
    }
}

/// Digits alone; more of them than fit are a number beyond all sizes.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::Wanted::{All, Nothing, Part};
    use super::*;

    #[test]
    fn ranges_are_what_the_standard_says() {
        let cases: &[(&str, u64, Wanted)] = &[
            ("bytes=0-0", 10, Part(0, 1)),
            ("bytes=2-5", 10, Part(2, 6)),
            ("BYTES= 2-5", 10, Part(2, 6)),
            ("bytes=2-", 10, Part(2, 10)),
            ("bytes=2-99", 10, Part(2, 10)),
            ("bytes=2-18446744073709551615", 10, Part(2, 10)),
            ("bytes=2-99999999999999999999999", 10, Part(2, 10)),
            ("bytes=-3", 10, Part(7, 10)),
            ("bytes=-30", 10, Part(0, 10)),
            ("bytes=9-", 10, Part(9, 10)),
            ("bytes=10-", 10, Nothing),
            ("bytes=10-12", 10, Nothing),
            ("bytes=99999999999999999999999-", 10, Nothing),
            ("bytes=-0", 10, Nothing),
            ("bytes=0-", 0, Nothing),
            ("bytes=-1", 0, Nothing),
            ("bytes=5-2", 10, All),
            ("bytes=-", 10, All),
            ("bytes=", 10, All),
            ("bytes=a-b", 10, All),
            ("bytes=+1-2", 10, All),
            ("bytes=1-2,4-5", 10, All),
            ("lines=1-2", 10, All),
            ("bytes", 10, All),
            ("", 10, All),
        ];
        for (header, size, expected) in cases {
            assert_eq!(wanted(Some(header), *size), *expected, "{header} of {size}");
        }
        assert_eq!(wanted(None, 10), All);
    }
}
