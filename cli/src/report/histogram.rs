//! Histograms: how many objects there are in each of some classes, and how many bytes.

use super::markup::{Series, legend, picture, table};
use super::numbers::{BINARY, grouped, objects, percent, short};
use super::survey::Amount;
use crate::sizes::human;

/// Pixels above the bars, for half of the label of the top line.
const ABOVE: f64 = 8.0;
/// Pixels of the highest bar.
const PLOT: f64 = 140.0;
/// Pixels below the bars, for the labels of the axis.
const BELOW: f64 = 22.0;
/// The least height of a bar, so that a single object among millions is seen.
const LEAST: f64 = 2.0;

/// Objects in classes.
pub(super) struct Histogram<'a> {
    /// Starts the names of its elements.
    pub(super) id: &'static str,
    /// The classes from left to right.
    pub(super) classes: Vec<Class>,
    /// What each class is made of.
    pub(super) series: &'a [Series],
    /// What the classes are, for the heading of a table.
    pub(super) axis: &'static str,
}

/// A bar.
pub(super) struct Class {
    /// Its name.
    pub(super) name: String,
    /// What is written at its left edge, if anything.
    pub(super) edge: Option<String>,
    /// Its objects, for each of the series.
    pub(super) parts: Vec<Amount>,
}

impl Class {
    fn total(&self) -> Amount {
        self.parts.iter().fold(Amount::default(), |sum, part| sum.plus(*part))
    }
}

/// What the height of a bar stands for.
struct Measure {
    name: &'static str,
    title: &'static str,
    of: fn(&Amount) -> u64,
    text: fn(u64) -> String,
    /// A value beside a line: at most nine letters, for which the style sheet leaves room.
    label: fn(u64) -> String,
    /// The value at the top line, for the largest value.
    top: fn(u64) -> u64,
}

const MEASURES: [Measure; 2] = [
    Measure {
        name: "objects",
        title: "Number of objects",
        of: |amount| amount.objects,
        text: grouped,
        label: |value| short(value, 1000, ["", "k", "M", "G", "T", "P", "E"]),
        top: top_count,
    },
    Measure {
        name: "bytes",
        title: "Bytes of these objects",
        of: |amount| amount.bytes,
        text: human,
        label: |value| short(value, 1024, BINARY),
        top: top_size,
    },
];

impl Histogram<'_> {
    /// Draws it twice, by objects and by bytes, and lists its numbers.
    pub(super) fn draw(&self) -> String {
        let panels: String = MEASURES.iter().map(|measure| self.panel(measure)).collect();
        let shared = match self.series {
            [_] => String::new(),
            series => legend(series.iter().enumerate().map(|(place, series)| (*series, self.amount(place)))),
        };
        format!("{shared}<div class=\"panels\">\n{panels}</div>\n{}", self.numbers())
    }

    /// The objects of a series.
    fn amount(&self, series: usize) -> String {
        let parts = self.classes.iter().filter_map(|class| class.parts.get(series));
        let Amount { objects: number, bytes } = parts.fold(Amount::default(), |sum, part| sum.plus(*part));
        format!("{}, {}", objects(number), human(bytes))
    }

    fn panel(&self, measure: &Measure) -> String {
        let value = |class: &Class| (measure.of)(&class.total());
        let Some(most) = self.classes.iter().max_by_key(|class| value(class)) else { return String::new() };
        let top = (measure.top)(value(most));
        let width = 100.0 / self.classes.len() as f64;
        let (mut bars, mut labels) = (String::new(), String::new());
        for (place, class) in self.classes.iter().enumerate() {
            let left = place as f64 * width;
            bars += &self.bar(class, measure, top, left, width);
            if let Some(edge) = &class.edge {
                labels += &tick(left, edge);
            }
        }
        let lines: String = [top, top / 2].into_iter().map(|at| line(at, top, &(measure.label)(at))).collect();
        let base = ABOVE + PLOT;
        let shapes = format!("{lines}{bars}<rect class=\"axis\" y=\"{base}\" width=\"100%\" height=\"1\"/>{labels}");
        let described = format!("Highest: {} with {}.", most.name, (measure.text)(value(most)));
        let id = format!("{}-{}", self.id, measure.name);
        let drawn = picture(&id, measure.title, &described, (base + BELOW) as u32, &shapes);
        format!("<div><h3>{}</h3>\n<div class=\"plot\">{drawn}</div></div>\n", measure.title)
    }

    /// The rectangles of a class, one on top of the other.
    fn bar(&self, class: &Class, measure: &Measure, top: u64, left: f64, width: f64) -> String {
        let (x, width) = (left + width * 0.07, width * 0.86);
        let (mut rectangles, mut below) = (String::new(), 0.0);
        for (series, part) in self.series.iter().zip(&class.parts) {
            if part.objects == 0 {
                continue;
            }
            let height = (percent((measure.of)(part), top) / 100.0 * PLOT).max(LEAST).min(PLOT - below);
            let y = ABOVE + PLOT - below - height;
            below += height;
            rectangles += &format!(
                "<rect x=\"{x:.3}%\" y=\"{y:.1}\" width=\"{width:.3}%\" height=\"{height:.1}\" class=\"{}\"/>",
                series.class,
            );
        }
        if rectangles.is_empty() {
            return rectangles;
        }
        let Amount { objects: number, bytes } = class.total();
        format!("<g><title>{}: {}, {}</title>{rectangles}</g>", class.name, objects(number), human(bytes))
    }

    /// The numbers of classes that are not empty.
    fn numbers(&self) -> String {
        let several = self.series.len() > 1;
        let mut headings = vec![self.axis, "Objects", "Bytes"];
        if several {
            headings.extend(self.series.iter().map(|series| series.name));
        }
        let rows: Vec<Vec<String>> = self
            .classes
            .iter()
            .filter(|class| class.total().objects > 0)
            .map(|class| {
                let Amount { objects, bytes } = class.total();
                let mut row = vec![class.name.clone(), grouped(objects), grouped(bytes)];
                if several {
                    row.extend(class.parts.iter().map(|part| grouped(part.objects)));
                }
                row
            })
            .collect();
        let caption = format!("{} that have objects", self.axis);
        format!("<details><summary>Numbers</summary>\n{}</details>\n", table(&caption, &headings, &rows))
    }
}

/// A line across, and its label to the left of the picture.
fn line(at: u64, top: u64, text: &str) -> String {
    let y = ABOVE + PLOT - percent(at, top) / 100.0 * PLOT;
    let middle = y + 4.0;
    format!(
        "<rect class=\"grid\" y=\"{y:.1}\" width=\"100%\" height=\"1\"/>\
         <text x=\"-8\" y=\"{middle:.1}\" text-anchor=\"end\">{text}</text>"
    )
}

/// A label of the axis, below the edge of a bar, and inside of the picture.
fn tick(left: f64, text: &str) -> String {
    let (base, y) = (ABOVE + PLOT, ABOVE + PLOT + BELOW - 5.0);
    let anchor = match left {
        _ if left < 4.0 => "start",
        _ if left > 92.0 => "end",
        _ => "middle",
    };
    format!(
        "<rect class=\"axis\" x=\"{left:.3}%\" y=\"{base}\" width=\"1\" height=\"5\"/>\
         <text x=\"{left:.3}%\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>"
    )
}

/// The least number that is not smaller and is 2, 4, 6 or 10 times a power of ten: half of it is a number as well.
fn top_count(largest: u64) -> u64 {
    let mut power = 1u64;
    loop {
        if let Some(top) =
            [2, 4, 6, 10].into_iter().filter_map(|step| power.checked_mul(step)).find(|top| *top >= largest)
        {
            return top;
        }
        match power.checked_mul(10) {
            Some(next) => power = next,
            None => return u64::MAX,
        }
    }
}

/// The least number of bytes that is not smaller and is a power of two or half as much again.
fn top_size(largest: u64) -> u64 {
    let Some(power) = largest.max(2).checked_next_power_of_two() else { return u64::MAX };
    let less = power / 4 * 3;
    if less >= largest.max(2) { less } else { power }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_line_is_a_round_number() {
        for (largest, top) in [(0, 2), (1, 2), (3, 4), (5, 6), (7, 10), (11, 20), (60, 60), (61, 100)] {
            assert_eq!(top_count(largest), top, "{largest}");
        }
        assert_eq!(top_count(u64::MAX), u64::MAX);
        for (largest, top) in [(0, 2), (3, 3), (4, 4), (5, 6), (7, 8), (1025, 1536), (1537, 2048)] {
            assert_eq!(top_size(largest), top, "{largest}");
        }
        assert_eq!(top_size(u64::MAX), u64::MAX);
    }
}
