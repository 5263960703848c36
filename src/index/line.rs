//! One line of the index log <-> one entry. Pure: no files here.
//!
//! Lines are read strictly: exactly as [`put`] and its siblings write them, so that damage cannot pass for an entry.

use alloc::vec::Vec;

pub(crate) use crc32fast::Hasher as Crc;

use crate::id::ObjectId;

/// Where a packed object lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location {
    /// Number of the pack.
    pub pack: u32,
    /// Where the payload starts, in bytes from the start of the pack.
    pub offset: u64,
    /// Length of the payload in bytes.
    pub length: u64,
    /// Size of the object in bytes.
    pub size: u64,
}

impl Location {
    /// Whether the payload is a zlib stream: a payload of the object's own size is the object itself.
    pub fn compressed(&self) -> bool {
        self.length != self.size
    }
}

/// What all committed entries add up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Number of objects.
    pub objects: u64,
    /// Their sizes, in bytes.
    pub size: u64,
    /// The lengths of their payloads, in bytes.
    pub length: u64,
}

impl Totals {
    pub(crate) fn add(&mut self, location: &Location) {
        self.objects = self.objects.saturating_add(1);
        self.size = self.size.saturating_add(location.size);
        self.length = self.length.saturating_add(location.length);
    }

    pub(crate) fn remove(&mut self, location: &Location) {
        self.objects = self.objects.saturating_sub(1);
        self.size = self.size.saturating_sub(location.size);
        self.length = self.length.saturating_sub(location.length);
    }
}

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
    /// What all entries add up to from now on.
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
/// What a commit line's own checksum does not cover starts here.
const CRC: &[u8] = b",\"crc\":\"";

/// Append the line of an entry to `out`.
pub(crate) fn put(out: &mut Vec<u8>, id: &ObjectId, location: &Location) {
    out.extend_from_slice(PUT);
    out.extend_from_slice(&id.to_hex());
    field(out, b"\",\"pack\":", u64::from(location.pack));
    field(out, b",\"offset\":", location.offset);
    field(out, b",\"length\":", location.length);
    field(out, b",\"size\":", location.size);
    out.extend_from_slice(b"}\n");
}

/// Append the line of a deletion to `out`.
#[cfg(test)]
fn delete(out: &mut Vec<u8>, id: &ObjectId) {
    out.extend_from_slice(DELETE);
    out.extend_from_slice(&id.to_hex());
    out.extend_from_slice(b"\"}\n");
}

/// The commit line of a batch of so many lines, over which `batch` has been computed.
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

/// Whether `commit`, read from the line `text`, is right about a batch of so many lines, over which `batch` has been
/// computed.
pub(crate) fn commit_holds(commit: &Commit, text: &[u8], batch: &Crc, lines: u64) -> bool {
    let covered = text.len().saturating_sub(CRC.len() + 8 + b"\"}\n".len());
    commit.lines == lines && commit.crc == checksum(batch, &text[..covered])
}

/// Whether a text that is no valid line has been a commit line. Such a line is damaged, not torn: where a write was torn,
/// the line end is missing, or there are zeros.
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

/// Read a line, its line end included. `None` for anything that this module does not write.
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
        let lower_case = |digit: &u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        digits.iter().all(lower_case).then_some(())?;
        let crc = u32::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()?;
        rest.end(b"\"}\n")?;
        Some(Line::Commit(Commit { lines, totals, crc }))
    }
}

pub(crate) fn field(out: &mut Vec<u8>, name: &[u8], value: u64) {
    out.extend_from_slice(name);
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut left = value;
    loop {
        start -= 1;
        digits[start] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// What is left of a line that is being read.
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    /// The location that ends a line.
    pub(super) fn location(&mut self) -> Option<Location> {
        let location = Location {
            pack: u32::try_from(self.number(b"\",\"pack\":")?).ok()?,
            offset: self.number(b",\"offset\":")?,
            length: self.number(b",\"length\":")?,
            size: self.number(b",\"size\":")?,
        };
        self.end(b"}\n")?;
        // So that nobody has to think of overflow again.
        location.offset.checked_add(location.length)?;
        Some(location)
    }

    pub(crate) fn skip(&mut self, expected: &[u8]) -> bool {
        match self.0.strip_prefix(expected) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    pub(crate) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn id(&mut self) -> Option<ObjectId> {
        ObjectId::from_hex(self.take(ObjectId::HEX_LEN)?)
    }

    /// A decimal number without leading zeros, after `name`.
    pub(crate) fn number(&mut self, name: &[u8]) -> Option<u64> {
        if !self.skip(name) {
            return None;
        }
        let len = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let digits = self.take(len)?;
        if digits.is_empty() || digits[0] == b'0' && len > 1 {
            return None;
        }
        let mut value: u64 = 0;
        for digit in digits {
            value = value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        }
        Some(value)
    }

    pub(crate) fn end(&self, expected: &[u8]) -> Option<()> {
        (self.0 == expected).then_some(())
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
