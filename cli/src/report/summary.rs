//! The most important numbers, and what is worth doing.

use super::markup::{bytes, escape, section};
use super::numbers::{grouped, share};
use super::snapshot::Snapshot;
use crate::advice::advice as worth_it;

/// Shows a few numbers in large letters.
pub(super) fn tiles(snapshot: &Snapshot) -> String {
    let (stats, total, dead) = (&snapshot.stats, snapshot.survey.total(), snapshot.dead());
    let files = [stats.loose_size, stats.index_size, stats.unfinished_size];
    let disk = files.into_iter().fold(stats.packs_size, u64::saturating_add);
    let tiles = [
        ("objects", "Objects", grouped(total.objects)),
        ("content", "Their sizes added up", bytes(total.bytes)),
        ("disk", "On disk", bytes(disk)),
        ("dead", "Dead in packs", format!("{} <small>{}</small>", bytes(dead), share(dead, stats.packs_size))),
    ];
    let tile = |(id, name, value): (&str, &str, String)| {
        format!("<div class=\"tile\"><dt>{name}</dt><dd id=\"{id}\">{value}</dd></div>\n")
    };
    format!("<dl class=\"tiles\">\n{}</dl>\n", tiles.into_iter().map(tile).collect::<String>())
}

/// Shows what is worth running.
pub(super) fn advice(snapshot: &Snapshot) -> String {
    let item = |command: &str, why: &str| {
        format!("<li><code>loosepack {}</code><span>{}.</span></li>\n", escape(command), escape(why))
    };
    let items: String = worth_it(&snapshot.stats).iter().map(|advice| item(advice.command, &advice.why)).collect();
    let content = match &items[..] {
        "" => "<p>Nothing: neither packing nor repacking would gain much.</p>\n".into(),
        items => format!("<ul class=\"advice\">\n{items}</ul>\n"),
    };
    section("advice", "Worth doing", &content)
}
