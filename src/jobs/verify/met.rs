//! Which records of a pack have been met, in little memory.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;

/// Bytes of a pack in which at most one payload starts: a header is longer.
const CELL: u64 = 64;
/// Words of a page, of 64 cells each.
const WORDS: usize = 64;

/// Places of a pack at which payloads of met records start: a bit for each 64 bytes, 8 MiB for a pack of 4 GiB.
pub(super) struct Met {
    pages: BTreeMap<u64, Box<[u64; WORDS]>>,
    /// Places from here on are not remembered.
    until: u64,
}

impl Met {
    /// Nothing has been met. At most about `bytes` of memory are used.
    pub(super) fn new(bytes: usize) -> Self {
        Met { pages: BTreeMap::new(), until: bytes as u64 * 8 * CELL }
    }

    /// Returns whether a record whose payload starts there is remembered.
    pub(super) fn remembers(&self, offset: u64) -> bool {
        offset < self.until
    }

    /// A record whose payload starts there, which is remembered, was met.
    pub(super) fn insert(&mut self, offset: u64) {
        let (page, word, bit) = place(offset);
        self.pages.entry(page).or_insert_with(|| Box::new([0; WORDS]))[word] |= bit;
    }

    /// Returns whether a record whose payload starts there, which is remembered, was met.
    pub(super) fn contains(&self, offset: u64) -> bool {
        let (page, word, bit) = place(offset);
        self.pages.get(&page).is_some_and(|words| words[word] & bit != 0)
    }
}

fn place(offset: u64) -> (u64, usize, u64) {
    let cell = offset / CELL;
    let of_page = (cell % (64 * WORDS as u64)) as usize;
    (cell / (64 * WORDS as u64), of_page / 64, 1 << (of_page % 64))
}

#[cfg(test)]
mod tests {
    use super::Met;

    #[test]
    fn what_was_met_is_known_and_nothing_else() {
        let mut met = Met::new(1 << 20);
        let offsets = [0, 150, 64 * 64 * 64 - 1, 64 * 64 * 64, (512 << 20) - 1];
        offsets.iter().for_each(|offset| met.insert(*offset));
        for offset in offsets {
            assert!(met.remembers(offset) && met.contains(offset), "{offset}");
            assert!(!met.contains(offset ^ 64), "{offset}");
        }
    }

    #[test]
    fn memory_is_bounded() {
        let met = Met::new(1024);
        assert!(met.remembers((512 << 10) - 1) && !met.remembers(512 << 10) && !met.remembers(u64::MAX));
        assert!(!Met::new(0).remembers(0));
    }
}
