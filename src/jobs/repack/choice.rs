//! Which packs are worth repacking.

use alloc::vec::Vec;

use super::RepackOptions;
use crate::container::usage::PackInfo;

/// The percentage of a pack that is dead from which on it is repacked, unless the caller gives one.
const MIN_DEAD: u8 = 25;

/// The last pack there is: the one that a packer appends to.
pub(super) fn last(packs: &[PackInfo]) -> Option<u32> {
    packs.iter().filter(|pack| pack.size > 0).map(|pack| pack.number).max()
}

/// Chooses packs that are dead enough, and small ones to be merged, in the order of their numbers. `target`: see
/// [`Config`](crate::Config).
///
/// Packs smaller than half of the target are small. The last pack is not, as it still grows: others are merged into it.
/// After the packs that were chosen are gone, at most one small one is left, so that a second repack finds nothing to do.
pub(super) fn choose(packs: &[PackInfo], target: u64, options: &RepackOptions) -> Vec<PackInfo> {
    let all = options.compression.is_some() && options.min_dead.is_none();
    let percent = u128::from(options.min_dead.unwrap_or(MIN_DEAD));
    let is_dead =
        |pack: &PackInfo| all || pack.dead() > 0 && u128::from(pack.dead()) * 100 >= percent * u128::from(pack.size);
    // A pack whose file is missing or empty has nothing to move.
    let (mut chosen, rest): (Vec<PackInfo>, Vec<PackInfo>) =
        packs.iter().filter(|pack| pack.size > 0).partition(|pack| is_dead(pack));
    let last = last(packs);
    let small: Vec<PackInfo> =
        rest.iter().filter(|pack| Some(pack.number) != last && pack.size < target.div_ceil(2)).copied().collect();
    let has_room = rest.iter().any(|pack| Some(pack.number) == last && pack.size < target);
    if small.len() + usize::from(has_room) > 1 {
        chosen.extend(small);
    }
    chosen.sort_unstable_by_key(|pack| pack.number);
    chosen
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::options::Compression;

    fn pack(number: u32, size: u64, live: u64) -> PackInfo {
        PackInfo { number, size, objects: 1, live }
    }

    fn chosen(packs: &[PackInfo], options: RepackOptions) -> Vec<u32> {
        choose(packs, 100, &options).iter().map(|pack| pack.number).collect()
    }

    #[test]
    fn packs_that_are_dead_enough_are_chosen() {
        let packs = [pack(0, 100, 100), pack(1, 100, 76), pack(2, 100, 75), pack(3, 100, 0), pack(4, 100, 100)];
        assert_eq!(chosen(&packs, RepackOptions::default()), [2, 3]);
        let at = |percent| RepackOptions { min_dead: Some(percent), ..RepackOptions::default() };
        assert_eq!(chosen(&packs, at(0)), [1, 2, 3]);
        assert_eq!(chosen(&packs, at(24)), [1, 2, 3]);
        assert_eq!(chosen(&packs, at(100)), [3]);
        let recompressed = RepackOptions { compression: Some(Compression::Always), ..RepackOptions::default() };
        assert_eq!(chosen(&packs, recompressed), [0, 1, 2, 3, 4]);
        assert_eq!(chosen(&[pack(0, u64::MAX, 0), pack(1, u64::MAX, u64::MAX)], at(100)), [0]);
    }

    #[test]
    fn small_packs_are_merged_if_that_makes_fewer() {
        let options = RepackOptions::default();
        assert_eq!(chosen(&[pack(0, 10, 10), pack(1, 10, 10), pack(2, 100, 100)], options), [0, 1]);
        assert_eq!(chosen(&[pack(0, 10, 10), pack(1, 99, 99)], options), [0]);
        assert_eq!(chosen(&[pack(0, 10, 10), pack(1, 100, 100)], options), [] as [u32; 0]);
        assert_eq!(chosen(&[pack(0, 100, 100), pack(1, 10, 10)], options), [] as [u32; 0]);
        assert_eq!(chosen(&[pack(0, 50, 50), pack(1, 10, 10)], options), [] as [u32; 0]);
    }

    #[test]
    fn missing_and_empty_packs_are_left() {
        let packs = vec![pack(0, 0, 80), pack(1, 0, 0), pack(2, 100, 100)];
        assert_eq!(chosen(&packs, RepackOptions { min_dead: Some(0), ..RepackOptions::default() }), [] as [u32; 0]);
        assert_eq!(last(&packs), Some(2));
        assert_eq!(last(&[pack(0, 0, 80)]), None);
    }
}
