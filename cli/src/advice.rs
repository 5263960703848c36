//! Maintenance that is worth it, and why.

use loosepack::Stats;

use crate::sizes::{counted, human};

/// Loose objects, or their bytes, from which on packing is worth it.
const LOOSE: (u64, u64) = (1000, 64 << 20);
/// The percentage of dead bytes in packs, and their number, from which on repacking is worth it.
const DEAD: (u64, u64) = (25, 1 << 20);

/// A command to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Advice {
    /// The subcommand and its options.
    pub(crate) command: &'static str,
    /// The reason, as a sentence without its end.
    pub(crate) why: String,
}

/// Returns what is worth running, in the order in which to run it.
pub(crate) fn advice(stats: &Stats) -> Vec<Advice> {
    let mut all = Vec::new();
    let unpacked = stats.loose_objects.saturating_sub(stats.loose_packed);
    if unpacked >= LOOSE.0 || unpacked > 0 && stats.loose_size >= LOOSE.1 {
        let (objects, size) = (counted(unpacked, "loose object"), human(stats.loose_size));
        let why = format!("{objects}, {size} with those that are packed already, would fit into few files");
        all.push(Advice { command: "pack --clean", why });
    } else if stats.loose_packed > 0 {
        let objects = counted(stats.loose_packed, "object");
        all.push(Advice { command: "clean", why: format!("{objects} are packed, and still have files of their own") });
    }
    if stats.packs_dead >= DEAD.1
        && u128::from(stats.packs_dead) * 100 >= u128::from(stats.packs_size) * u128::from(DEAD.0)
    {
        let (dead, size) = (human(stats.packs_dead), human(stats.packs_size));
        all.push(Advice { command: "repack", why: format!("about {dead} of {size} in packs are dead") });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(stats: &Stats) -> Vec<&'static str> {
        advice(stats).iter().map(|advice| advice.command).collect()
    }

    #[test]
    fn what_is_worth_it_is_advised() {
        let quiet = Stats { loose_objects: 999, loose_size: 1 << 20, packs_size: 1 << 30, ..Stats::default() };
        assert_eq!(commands(&quiet), [] as [&str; 0]);
        assert_eq!(commands(&Stats { loose_objects: 1000, ..quiet }), ["pack --clean"]);
        assert_eq!(commands(&Stats { loose_size: 64 << 20, ..quiet }), ["pack --clean"]);
        assert_eq!(commands(&Stats { loose_packed: 999, loose_size: 64 << 20, ..quiet }), ["clean"]);
        assert_eq!(commands(&Stats { packs_dead: 1 << 28, ..quiet }), ["repack"]);
        assert_eq!(commands(&Stats { packs_dead: (1 << 28) - 1, ..quiet }), [] as [&str; 0]);
        let small = Stats { packs_size: 1 << 20, packs_dead: (1 << 20) - 1, ..Stats::default() };
        assert_eq!(commands(&small), [] as [&str; 0]);
        let both = Stats { loose_objects: 5000, packs_dead: u64::MAX, packs_size: u64::MAX, ..Stats::default() };
        assert_eq!(commands(&both), ["pack --clean", "repack"]);
    }
}
