//! What compression does: sizes of objects against the lengths they are stored in.

use super::bars::{Part, bar, sum};
use super::histogram::{Class, Histogram};
use super::markup::{self, Series};
use super::numbers::{grouped, objects, percent};
use super::survey::{Amount, RATIOS, Survey};
use crate::sizes::human;

/// Objects that are stored as zlib streams.
const COMPRESSED: Series = Series { class: "compressed", name: "compressed" };
/// Objects that are stored as they are.
const PLAIN: Series = Series { class: "plain", name: "stored as they are" };

/// Shows the sizes of packed objects against the lengths they are stored in.
pub(super) fn section(survey: &Survey) -> String {
    let (compressed, plain) = (survey.compressed(), survey.plain);
    if compressed.objects == 0 {
        let words = match plain.objects {
            0 => "Nothing is packed, so nothing is compressed.".into(),
            number => format!("Nothing is compressed: {} in packs, {}.", objects(number), human(plain.bytes)),
        };
        return markup::section("compression", "Compression", &format!("<p>{words}</p>\n"));
    }
    let part = |series, value| Part { series, value, text: human(value) };
    let before = [part(COMPRESSED, compressed.bytes), part(PLAIN, plain.bytes)];
    let after = [part(COMPRESSED, survey.compressed_length), part(PLAIN, plain.bytes)];
    let scale = sum(&before).max(sum(&after));
    let words = format!(
        "<p>{} of {} in packs are compressed, to {:.0}% of their size.</p>\n",
        grouped(compressed.objects),
        objects(compressed.plus(plain).objects),
        ratio(survey.compressed_length, compressed),
    );
    let class = |(class, amount): (usize, &Amount)| Class {
        name: name(class),
        edge: [0, 5, 10].contains(&class).then(|| format!("{}%", class * 10)),
        parts: vec![*amount],
    };
    let histogram = Histogram {
        id: "compression",
        classes: survey.ratios.iter().enumerate().map(class).collect(),
        series: &[COMPRESSED],
        axis: "Lengths in percent of the size",
    };
    let content = [
        words,
        bar("compression-before", "Size of the objects in packs", &before, scale),
        bar("compression-after", "Length they are stored in", &after, scale),
        "<p>Compressed objects by length in percent of the size: further to the left is better.</p>\n".into(),
        histogram.draw(),
    ];
    markup::section("compression", "Compression", &content.concat())
}

/// The length of objects in percent of their size, which may be more than 100.
fn ratio(length: u64, of: Amount) -> f64 {
    if length <= of.bytes { percent(length, of.bytes) } else { length as f64 / of.bytes.max(1) as f64 * 100.0 }
}

/// The lengths of a class.
fn name(class: usize) -> String {
    if class + 1 == RATIOS { "over 100%".into() } else { format!("{} \u{2013} {}%", class * 10, class * 10 + 10) }
}
