//! Numbers, as the page writes them.

/// A number with commas: `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Units of bytes: each is 1024 of the one before.
pub(super) const BINARY: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// A number in few letters: `1.5 MiB`, `200 k`. `units`: each is `step` of the one before.
pub(super) fn short(number: u64, step: u64, units: [&str; 7]) -> String {
    let (mut unit, mut scale) = (0, 1u64);
    while number / scale >= step && unit + 1 < units.len() {
        (unit, scale) = (unit + 1, scale * step);
    }
    let tenths = u128::from(number) * 10 / u128::from(scale);
    let (whole, tenth) = (tenths / 10, tenths % 10);
    let digits = if tenth == 0 { whole.to_string() } else { format!("{whole}.{tenth}") };
    format!("{digits} {}", units[unit]).trim_end().to_string()
}

/// A number of objects: `1 object`, `1,234 objects`.
pub(super) fn objects(number: u64) -> String {
    format!("{} object{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// A part of a whole in percent, at most 100; 0 of nothing.
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64 * 100.0).min(100.0) }
}

/// A part of a whole, for people: `0%`, `0.3%`, `12%`. Only nothing is 0, and only everything is 100.
pub(super) fn share(part: u64, whole: u64) -> String {
    let percent = percent(part, whole);
    match part {
        0 => "0%".into(),
        _ if percent < 0.1 => "&lt;0.1%".into(),
        _ if percent < 9.95 => format!("{percent:.1}%"),
        _ if part < whole && percent > 99.0 => "&gt;99%".into(),
        _ => format!("{percent:.0}%"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (123_456, "123,456"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn labels_are_short() {
        const DECIMAL: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
        for (number, text) in
            [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (1 << 63, "8 EiB"), (u64::MAX, "15.9 EiB")]
        {
            assert_eq!(short(number, 1024, BINARY), text);
        }
        for (number, text) in [(0, "0"), (999, "999"), (200_000, "200 k"), (u64::MAX, "18.4 E")] {
            assert_eq!(short(number, 1000, DECIMAL), text);
        }
    }

    #[test]
    fn shares_are_neither_nothing_nor_everything_by_rounding() {
        for (part, whole, text) in [
            (0, 0, "0%"),
            (0, 9, "0%"),
            (1, u64::MAX, "&lt;0.1%"),
            (1, 300, "0.3%"),
            (1, 8, "12%"),
            (u64::MAX - 1, u64::MAX, "&gt;99%"),
            (999, 1000, "&gt;99%"),
            (7, 7, "100%"),
            (9, 7, "100%"),
        ] {
            assert_eq!(share(part, whole), text, "{part} of {whole}");
        }
    }
}
