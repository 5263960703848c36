//! One line of the index log <-> one entry. Pure: no files here.
//!
//! Lines are read strictly: exactly as [`put`] and its siblings write them, so that damage cannot pass for an entry.

use alloc::vec::Vec;

pub(crate) use crc32fast::Hasher as Crc;

use super::json::{Cursor, field, is_lower_hex};
use super::location::{Location, Totals};
use crate::id::ObjectId;

/// One line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// The object lies there from now on.
    Put(ObjectId, Location),
    /// The object is no longer packed.
    Delete(ObjectId),
    /// The lines since the commit line before are valid.
    Commit(Commit),
}

/// The end of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Commit {
    /// Number of lines of the batch, this one not counted.
    pub(crate) lines: u64,
    /// Sums over all entries up to this line.
    pub(crate) totals: Totals,
    /// CRC-32 (IEEE 802.3) of the lines of the batch and of this one up to `,"crc"`.
    pub(crate) crc: u32,
}

const PUT: &[u8] = b"{\"put\":\"";
const DELETE: &[u8] = b"{\"delete\":\"";
/// Longer than any line.
pub(crate) const LINE_MAX: usize = 192;
/// How a commit line starts.
pub(crate) const COMMIT: &[u8] = b"{\"commit\":";
/// Start of the part of a commit line that its own checksum does not cover.
const CRC: &[u8] = b",\"crc\":\"";

/// Appends the line of an entry to `out`.
pub(crate) fn put(out: &mut Vec<u8>, id: &ObjectId, location: &Location) {
    out.extend_from_slice(PUT);
    out.extend_from_slice(&id.to_hex());
    field(out, b"\",\"pack\":", u64::from(location.pack));
    field(out, b",\"offset\":", location.offset);
    field(out, b",\"length\":", location.length);
    field(out, b",\"size\":", location.size);
    out.extend_from_slice(b"}\n");
}

/// Appends the line of a deletion to `out`.
pub(crate) fn delete(out: &mut Vec<u8>, id: &ObjectId) {
    out.extend_from_slice(DELETE);
    out.extend_from_slice(&id.to_hex());
    out.extend_from_slice(b"\"}\n");
}

/// Returns the commit line of a batch of `lines` lines, over which `batch` has been computed.
pub(crate) fn commit(batch: &Crc, lines: u64, totals: &Totals) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    field(&mut out, COMMIT, lines);
    field(&mut out, b",\"objects\":", totals.objects);
    field(&mut out, b",\"size\":", totals.size);
    field(&mut out, b",\"length\":", totals.length);
    let crc = checksum(batch, &out);
    out.extend_from_slice(CRC);
    for shift in (0..8).rev() {
        out.push(b"0123456789abcdef"[(crc >> (4 * shift) & 15) as usize]);
    }
    out.extend_from_slice(b"\"}\n");
    out
}

/// Returns whether `commit`, parsed from the line `text`, matches a batch of `lines` lines, over which `batch` has been
/// computed.
pub(crate) fn commit_holds(commit: &Commit, text: &[u8], batch: &Crc, lines: u64) -> bool {
    let covered = text.len().saturating_sub(CRC.len() + 8 + b"\"}\n".len());
    commit.lines == lines && commit.crc == checksum(batch, &text[..covered])
}

/// Returns whether a text that is no valid line has been a commit line. Such a line is damaged, not torn: where a
/// write was torn, the line end is missing, or there are zeros.
pub(crate) fn was_commit(text: &[u8]) -> bool {
    let Some((last, rest)) = text.split_last() else { return false };
    let starts_so = text.starts_with(COMMIT);
    let tail = rest.len().checked_sub(CRC.len() + 8 + b"\"}".len()).map(|start| &rest[start..]);
    let ends_so = tail.is_some_and(|tail| tail.starts_with(CRC));
    let whole = if *last == b'\n' { starts_so || ends_so } else { starts_so && rest.ends_with(b"\"}") };
    whole && !text.contains(&0)
}

fn checksum(batch: &Crc, commit_line: &[u8]) -> u32 {
    let mut crc = batch.clone();
    crc.update(commit_line);
    crc.finalize()
}

/// Reads a line, its line end included. `None` for anything that this module does not write.
pub(crate) fn parse(text: &[u8]) -> Option<Line> {
    let mut rest = Cursor(text);
    if rest.skip(PUT) {
        let id = rest.id()?;
        Some(Line::Put(id, rest.location()?))
    } else if rest.skip(DELETE) {
        let id = rest.id()?;
        rest.end(b"\"}\n")?;
        Some(Line::Delete(id))
    } else {
        let lines = rest.number(COMMIT)?;
        let totals = Totals {
            objects: rest.number(b",\"objects\":")?,
            size: rest.number(b",\"size\":")?,
            length: rest.number(b",\"length\":")?,
        };
        rest.skip(CRC).then_some(())?;
        let digits = rest.take(8)?;
        is_lower_hex(digits).then_some(())?;
        let crc = u32::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()?;
        rest.end(b"\"}\n")?;
        Some(Line::Commit(Commit { lines, totals, crc }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn id(byte: u8) -> ObjectId {
        ObjectId::from_bytes([byte; 32])
    }

    fn crc(bytes: &[u8]) -> Crc {
        let mut crc = Crc::new();
        crc.update(bytes);
        crc
    }

    const LOCATION: Location = Location { pack: 3, offset: 1 << 40, length: 17, size: 0 };

    #[test]
    fn lines_come_back() {
        let mut text = Vec::new();
        put(&mut text, &id(0xab), &LOCATION);
        assert_eq!(parse(&text), Some(Line::Put(id(0xab), LOCATION)));

        let mut text = Vec::new();
        delete(&mut text, &id(0x01));
        assert_eq!(parse(&text), Some(Line::Delete(id(0x01))));

        let totals = Totals { objects: 1, size: 2, length: u64::MAX };
        let text = commit(&crc(b"any bytes\n"), 1, &totals);
        let Some(Line::Commit(read)) = parse(&text) else { panic!("{}", String::from_utf8_lossy(&text)) };
        assert_eq!(read.totals, totals);
        assert!(commit_holds(&read, &text, &crc(b"any bytes\n"), 1));
        assert!(!commit_holds(&read, &text, &crc(b"Any bytes\n"), 1));
        assert!(!commit_holds(&read, &text, &crc(b"any bytes\n"), 2));
    }

    #[test]
    fn lines_are_json() {
        let mut text = Vec::new();
        put(&mut text, &id(0xab), &LOCATION);
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(value["offset"], 1_u64 << 40);
        let value: serde_json::Value = serde_json::from_slice(&commit(&crc(b""), 0, &Totals::default())).unwrap();
        assert_eq!(value["commit"], 0);
    }

    #[test]
    fn every_altered_byte_of_a_commit_is_noticed() {
        let batch = crc(b"{}\n");
        let good = commit(&batch, 1, &Totals { objects: 5, size: 60, length: 70 });
        for position in 0..good.len() {
            for flipped in 1..=255_u8 {
                let mut text = good.clone();
                text[position] ^= flipped;
                if let Some(Line::Commit(commit)) = parse(&text) {
                    assert!(!commit_holds(&commit, &text, &batch, 1), "byte {position}");
                }
            }
        }
    }

    #[test]
    fn a_damaged_commit_is_told_from_a_torn_one() {
        let good = commit(&crc(b"{}\n"), 1, &Totals { objects: 5, size: 60, length: 70 });
        for position in 0..good.len() {
            assert!(!was_commit(&good[..position]), "cut to {position} bytes");
            let mut text = good.clone();
            text[position] ^= 1;
            let read = parse(&text);
            assert!(read.is_some() || was_commit(&text), "byte {position}");
            text = good.clone();
            text[..=position].fill(0);
            assert!(!was_commit(&text), "zeros to byte {position}");
        }
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        let mut good = Vec::new();
        put(&mut good, &id(0xab), &LOCATION);
        let good = String::from_utf8(good).unwrap();
        for bad in [
            "".into(),
            "\n".into(),
            good.replace('\n', ""),
            good.replace("17", "017"),
            good.replace("17", "-17"),
            good.replace("17", ""),
            good.replace("17", "18446744073709551616"),
            good.replace("17", "18446744073709551615"),
            good.replace("\"pack\":3", "\"pack\":4294967296"),
            good.replace("ab\"", "AB\""),
            good.replace("put", "Put"),
            [good.as_str(), "\n"].concat(),
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
