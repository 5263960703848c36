//! How large the objects are.

use super::histogram::{Class, Histogram};
use super::markup;
use super::numbers::{BINARY, short};
use super::space::{LOOSE, PACKED};
use super::survey::{SIZES, Survey};

/// Classes that are shown at least, so that a single one does not fill the picture.
const CLASSES: usize = 12;

/// Labels of the axis at most: more would overlap on a phone.
const LABELS: usize = 5;

/// Shows the sizes of all objects.
pub(super) fn section(survey: &Survey) -> String {
    let used = |class: &usize| survey.packed[*class].plus(survey.loose[*class]).objects > 0;
    let (Some(first), Some(last)) = ((0..SIZES).find(used), (0..SIZES).rev().find(used)) else {
        return markup::section("sizes", "Sizes of objects", "<p>There are no objects.</p>\n");
    };
    let (first, last) = widened(first, last);
    let step = (last + 1 - first).div_ceil(LABELS);
    let class = |class: usize| Class {
        name: name(class),
        edge: (class - first).is_multiple_of(step).then(|| edge(class)),
        parts: vec![survey.packed[class], survey.loose[class]],
    };
    let histogram = Histogram {
        id: "sizes",
        classes: (first..=last).map(class).collect(),
        series: &[PACKED, LOOSE],
        axis: "Sizes",
    };
    let words = "<p>Each bar covers sizes from a power of two up to the next one.</p>\n";
    markup::section("sizes", "Sizes of objects", &(words.to_string() + &histogram.draw()))
}

/// Adds empty classes on both sides until there are [`CLASSES`].
fn widened(first: usize, last: usize) -> (usize, usize) {
    let missing = CLASSES.saturating_sub(last + 1 - first);
    let first = first.saturating_sub(missing / 2).min(SIZES.saturating_sub(CLASSES));
    (first, last.max((first + CLASSES - 1).min(SIZES - 1)))
}

/// The sizes of a class.
fn name(class: usize) -> String {
    match class {
        0 => "no bytes".into(),
        _ if class + 1 == SIZES => format!("{} or more", edge(class)),
        _ => format!("{} \u{2013} {}", edge(class), edge(class + 1)),
    }
}

/// The least size of a class.
fn edge(class: usize) -> String {
    match class.checked_sub(1) {
        None => "0".into(),
        Some(power) => short(1 << power, 1024, BINARY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_named_by_their_edges() {
        assert_eq!((0..SIZES).map(edge).collect::<Vec<_>>()[..4], ["0", "1 B", "2 B", "4 B"]);
        assert_eq!(name(0), "no bytes");
        assert_eq!(name(10), "512 B \u{2013} 1 KiB");
        assert_eq!(name(SIZES - 1), "8 EiB or more");
    }

    #[test]
    fn few_classes_are_shown_among_empty_ones() {
        assert_eq!(widened(20, 20), (15, 26));
        assert_eq!(widened(0, 0), (0, 11));
        assert_eq!(widened(SIZES - 1, SIZES - 1), (SIZES - 12, SIZES - 1));
        assert_eq!(widened(0, SIZES - 1), (0, SIZES - 1));
        assert_eq!(widened(3, 14), (3, 14));
    }
}
