//! Bars that show what a whole is made of.

use super::markup::{Series, legend, picture};
use super::numbers::{percent, share};

/// Height of a bar in pixels.
const HEIGHT: u32 = 28;

/// A part of a bar.
pub(super) struct Part {
    pub(super) series: Series,
    pub(super) value: u64,
    /// The value for people.
    pub(super) text: String,
}

/// Draws a bar and its legend. `of`: the value that the whole width stands for, at least the parts added up.
pub(super) fn bar(id: &str, title: &str, parts: &[Part], of: u64) -> String {
    let sum = sum(parts);
    if sum == 0 {
        return format!("<h3>{title}</h3>\n<p>None.</p>\n");
    }
    let described: Vec<String> = parts.iter().map(|part| format!("{}: {}", part.series.name, part.text)).collect();
    let shapes = shapes(parts, of, HEIGHT);
    let drawn = picture(id, title, &(described.join(", ") + "."), HEIGHT, &shapes);
    let amounts = parts.iter().filter(|part| part.value > 0).map(|part| {
        let share = share(part.value, sum);
        (part.series, format!("{} <span class=\"share\">{share}</span>", part.text))
    });
    format!("<h3>{title}</h3>\n{drawn}{}", legend(amounts))
}

/// All parts together.
pub(super) fn sum(parts: &[Part]) -> u64 {
    parts.iter().fold(0, |sum, part| sum.saturating_add(part.value))
}

/// The rectangles of a bar, from left to right, on a track that is as wide as the whole.
pub(super) fn shapes(parts: &[Part], of: u64, height: u32) -> String {
    let mut shapes = format!("<rect class=\"track\" width=\"100%\" height=\"{height}\" rx=\"4\"/>");
    let mut start = 0u64;
    for part in parts.iter().filter(|part| part.value > 0) {
        let (x, class) = (percent(start, of), part.series.class);
        start = start.saturating_add(part.value);
        let width = percent(start, of) - x;
        shapes += &format!(
            "<rect x=\"{x:.3}%\" width=\"{width:.3}%\" height=\"{height}\" class=\"{class} part\"><title>{}: {}</title>\
             </rect>",
            part.series.name, part.text,
        );
    }
    shapes
}
