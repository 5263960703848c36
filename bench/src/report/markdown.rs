//! The tables.

use std::fmt::Write as _;

use super::Report;
use crate::sides::{COMPONENT, FLOOR, NATIVE};
use crate::step::{Suite, Unit};
use crate::suites::Row;

pub(super) fn render(report: &Report) -> String {
    let mut text = String::from("# Measured\n\nWritten by `cargo xtask bench --write`.\n\n");
    let _ = writeln!(text, "{}; medians of {} rounds.\n", report.machine.sentence(), report.rounds);
    for (name, description) in &report.sides {
        let _ = writeln!(text, "- {name}: {description}");
    }
    for missing in &report.missing {
        let _ = writeln!(text, "- {missing}");
    }
    for suite in [Suite::Small, Suite::Text, Suite::Large, Suite::Command, Suite::Exchange] {
        let rows: Vec<&Row> = report.rows.iter().filter(|row| row.step.suite() == suite).collect();
        if rows.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n## {}\n", heading(report, suite));
        table(&mut text, report, &rows);
    }
    if !report.growth.is_empty() {
        growth(&mut text, report);
    }
    text
}

fn heading(report: &Report, suite: Suite) -> String {
    match suite {
        Suite::Small => format!("{} objects of 0 to 1000 bytes", grouped(report.objects as u64)),
        Suite::Text => {
            format!("{} of text in {} files", mib(report.text_bytes), grouped(report.texts as u64))
        }
        Suite::Large => format!("One object of {}", mib(report.large_bytes)),
        Suite::Exchange => {
            format!("From disk_objectstore and back, {} objects of 0 to 1000 bytes", grouped(report.objects as u64))
        }
        Suite::Command => format!("Whole processes, {} objects of 0 to 1000 bytes", grouped(report.objects as u64)),
        Suite::Growth => "Growth".into(),
    }
}

fn table(text: &mut String, report: &Report, rows: &[&Row]) {
    let unit = |row: &Row| match row.step.unit() {
        Unit::Micros => "us an object",
        other => other.sign(),
    };
    text.push_str("| step | in |");
    for (name, _) in &report.sides {
        let _ = write!(text, " {name} |");
    }
    text.push_str(" component / floor | component / native |\n|---|---|");
    text.push_str(&"---:|".repeat(report.sides.len() + 2));
    text.push('\n');
    for row in rows {
        let _ = write!(text, "| {} | {} |", row.step.label(), unit(row));
        for (name, _) in &report.sides {
            let value = row.value(name).map_or("-".into(), number);
            let _ = if *name == COMPONENT { write!(text, " **{value}** |") } else { write!(text, " {value} |") };
        }
        for other in [FLOOR, NATIVE] {
            let ratio = row.value(COMPONENT).zip(row.value(other)).map(|(component, other)| component / other);
            let _ = write!(text, " {} |", ratio.map_or("-".into(), |ratio| format!("{ratio:.2}")));
        }
        text.push('\n');
    }
}

fn growth(text: &mut String, report: &Report) {
    text.push_str("\n## Growth\n\nObjects of 0 to 1000 bytes, packed; not flushed.\n\n| what | in |");
    for growth in &report.growth {
        let _ = write!(text, " {} objects |", grouped(growth.objects));
    }
    text.push_str("\n|---|---|");
    text.push_str(&"---:|".repeat(report.growth.len()));
    text.push('\n');
    for (number, (what, unit, _)) in report.growth[0].values.iter().enumerate() {
        let _ = write!(text, "| {what} | {unit} |");
        for growth in &report.growth {
            let _ = write!(text, " {} |", self::number(growth.values[number].2));
        }
        text.push('\n');
    }
}

/// Three digits that count.
pub(super) fn number(value: f64) -> String {
    match value {
        _ if value.is_nan() => "-".into(),
        _ if value >= 1000.0 => grouped(value.round() as u64),
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// With a comma after each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_that_count() {
        for (value, text) in [(0.5, "0.50"), (12.34, "12.3"), (123.4, "123"), (1234567.0, "1,234,567")] {
            assert_eq!(number(value), text);
        }
        assert_eq!(number(f64::NAN), "-");
    }
}
