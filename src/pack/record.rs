//! The form of a record: its header and its frame table. Pure: no files here.

use alloc::format;
use alloc::vec::Vec;

use crate::id::ObjectId;
use crate::index::line::{Cursor, field};
use crate::layout::{FRAME, FRAME_ENTRY, HEADER_MAX};

/// What a record header starts with.
pub(super) const HEADER_START: &[u8] = b"{\"id\":\"";

/// Append a record header to `out`. `padded`: to [`HEADER_MAX`], so that it can be written over a reserved place.
pub(super) fn header(out: &mut Vec<u8>, id: &ObjectId, size: u64, length: u64, compressed: bool, padded: bool) {
    let start = out.len();
    out.extend_from_slice(HEADER_START);
    out.extend_from_slice(&id.to_hex());
    field(out, b"\",\"size\":", size);
    field(out, b",\"length\":", length);
    out.extend_from_slice(if compressed { b",\"enc\":\"zlib\"}" } else { b",\"enc\":\"none\"}" });
    if padded {
        out.resize(start + HEADER_MAX - 1, b' ');
    }
    out.push(b'\n');
}

/// What a record header says, and its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: ObjectId,
    pub(super) size: u64,
    pub(super) length: u64,
    pub(super) bytes: u64,
}

/// Read the header that `text` starts with. `None` for anything that [`header`] does not write.
pub(super) fn parse_header(text: &[u8]) -> Option<Header> {
    let mut rest = Cursor(text);
    rest.skip(HEADER_START).then_some(())?;
    let id = rest.id()?;
    let size = rest.number(b"\",\"size\":")?;
    let length = rest.number(b",\"length\":")?;
    rest.skip(b",\"enc\":\"").then_some(())?;
    let compressed = match rest.take(4)? {
        b"none" => false,
        b"zlib" => true,
        _ => return None,
    };
    (compressed == (length != size) && rest.skip(b"\"}")).then_some(())?;
    let spaces = rest.0.iter().take_while(|byte| **byte == b' ').count();
    let bytes = text.len() - rest.0.len() + spaces + 1;
    let padded = spaces == 0 || bytes == HEADER_MAX;
    (padded && bytes <= HEADER_MAX && rest.0.get(spaces) == Some(&b'\n')).then_some(())?;
    Some(Header { id, size, length, bytes: bytes as u64 })
}

/// Bytes of the frame table behind the payload of an object.
pub(super) fn frame_table_length(size: u64, length: u64) -> u64 {
    let frames = frame_count(size);
    if size != length && frames > 1 { frames * (FRAME_ENTRY + 1) + 2 } else { 0 }
}

/// Number of frames of a compressed object.
pub(crate) fn frame_count(size: u64) -> u64 {
    size.div_ceil(FRAME as u64).max(1)
}

/// The line of a frame table: where each frame ends, in bytes from the start of the payload.
pub(super) fn frame_table(ends: &[u64]) -> Vec<u8> {
    let width = FRAME_ENTRY as usize;
    let mut out = Vec::with_capacity(ends.len() * (width + 1) + 2);
    for (number, end) in ends.iter().enumerate() {
        out.push(if number == 0 { b'[' } else { b',' });
        out.extend_from_slice(format!("{end:width$}").as_bytes());
    }
    out.extend_from_slice(b"]\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_header_fits() {
        let id = ObjectId::from_bytes([0xff; 32]);
        let (mut plain, mut padded) = (Vec::new(), Vec::new());
        header(&mut plain, &id, u64::MAX, u64::MAX, true, false);
        header(&mut padded, &id, u64::MAX, u64::MAX, true, true);
        assert!(plain.len() <= HEADER_MAX, "{}", plain.len());
        assert_eq!(padded.len(), HEADER_MAX);
        let value: serde_json::Value = serde_json::from_slice(&padded).unwrap();
        assert_eq!(value["enc"], "zlib");
        assert_eq!(value["length"], u64::MAX);
    }

    #[test]
    fn headers_come_back_and_nothing_else_passes_for_one() {
        let id = ObjectId::from_bytes([0xab; 32]);
        for (size, length, padded) in [(0, 0, false), (17, 17, true), (1 << 40, 99, false), (5, u64::MAX, true)] {
            let mut text = Vec::new();
            header(&mut text, &id, size, length, size != length, padded);
            let bytes = text.len() as u64;
            assert_eq!(parse_header(&text), Some(Header { id, size, length, bytes }));
            for position in 0..text.len() {
                assert_eq!(parse_header(&text[..position]), None, "cut to {position} bytes");
                let mut altered = text.clone();
                altered[position] = b'!';
                assert_eq!(parse_header(&altered), None, "byte {position}");
            }
        }
    }

    #[test]
    fn a_frame_table_is_json_of_fixed_width() {
        let table = frame_table(&[5, 1_000_000, 123_456_789_012_345]);
        assert_eq!(table.len() as u64, 3 * (FRAME_ENTRY + 1) + 2);
        assert_eq!(table.len() as u64, frame_table_length(3 << 20, 123_456));
        let value: serde_json::Value = serde_json::from_slice(&table).unwrap();
        assert_eq!(value, serde_json::json!([5, 1_000_000, 123_456_789_012_345_u64]));
    }
}
