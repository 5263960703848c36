//! A part of a run's fences, searched as text.

use alloc::vec::Vec;
use core::ops::RangeInclusive;
use core::str;

use super::fences::{FENCE, Fences};
use crate::id::ObjectId;

/// Fences of blocks that follow each other, as they are in the file. Nothing is known of them but what they say.
pub(crate) struct FencePart {
    /// The block of the first of them.
    first: u64,
    text: Vec<u8>,
}

/// Where the blocks are that can hold an id.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// These hold it, or none does.
    Within(RangeInclusive<u64>),
    /// Before the second block of the part, or in it.
    Before,
    /// Behind the last but one.
    Behind,
}

impl FencePart {
    /// Takes the text of fences, the first of which is that of block `first`.
    pub(crate) fn new(first: u64, text: Vec<u8>) -> Self {
        FencePart { first, text }
    }

    /// The number of the block behind the last of the part.
    pub(crate) fn end(&self) -> u64 {
        self.first + (self.text.len() / FENCE) as u64
    }

    fn digits(&self, number: usize) -> &[u8] {
        &self.text[number * FENCE + 1..][..16]
    }

    /// Returns the prefix of a block's first id; `None` for a block of another part, and for a damaged fence.
    pub(crate) fn prefix(&self, block: u64) -> Option<u64> {
        let number = block.checked_sub(self.first).filter(|_| block < self.end())?;
        u64::from_str_radix(str::from_utf8(self.digits(number as usize)).ok()?, 16).ok()
    }

    /// Returns where the blocks are that can hold an id, in a run of `blocks` blocks.
    pub(crate) fn side(&self, id: &ObjectId, blocks: u64) -> Side {
        let (hex, count) = (id.to_hex(), self.text.len() / FENCE);
        let prefix = &hex[..16];
        let (mut less, mut high) = (0, count);
        while less < high {
            let middle = less.midpoint(high);
            if self.digits(middle) < prefix { less = middle + 1 } else { high = middle }
        }
        // A block that starts with the same prefix may hold the id, or the one before it.
        let same = usize::from(less < count && self.digits(less) == prefix);
        if less == 0 && self.first > 0 {
            Side::Before
        } else if less + same == count && self.end() < blocks {
            Side::Behind
        } else {
            let block = |number: usize| self.first + number.saturating_sub(1) as u64;
            Side::Within(block(less)..=block(less + same))
        }
    }

    /// Returns the fences from block `first` on, up to the one behind `last` if there is one. `None` when one of them
    /// is damaged.
    pub(crate) fn fences(&self, first: u64, last: u64) -> Option<Fences> {
        let number = |block: u64| block.checked_sub(self.first).map(|number| number as usize * FENCE);
        Fences::of(self.text.get(number(first)?..number(self.end().min(last + 2))?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::fences::push;

    fn id(prefix: u64) -> ObjectId {
        let mut digest = [7; ObjectId::LEN];
        digest[..8].copy_from_slice(&prefix.to_be_bytes());
        ObjectId::from_bytes(digest)
    }

    #[test]
    fn the_blocks_of_an_id_are_those_of_all_fences_or_beyond_the_part() {
        let prefixes: [u64; 7] = [3, 10, 11, 500, 501, 1 << 40, u64::MAX];
        let mut text = Vec::new();
        prefixes.iter().for_each(|prefix| push(&mut text, *prefix, b"lines"));
        let (all, blocks) = (Fences::of(&text).unwrap(), prefixes.len());
        for first in 0..blocks {
            for end in first + 1..=blocks {
                let part = FencePart::new(first as u64, text[first * FENCE..end * FENCE].to_vec());
                for prefix in prefixes.iter().flat_map(|prefix| [prefix - 1, *prefix, prefix.saturating_add(1)]) {
                    let (low, high) = all.blocks(0, &id(prefix));
                    match part.side(&id(prefix), blocks as u64) {
                        Side::Within(found) => assert_eq!(found, low..=high, "{prefix} in {first}..{end}"),
                        Side::Before => assert!(first > 0 && low <= first as u64, "{prefix} in {first}..{end}"),
                        Side::Behind => {
                            assert!(end < blocks && high + 1 >= end as u64, "{prefix} in {first}..{end}");
                        }
                    }
                }
                assert_eq!(part.prefix(first as u64), Some(prefixes[first]));
                assert_eq!((part.prefix(end as u64), part.end()), (None, end as u64));
            }
        }
        let whole = FencePart::new(0, text);
        assert_eq!(whole.side(&id(10), 7), Side::Within(0..=1), "the id may be the first with this prefix, or before");
        assert_eq!(whole.fences(2, 3).unwrap().last(), Some(501));
        assert_eq!(whole.fences(5, 6).unwrap().last(), Some(u64::MAX));
    }

    #[test]
    fn damaged_fences_are_none() {
        let mut text = Vec::new();
        (1..4).for_each(|prefix| push(&mut text, prefix, b"lines"));
        for byte in 1..FENCE - 2 {
            let mut damaged = text.clone();
            damaged[FENCE + byte] = b'?';
            let part = FencePart::new(0, damaged);
            assert!(part.fences(0, 0).is_none(), "byte {byte}");
            assert_eq!(part.prefix(1).is_none(), byte <= 16, "byte {byte}");
            part.side(&id(2), 3);
        }
        let mut swapped = text[FENCE..].to_vec();
        swapped.extend_from_slice(&text[..FENCE]);
        assert!(FencePart::new(0, swapped).fences(1, 2).is_none());
    }
}
