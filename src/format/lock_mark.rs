//! The lock file of a packer: who holds the pack lock, and since when.

use alloc::format;
use alloc::string::{String, ToString as _};

use serde_json::{Value, json};

/// Number of characters of a holder's name that are shown to others.
const HOLDER_MAX: usize = 200;

/// Returns the content of the lock file of `holder`. `now` is in nanoseconds since 1970-01-01 UTC.
pub(crate) fn encode(holder: &str, now: u64) -> String {
    json!({ "holder": holder, "since": now / 1_000_000_000 }).to_string() + "\n"
}

/// Describes the holder of a lock file for people. The file may be incomplete.
pub(crate) fn describe(mark: &[u8]) -> String {
    let mark: Value = serde_json::from_slice(mark).unwrap_or(Value::Null);
    // Whoever can write to the container chooses this text: it must not reach a terminal as it is.
    let printable = |text: &str| text.chars().filter(|char| !char.is_control()).take(HOLDER_MAX).collect();
    let holder: String = mark["holder"].as_str().map(printable).unwrap_or_default();
    let holder = if holder.is_empty() { "someone unnamed" } else { &holder };
    match mark["since"].as_u64() {
        Some(since) => format!("{holder}, since {} UTC", utc(since)),
        None => holder.into(),
    }
}

/// Date and time of seconds since 1970-01-01. The calendar is Howard Hinnant's `civil_from_days`.
fn utc(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn dates_are_right() {
        assert_eq!(utc(0), "1970-01-01 00:00:00");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00:00");
        assert_eq!(utc(1_798_761_599), "2026-12-31 23:59:59");
    }
}
