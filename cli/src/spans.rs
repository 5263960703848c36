//! Spans of time, as people write them.

use std::time::Duration;

/// Letter and seconds of each unit.
const UNITS: [(char, u64); 4] = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400)];

/// Parses a span: digits, and a unit.
///
/// # Errors
/// The message for the user.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || "a time is a whole number with s, m, h or d, as in 90m".to_string();
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let (digits, seconds) =
        UNITS.iter().find_map(|(letter, seconds)| Some((text.strip_suffix(*letter)?, *seconds))).ok_or_else(wrong)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(seconds));
    number.map(Duration::from_secs).ok_or_else(|| "it is longer than time lasts".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        for (text, seconds) in [("0", 0), ("0d", 0), ("90s", 90), ("5m", 300), ("2h", 7200), ("14d", 1_209_600)] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for wrong in ["", "5", "h", "-1h", "+1h", "1.5h", "1w", "1 h", "99999999999999999999d", "1\u{e9}"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
