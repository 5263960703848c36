//! The frame table behind the payload of a compressed object of more than one frame: where each frame ends.

use alloc::format;
use alloc::vec::Vec;

use super::FRAME;

/// Digits of one number, filled with spaces at their left.
const DIGITS: usize = 15;
/// Bytes of an entry: a bracket or a comma, and the number.
pub(crate) const ENTRY: usize = DIGITS + 1;
/// The bytes after the last entry.
pub(crate) const END: &[u8; 2] = b"]\n";

/// Number of frames of a compressed object.
pub(crate) fn frame_count(size: u64) -> u64 {
    size.div_ceil(FRAME as u64).max(1)
}

/// Bytes of the frame table of an object.
pub(crate) fn length(size: u64, length: u64) -> u64 {
    let frames = frame_count(size);
    if size != length && frames > 1 { frames * ENTRY as u64 + END.len() as u64 } else { 0 }
}

/// Where an entry lies, in bytes from the end of the payload, whose line end is before the table.
pub(crate) fn position(number: u64) -> u64 {
    1 + number * ENTRY as u64
}

/// The table of frames that end there, in bytes from the start of the payload.
pub(crate) fn encode(ends: &[u64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(ends.len() * ENTRY + END.len());
    for (number, end) in ends.iter().enumerate() {
        out.push(if number == 0 { b'[' } else { b',' });
        out.extend_from_slice(format!("{end:DIGITS$}").as_bytes());
    }
    out.extend_from_slice(END);
    out
}

/// Where frame `number` ends, by its entry. `None` for anything that [`encode`] does not write.
pub(crate) fn decode(number: u64, entry: &[u8]) -> Option<u64> {
    let (first, text) = entry.split_first()?;
    let padded = text.trim_ascii_start();
    let digits =
        !padded.is_empty() && padded.iter().all(u8::is_ascii_digit) && (padded[0] != b'0' || padded.len() == 1);
    let spaces = text[..text.len() - padded.len()].iter().all(|byte| *byte == b' ');
    let form = text.len() == DIGITS && *first == if number == 0 { b'[' } else { b',' };
    (form && digits && spaces).then_some(())?;
    core::str::from_utf8(padded).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_json_of_fixed_width() {
        let ends = [5, 1_000_000, 123_456_789_012_345];
        let table = encode(&ends);
        assert_eq!(table.len() as u64, length(3 << 20, 123_456));
        let value: serde_json::Value = serde_json::from_slice(&table).unwrap();
        assert_eq!(value, serde_json::json!(ends));
    }

    #[test]
    fn entries_come_back_and_nothing_else_passes_for_one() {
        let table = encode(&[5, 1_000_000]);
        for (number, end) in [(0, 5), (1, 1_000_000)] {
            let entry = &table[position(number) as usize - 1..][..ENTRY];
            assert_eq!(decode(number, entry), Some(end));
            assert_eq!(decode(1 - number, entry), None);
            for place in 0..ENTRY {
                let mut altered = entry.to_vec();
                altered[place] = b'!';
                assert_eq!(decode(number, &altered), None, "byte {place}");
            }
            assert_eq!(decode(number, &entry[1..]), None);
        }
    }
}
