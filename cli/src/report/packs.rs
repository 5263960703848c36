//! Packs: how full they are, and how much of them is dead.

use std::cmp::Reverse;

use loosepack::PackInfo;

use super::bars::{Part, shapes};
use super::markup::{self, bytes, legend};
use super::numbers::{grouped, share};
use super::space::{DEAD, LIVE};
use crate::sizes::human;

/// Rows at most. Where there are more packs, a row shows several of them.
const ROWS: usize = 24;

/// Packs with the most dead bytes that are shown by themselves when rows show several.
const WORST: usize = 5;

/// Height of a bar in pixels.
const HEIGHT: u32 = 16;

/// When the largest pack has less than this part of the full size, bars are to the scale of the largest one.
const SMALL: u64 = 10;

/// Packs of successive numbers, added up.
#[derive(Debug, Default, PartialEq, Eq)]
struct Row {
    first: u32,
    last: u32,
    packs: u64,
    objects: u64,
    size: u64,
    dead: u64,
}

impl Row {
    fn of(packs: &[PackInfo]) -> Row {
        let mut row = Row { packs: packs.len() as u64, ..Row::default() };
        row.first = packs.first().map_or(0, |pack| pack.number);
        row.last = packs.last().map_or(0, |pack| pack.number);
        for pack in packs {
            row.objects = row.objects.saturating_add(pack.objects);
            row.size = row.size.saturating_add(pack.size);
            row.dead = row.dead.saturating_add(pack.dead());
        }
        row
    }

    fn name(&self) -> String {
        match self.packs {
            1 => self.first.to_string(),
            _ => format!("{}\u{2013}{}", self.first, self.last),
        }
    }

    /// Draws it; `scale`: the bytes that the width of a bar stands for.
    fn draw(&self, scale: u64) -> String {
        let part = |series, value| Part { series, value, text: human(value) };
        let bar = shapes(&[part(LIVE, self.size.saturating_sub(self.dead)), part(DEAD, self.dead)], scale, HEIGHT);
        format!(
            "<tr><th scope=\"row\">{}</th><td class=\"bar\"><svg class=\"picture\" width=\"100%\" height=\"{HEIGHT}\" \
             aria-hidden=\"true\">{bar}</svg></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
            self.name(),
            grouped(self.objects),
            bytes(self.size),
            bytes(self.dead),
            share(self.dead, self.size),
        )
    }
}

/// Shows all packs, in a bounded number of rows.
pub(super) fn section(packs: &[PackInfo], target: u64) -> String {
    if packs.is_empty() {
        return markup::section("packs", "Packs", "<p>There are no packs.</p>\n");
    }
    let together = packs.len().div_ceil(ROWS);
    let rows: Vec<Row> = packs.chunks(together).map(Row::of).collect();
    let full = packs.iter().filter(|pack| pack.size >= target).count() as u64;
    let mut words = format!(
        "<p>Full packs: {} of {}. A pack that has reached {} takes no more objects.",
        grouped(full),
        grouped(packs.len() as u64),
        human(target),
    );
    if together > 1 {
        words += &format!(" Each row adds up {together} packs.");
    }
    let (scale, scaled) = scale(&rows, target.saturating_mul(together as u64));
    words += &format!(" {scaled}</p>\n");
    let mut content = words + &flaws(packs) + &legend([(LIVE, String::new()), (DEAD, String::new())]);
    content += &table("Packs and their bytes", &rows, scale);
    if together > 1 {
        content += &worst(packs, target);
    }
    markup::section("packs", "Packs", &content)
}

/// The bytes that the width of a bar stands for, and words about that.
fn scale(rows: &[Row], full: u64) -> (u64, String) {
    let largest = rows.iter().map(|row| row.size).max().unwrap_or(0).max(1);
    match largest < full / SMALL {
        true => (largest, format!("A whole bar stands for {}, the size of the largest.", human(largest))),
        false => (largest.max(full), format!("A whole bar stands for {}.", human(largest.max(full)))),
    }
}

/// Reports packs that cannot hold what the index says.
fn flaws(packs: &[PackInfo]) -> String {
    match packs.iter().filter(|pack| pack.size < pack.live).count() as u64 {
        0 => String::new(),
        number => format!(
            "<p class=\"warning\" role=\"note\">{} missing, or shorter than the objects in {}: run <code>loosepack \
             doctor</code>.</p>\n",
            if number == 1 { "A pack is".into() } else { format!("{} packs are", grouped(number)) },
            if number == 1 { "it" } else { "them" },
        ),
    }
}

/// Shows the packs with the most dead bytes.
fn worst(packs: &[PackInfo], target: u64) -> String {
    let mut dead: Vec<&PackInfo> = packs.iter().filter(|pack| pack.dead() > 0).collect();
    dead.sort_unstable_by_key(|pack| (Reverse(pack.dead()), pack.number));
    let rows: Vec<Row> = dead.into_iter().take(WORST).map(|pack| Row::of(&[*pack])).collect();
    match rows.len() {
        0 => String::new(),
        _ => format!(
            "<h3>Most dead bytes</h3>\n{}",
            table("Packs with the most dead bytes", &rows, scale(&rows, target).0)
        ),
    }
}

fn table(caption: &str, rows: &[Row], scale: u64) -> String {
    let rows: String = rows.iter().map(|row| row.draw(scale)).collect();
    format!(
        "<table class=\"packs\"><caption class=\"unseen\">{caption}</caption>\n<thead><tr><th scope=\"col\">Pack</th>\
         <th scope=\"col\" class=\"bar\"><span class=\"unseen\">Live and dead</span></th><th scope=\"col\">Objects</th>\
         <th scope=\"col\">Size</th><th scope=\"col\">Dead</th><th scope=\"col\"><span class=\"unseen\">Dead in \
         percent</span></th></tr></thead>\n<tbody>\n{rows}</tbody></table>\n"
    )
}
