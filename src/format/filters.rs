//! The filters of a run: what tells of most ids that its blocks do not hold them. And the line of them in its file.

use alloc::format;
use alloc::vec::Vec;
use core::str;

use super::block_list::BlockList;
use crate::id::ObjectId;

/// The line of filters.
pub(crate) const FILTERS: BlockList =
    BlockList { start: b"{\"filters\":[", item: WORDS * DIGITS + 3, name: "the line of its filters" };

/// Words of a filter: 8 bits for each entry of a full block.
const WORDS: usize = 8;
/// Hexadecimal digits of a word.
const DIGITS: usize = 16;
/// Bits that an id sets. Of ids that a full block does not hold 2 in 100 pass: `(1 - exp(-5 * 64 / 512)) ^ 5`. (Bloom,
/// "Space/time trade-offs in hash coding with allowable errors", 1970.) With six bits it would be 2.16 instead of 2.17.
const BITS: u32 = 5;
/// Binary digits of a position in a filter.
const POSITION: u32 = 9;

/// The filter of one block: a Bloom filter of its ids, whose own bits serve as the hashes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Filter([u64; WORDS]);

/// The words and bits of an id. They are of its second eight bytes: the first eight decide on the block.
fn positions(id: &ObjectId) -> impl Iterator<Item = (usize, u64)> {
    let bits = id.second();
    (0..BITS).map(move |number| {
        let position = bits >> (number * POSITION) & ((1 << POSITION) - 1);
        ((position / 64) as usize, 1 << (position % 64))
    })
}

impl Filter {
    /// Lets an id pass.
    pub(crate) fn insert(&mut self, id: &ObjectId) {
        positions(id).for_each(|(word, bit)| self.0[word] |= bit);
    }

    /// Appends the string of a filter to the text that precedes it.
    pub(crate) fn push(&self, text: &mut Vec<u8>) {
        text.push(b'"');
        self.0.iter().for_each(|word| text.extend_from_slice(format!("{word:016x}").as_bytes()));
        text.extend_from_slice(b"\",");
    }
}

/// Filters of blocks that follow each other.
#[derive(Default)]
pub(crate) struct Filters(Vec<Filter>);

impl Filters {
    /// Appends the filters of a part of the line. Returns `None` if one is malformed.
    pub(crate) fn decode(&mut self, text: &[u8]) -> Option<()> {
        for item in text.chunks_exact(FILTERS.item) {
            let digits = item.strip_prefix(b"\"")?.get(..WORDS * DIGITS)?;
            let mut filter = Filter::default();
            for (word, digits) in filter.0.iter_mut().zip(digits.chunks_exact(DIGITS)) {
                *word = u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
            }
            self.0.push(filter);
        }
        Some(())
    }

    /// Forgets all filters.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Returns the filter of a block.
    pub(crate) fn of(&self, block: u64) -> Option<&Filter> {
        self.0.get(usize::try_from(block).ok()?)
    }

    /// Returns whether a block may hold an id.
    pub(crate) fn pass(&self, block: u64, id: &ObjectId) -> bool {
        self.of(block).is_none_or(|filter| positions(id).all(|(word, bit)| filter.0[word] & bit != 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::run_header::RUN_BLOCK;

    /// An ID with well mixed bits, as digests have them (SplitMix64; Steele, Lea, Flood 2014).
    fn id(number: u64) -> ObjectId {
        let mut digest = [0; ObjectId::LEN];
        for (chunk, step) in digest.chunks_exact_mut(8).zip(1..) {
            let mut mixed = (number * 4 + step).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(mixed ^ mixed >> 31).to_be_bytes());
        }
        ObjectId::from_bytes(digest)
    }

    fn full(block: u64) -> Filter {
        let mut filter = Filter::default();
        (0..RUN_BLOCK).for_each(|number| filter.insert(&id(block * RUN_BLOCK + number)));
        filter
    }

    #[test]
    fn what_is_in_a_block_passes_and_hardly_anything_else() {
        let mut text = Vec::new();
        (0..100).for_each(|block| full(block).push(&mut text));
        let mut filters = Filters::default();
        let (first, second) = text.split_at(37 * FILTERS.item);
        assert!([first, second].into_iter().all(|part| filters.decode(part).is_some()));
        let entries = 100 * RUN_BLOCK;
        assert!((0..entries).all(|number| filters.pass(number / RUN_BLOCK, &id(number))));
        let passed = (entries..2 * entries).filter(|number| filters.pass(number % 100, &id(*number))).count();
        assert!((entries as usize / 100..entries as usize * 4 / 100).contains(&passed), "{passed} of {entries}");
        assert!(filters.pass(100, &id(0)), "nothing is known of other blocks");
        assert!((0..100).all(|block| filters.of(block) == Some(&full(block))));
        filters.clear();
        assert_eq!(filters.of(0), None);
    }

    #[test]
    fn malformed_filters_are_none() {
        let mut text = Vec::new();
        full(0).push(&mut text);
        assert_eq!(text.len(), FILTERS.item);
        for byte in 0..FILTERS.item - 2 {
            let mut damaged = text.clone();
            damaged[byte] = b'?';
            assert!(Filters::default().decode(&damaged).is_none(), "byte {byte}");
        }
    }
}
