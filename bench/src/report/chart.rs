//! The chart: a panel for each row, a bar for each side.

use plotters::backend::SVGBackend;
use plotters::drawing::IntoDrawingArea as _;
use plotters::element::{Rectangle, Text};
use plotters::style::{IntoFont as _, RGBColor, ShapeStyle, WHITE};

use super::Report;
use super::markdown::number;
use crate::Result;
use crate::sides::{COMPONENT, FLOOR, NATIVE, PORTABLE};
use crate::suites::Row;

const COLUMNS: usize = 3;
const PANEL_WIDTH: u32 = 400;
const BAR_HEIGHT: i32 = 16;
const TITLE_HEIGHT: i32 = 30;
/// Where bars begin, and the room for their numbers at the end.
const NAMES_WIDTH: i32 = 112;
const NUMBERS_WIDTH: i32 = 62;

const INK: RGBColor = RGBColor(40, 40, 40);
const OURS: RGBColor = RGBColor(0, 108, 180);
const OURS_LIGHT: RGBColor = RGBColor(120, 180, 220);
const BOUND: RGBColor = RGBColor(150, 150, 150);
const OTHERS: RGBColor = RGBColor(224, 160, 72);

pub(super) fn draw(report: &Report) -> Result<String> {
    let panel_height = TITLE_HEIGHT + BAR_HEIGHT * i32::try_from(report.sides.len())? + 14;
    let lines = report.rows.len().div_ceil(COLUMNS);
    let size = (PANEL_WIDTH * u32::try_from(COLUMNS)?, u32::try_from(panel_height * i32::try_from(lines)?)?);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&WHITE)?;
        for (row, panel) in report.rows.iter().zip(root.split_evenly((lines, COLUMNS))) {
            let title = format!("{}, {}", row.step.label(), row.step.unit().sign());
            let font = |size: i32| ("sans-serif", size).into_font().color(&INK);
            panel.draw(&Text::new(title, (8, 8), font(15)))?;
            let longest = values(report, row).filter_map(|(_, value)| value).fold(0.0, f64::max);
            let room = f64::from(i32::try_from(PANEL_WIDTH)? - NAMES_WIDTH - NUMBERS_WIDTH);
            for (position, (name, value)) in values(report, row).enumerate() {
                let top = TITLE_HEIGHT + BAR_HEIGHT * i32::try_from(position)?;
                panel.draw(&Text::new(name.to_owned(), (8, top), font(12)))?;
                let Some(value) = value else { continue };
                let end = NAMES_WIDTH + (value / longest * room).max(1.0) as i32;
                let corners = [(NAMES_WIDTH, top), (end, top + BAR_HEIGHT - 4)];
                panel.draw(&Rectangle::new(corners, ShapeStyle::from(color(name)).filled()))?;
                panel.draw(&Text::new(number(value), (end + 4, top), font(12)))?;
            }
        }
        root.present()?;
    }
    Ok(svg)
}

fn values<'a>(report: &'a Report, row: &'a Row) -> impl Iterator<Item = (&'static str, Option<f64>)> + 'a {
    report.sides.iter().map(|(name, _)| (*name, row.value(name)))
}

fn color(side: &str) -> RGBColor {
    match side {
        COMPONENT => OURS,
        NATIVE | PORTABLE => OURS_LIGHT,
        FLOOR => BOUND,
        _ => OTHERS,
    }
}
