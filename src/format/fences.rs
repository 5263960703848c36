//! The fences of a run: where each of its blocks starts, and a checksum of it. And the line of them in its file.

use alloc::format;
use alloc::vec::Vec;
use core::str;

use super::block_list::BlockList;
use super::run_header::RUN_BLOCK as BLOCK;
use crate::id::ObjectId;

/// The line of fences.
pub(crate) const FENCES: BlockList = BlockList { start: b"{\"fences\":[", item: FENCE, name: "the line of its fences" };

/// Bytes of a fence in a file: 24 digits, two quotes, and a comma or, behind the last, a space.
pub(crate) const FENCE: usize = 27;

/// Appends the fence of a block, whose first id has this prefix, to the text that precedes it.
pub(crate) fn push(text: &mut Vec<u8>, prefix: u64, lines: &[u8]) {
    let crc = crc32fast::hash(lines);
    text.extend_from_slice(format!("\"{prefix:016x}{crc:08x}\",").as_bytes());
}

/// Returns the number of prefixes that are less than another, which is at least `from`. Starts where uniform ids let
/// expect it, and looks ever further from there: of `n` blocks the one that holds an id deviates by `n.isqrt() / 16` at
/// most, one standard deviation. So few lines of the processor's cache are touched, which in a large run are not in it.
fn position(prefixes: &[u64], from: usize, prefix: u64) -> usize {
    let expected = ((u128::from(prefix) * prefixes.len() as u128) >> u64::BITS) as usize;
    let expected = expected.max(from);
    let less = |number: usize| prefixes[number] < prefix;
    let (low, high);
    let mut step = 1;
    if expected < prefixes.len() && less(expected) {
        let mut behind = expected + 1;
        while behind + step < prefixes.len() && less(behind + step) {
            (behind, step) = (behind + step + 1, step * 2);
        }
        (low, high) = (behind, prefixes.len().min(behind + step));
    } else {
        let mut before = expected;
        while step < before - from && !less(before - step) {
            (before, step) = (before - step, step * 2);
        }
        (low, high) = (before.saturating_sub(step).max(from), before);
    }
    low + prefixes[low..high].partition_point(|fence| *fence < prefix)
}

/// Fences of blocks that follow each other.
#[derive(Default)]
pub(crate) struct Fences {
    /// The first eight bytes of its first id.
    prefixes: Vec<u64>,
    /// CRC-32 of its lines.
    checksums: Vec<u32>,
}

impl Fences {
    /// Fences from a part of the line; `None` as [`Fences::decode`] has it.
    pub(crate) fn of(text: &[u8]) -> Option<Self> {
        let mut fences = Fences::default();
        fences.decode(text)?;
        Some(fences)
    }

    /// Appends the fences of a part of the line. Returns `None` if one is malformed or the prefixes do not strictly
    /// increase. Equal prefixes never occur with real digests; accepting them would let a crafted run make one lookup
    /// read any number of blocks.
    pub(crate) fn decode(&mut self, text: &[u8]) -> Option<()> {
        for fence in text.chunks_exact(FENCE) {
            let digits = str::from_utf8(fence.strip_prefix(b"\"")?.get(..24)?).ok()?;
            let prefix = u64::from_str_radix(digits.get(..16)?, 16).ok()?;
            self.prefixes.last().is_none_or(|last| *last < prefix).then_some(())?;
            self.prefixes.push(prefix);
            self.checksums.push(u32::from_str_radix(digits.get(16..)?, 16).ok()?);
        }
        Some(())
    }

    /// Forgets all fences.
    pub(crate) fn clear(&mut self) {
        self.prefixes.clear();
        self.checksums.clear();
    }

    /// Returns the number of these fences.
    pub(crate) fn count(&self) -> u64 {
        self.prefixes.len() as u64
    }

    /// Returns the prefix of the last of these fences.
    pub(crate) fn last(&self) -> Option<u64> {
        self.prefixes.last().copied()
    }

    /// Returns the prefix of a block's first ID.
    pub(crate) fn prefix(&self, block: u64) -> Option<u64> {
        self.prefixes.get(block as usize).copied()
    }

    /// The blocks that can hold an id, first and last, when none before `from` can.
    pub(crate) fn blocks(&self, from: u64, id: &ObjectId) -> (u64, u64) {
        let prefix = id.prefix();
        let from = from as usize;
        let prefixes = &self.prefixes[from..];
        // Where many ids are looked up, it is mostly this one or the next.
        let near = prefixes.iter().take(3).position(|fence| *fence >= prefix);
        let first = near.unwrap_or_else(|| position(&self.prefixes, from, prefix) - from).saturating_sub(1);
        let same = prefixes.iter().skip(first + 1).take_while(|fence| **fence <= prefix).count();
        ((from + first) as u64, (from + first + same) as u64)
    }

    /// The line of a block, by its number in it, near which an id probably is, as ids are uniform. `None` in the last
    /// block.
    pub(crate) fn line_in(&self, block: u64, id: &ObjectId) -> Option<u64> {
        let (low, high) = (self.prefix(block)?, self.prefix(block + 1)?);
        let (before, all) = (id.prefix().checked_sub(low)?, high - low);
        Some((u128::from(before) * u128::from(BLOCK) / u128::from(all)) as u64)
    }

    /// Returns whether lines are as they were written: those from the start of a block on, up to the end of another or
    /// of the run. `length`: that of a block, in bytes.
    pub(crate) fn hold(&self, block: u64, lines: &[u8], length: usize) -> bool {
        let checksums = self.checksums.get(block as usize..).unwrap_or_default();
        let blocks = lines.chunks(length);
        blocks.len() <= checksums.len() && blocks.zip(checksums).all(|(block, crc)| crc32fast::hash(block) == *crc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_those_of_a_search_of_all() {
        let step = |count: u64| u64::MAX / count.max(1);
        for count in [0, 1, 2, 3, 7, 100, 5000] {
            let uniform: Vec<u64> = (0..count).map(|number| number * step(count) + number % 5).collect();
            let low: Vec<u64> = (0..count).collect();
            let high: Vec<u64> = (0..count).map(|number| u64::MAX - count + number).collect();
            let denser: Vec<u64> = (0..count).map(|number| step(count * count) * number * number).collect();
            for prefixes in [uniform, low, high, denser] {
                let near =
                    prefixes.iter().flat_map(|prefix| [prefix.saturating_sub(1), *prefix, prefix.saturating_add(1)]);
                for prefix in near.chain([0, u64::MAX / 2, u64::MAX]) {
                    let expected = prefixes.partition_point(|fence| *fence < prefix);
                    for from in [0, 1, expected / 2, expected.saturating_sub(1), expected] {
                        if from <= expected {
                            assert_eq!(
                                position(&prefixes, from, prefix),
                                expected,
                                "{prefix} among {count} from {from}"
                            );
                        }
                    }
                }
            }
        }
    }
}
