//! The numbers of `status`, exactly.

use super::markup::{self, table};
use super::numbers::grouped;
use super::snapshot::Snapshot;
use crate::sizes::human;

/// Lists the numbers.
pub(super) fn section(snapshot: &Snapshot) -> String {
    let (config, stats) = (&snapshot.config, &snapshot.stats);
    let count = |name: &str, number: u64| vec![name.to_string(), grouped(number), String::new()];
    let size = |name: &str, number: u64| vec![name.to_string(), grouped(number), human(number)];
    let rows = [
        count("Loose objects", stats.loose_objects),
        size("Bytes of loose objects", stats.loose_size),
        count("Loose objects that are packed as well", stats.loose_packed),
        count("Packed objects", stats.packed_objects),
        size("Bytes of packed objects", stats.packed_size),
        size("Bytes they are stored in", stats.packed_length),
        count("Packs", stats.packs),
        size("Bytes of packs", stats.packs_size),
        size("Dead bytes in packs", snapshot.dead()),
        size("Bytes of the index", stats.index_size),
        count("Unfinished files", stats.unfinished),
        size("Bytes of unfinished files", stats.unfinished_size),
        size("Bytes from which on a pack is full", config.pack_target),
        count("Compression level", config.compression_level.into()),
    ];
    markup::section(
        "numbers",
        "Numbers",
        &table("The numbers of <code>loosepack status</code>", &["", "Exactly", "About"], &rows),
    )
}
