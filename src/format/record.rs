//! The header of a record.

use alloc::vec::Vec;

use super::json::{Cursor, field};
use super::{frame_table, location::Location};
use crate::id::ObjectId;

/// A record header is at most this long, its line end included: 20 digits for each number.
pub(crate) const HEADER_MAX: usize = 148;

/// The first bytes of a record header.
pub(crate) const HEADER_START: &[u8] = b"{\"id\":\"";
/// What stands before the size, and what before the length.
const SIZE: &[u8] = b"\",\"size\":";
const LENGTH: &[u8] = b",\"length\":";
/// What stands before the name of the encoding, and what after it.
const ENCODING: &[u8] = b",\"enc\":\"";
const HEADER_END: &[u8] = b"\"}";
/// Bytes of the name of an encoding.
const ENCODING_LEN: usize = 4;

/// Appends a record header to `out`. `padded`: to [`HEADER_MAX`], so that it can be written over a reserved place.
pub(crate) fn header(out: &mut Vec<u8>, id: &ObjectId, size: u64, length: u64, compressed: bool, padded: bool) {
    let start = out.len();
    out.extend_from_slice(HEADER_START);
    out.extend_from_slice(&id.to_hex());
    field(out, SIZE, size);
    field(out, LENGTH, length);
    out.extend_from_slice(ENCODING);
    out.extend_from_slice(if compressed { b"zlib" } else { b"none" });
    out.extend_from_slice(HEADER_END);
    if padded {
        out.resize(start + HEADER_MAX - 1, b' ');
    }
    out.push(b'\n');
}

/// Bytes of the record of a payload, from its header, which is taken to be unpadded, to its end.
pub(crate) fn length(location: &Location) -> u64 {
    let digits = |number: u64| u64::from(number.checked_ilog10().unwrap_or(0)) + 1;
    let names = [HEADER_START, SIZE, LENGTH, ENCODING, HEADER_END].iter().map(|name| name.len()).sum::<usize>();
    let texts = (names + ObjectId::HEX_LEN + ENCODING_LEN + b"\n".len()) as u64;
    let header = texts + digits(location.size) + digits(location.length);
    (header + 1 + frame_table::length(location.size, location.length)).saturating_add(location.length)
}

/// A record header, parsed, and its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) id: ObjectId,
    pub(crate) size: u64,
    pub(crate) length: u64,
    pub(crate) bytes: u64,
}

/// Reads the header that `text` starts with. `None` for anything that [`header`] does not write.
pub(crate) fn parse_header(text: &[u8]) -> Option<Header> {
    let mut rest = Cursor(text);
    rest.skip(HEADER_START).then_some(())?;
    let id = rest.id()?;
    let size = rest.number(SIZE)?;
    let length = rest.number(LENGTH)?;
    rest.skip(ENCODING).then_some(())?;
    let compressed = match rest.take(ENCODING_LEN)? {
        b"none" => false,
        b"zlib" => true,
        _ => return None,
    };
    (compressed == (length != size) && rest.skip(HEADER_END)).then_some(())?;
    let spaces = rest.0.iter().take_while(|byte| **byte == b' ').count();
    let bytes = text.len() - rest.0.len() + spaces + 1;
    let padded = spaces == 0 || bytes == HEADER_MAX;
    (padded && bytes <= HEADER_MAX && rest.0.get(spaces) == Some(&b'\n')).then_some(())?;
    Some(Header { id, size, length, bytes: bytes as u64 })
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
    fn the_length_of_a_record_is_that_of_what_is_written() {
        let id = ObjectId::from_bytes([7; 32]);
        for (size, length) in [(0, 0), (9, 9), (10, 10), (12_345, 99), (3 << 20, 1_000_000), (3 << 20, 3 << 20)] {
            let mut text = Vec::new();
            header(&mut text, &id, size, length, size != length, false);
            let table = frame_table::length(size, length);
            let location = Location { pack: 0, offset: 0, length, size };
            assert_eq!(super::length(&location), text.len() as u64 + length + 1 + table, "{location:?}");
        }
        super::length(&Location { pack: 0, offset: 0, length: u64::MAX, size: 5 });
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
}
