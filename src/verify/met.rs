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
    /// Pages there may be.
    most: usize,
    complete: bool,
}

impl Met {
    /// Nothing has been met. At most `bytes` of memory are used.
    pub(super) fn new(bytes: usize) -> Self {
        Met { pages: BTreeMap::new(), most: bytes / size_of::<[u64; WORDS]>(), complete: true }
    }

    /// Whether all that was met is remembered.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// A record whose payload starts there was met.
    pub(super) fn insert(&mut self, offset: u64) {
        let (page, word, bit) = place(offset);
        if self.pages.len() >= self.most && !self.pages.contains_key(&page) {
            self.complete = false;
            return;
        }
        self.pages.entry(page).or_insert_with(|| Box::new([0; WORDS]))[word] |= bit;
    }

    /// Whether a record whose payload starts there was met, as far as is remembered.
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
        let offsets = [0, 150, 64 * 64 * 64 - 1, 64 * 64 * 64, u64::MAX];
        offsets.iter().for_each(|offset| met.insert(*offset));
        assert!(met.is_complete());
        for offset in offsets {
            assert!(met.contains(offset), "{offset}");
            assert!(!met.contains(offset ^ 64), "{offset}");
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut met = Met::new(1024);
        for page in 0..3 {
            met.insert(page << 18);
        }
        assert!(met.contains(0) && met.contains(1 << 18) && !met.contains(2 << 18));
        assert!(!met.is_complete());
    }
}
