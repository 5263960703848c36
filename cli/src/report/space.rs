//! Where the objects and the bytes are.

use super::bars::{Part, bar, sum};
use super::markup::{self, Series};
use super::numbers::objects;
use super::snapshot::Snapshot;
use crate::sizes::human;

/// Objects in packs, and the bytes of their records.
pub(super) const PACKED: Series = Series { class: "packed", name: "packed" };
/// Objects that are in files of their own only.
pub(super) const LOOSE: Series = Series { class: "loose", name: "loose only" };
/// Bytes in packs that are in use.
pub(super) const LIVE: Series = Series { class: "packed", name: "live in packs" };
/// Bytes in packs that are not in use.
pub(super) const DEAD: Series = Series { class: "dead", name: "dead in packs" };

/// Shows packed against loose objects, and what takes the space on the disk.
pub(super) fn section(snapshot: &Snapshot) -> String {
    let stats = &snapshot.stats;
    let count = |class, name, value| Part { series: Series { class, name }, value, text: objects(value) };
    let counts = [
        count("packed", "packed only", stats.packed_objects.saturating_sub(stats.loose_packed)),
        count("both", "packed and still loose", stats.loose_packed),
        count("loose", "loose only", stats.loose_objects.saturating_sub(stats.loose_packed)),
    ];
    let size = |series, value| Part { series, value, text: human(value) };
    let dead = snapshot.dead();
    let sizes = [
        size(LIVE, stats.packs_size.saturating_sub(dead)),
        size(DEAD, dead),
        size(Series { class: "loose", name: "loose files" }, stats.loose_size),
        size(Series { class: "index", name: "index" }, stats.index_size),
        size(Series { class: "unfinished", name: "unfinished files" }, stats.unfinished_size),
    ];
    let content = [
        bar("space-objects", "Objects, loose and packed", &counts, sum(&counts)),
        bar("space-bytes", "Bytes on disk", &sizes, sum(&sizes)),
    ];
    markup::section("space", "Where things are", &content.concat())
}
