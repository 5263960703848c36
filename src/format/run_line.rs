//! One line of an index run <-> one entry. Pure: no files here.
//!
//! All lines of a run have the same width, so that entry `i` is found without reading those before it.

use alloc::vec::Vec;

use super::json::Cursor;
use super::location::Location;
use crate::id::ObjectId;

/// An index entry: an ID and where the object lies, or `None` if it was deleted.
pub(crate) type Entry = (ObjectId, Option<Location>);

const ID: &[u8] = b"{\"id\":\"";
const PACK: &[u8] = b"\",\"pack\":";
const OFFSET: &[u8] = b",\"offset\":";
const LENGTH: &[u8] = b",\"length\":";
const SIZE: &[u8] = b",\"size\":";
const DELETE: &[u8] = b"\",\"delete\":true";
const END: &[u8] = b"}\n";

/// Digits of the numbers of a run's lines: shorter numbers are filled with spaces at their left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digits {
    pub(crate) pack: u8,
    pub(crate) offset: u8,
    pub(crate) length: u8,
    pub(crate) size: u8,
}

impl Digits {
    /// Digits of the smallest numbers.
    pub(crate) const ONE: Digits = Digits { pack: 1, offset: 1, length: 1, size: 1 };

    /// Returns the digits that this location needs.
    pub(crate) fn of(location: &Location) -> Self {
        Digits {
            pack: digits(location.pack.into()),
            offset: digits(location.offset),
            length: digits(location.length),
            size: digits(location.size),
        }
    }

    /// Returns digits that are enough for both.
    pub(crate) fn max(self, other: Self) -> Self {
        Digits {
            pack: self.pack.max(other.pack),
            offset: self.offset.max(other.offset),
            length: self.length.max(other.length),
            size: self.size.max(other.size),
        }
    }

    /// Width of a line in bytes, its line end included.
    pub(crate) fn width(self) -> usize {
        let numbers = [self.pack, self.offset, self.length, self.size].map(usize::from).iter().sum::<usize>();
        let names = [ID, PACK, OFFSET, LENGTH, SIZE, END].map(<[u8]>::len).iter().sum::<usize>();
        names + ObjectId::HEX_LEN + numbers
    }

    /// Appends the line of an entry.
    pub(crate) fn write(self, out: &mut Vec<u8>, (id, location): &Entry) {
        let start = out.len();
        out.extend_from_slice(ID);
        out.extend_from_slice(&id.to_hex());
        match location {
            Some(location) => {
                number(out, PACK, location.pack.into(), self.pack);
                number(out, OFFSET, location.offset, self.offset);
                number(out, LENGTH, location.length, self.length);
                number(out, SIZE, location.size, self.size);
            }
            None => {
                out.extend_from_slice(DELETE);
                out.resize(start + self.width() - END.len(), b' ');
            }
        }
        out.extend_from_slice(END);
    }

    /// Reads a line. `None` for anything that [`Digits::write`] does not write.
    pub(crate) fn parse(self, line: &[u8]) -> Option<Entry> {
        let mut rest = Cursor(line.get(ID.len()..)?);
        Some((rest.id()?, self.parse_told(line)?))
    }

    /// Parses the location in a line whose ID has been compared already.
    pub(crate) fn parse_told(self, line: &[u8]) -> Option<Option<Location>> {
        let mut rest = Cursor(line);
        rest.skip(ID).then_some(())?;
        rest.take(ObjectId::HEX_LEN)?;
        if rest.skip(DELETE) {
            let (spaces, end) = rest.0.split_at_checked(rest.0.len().checked_sub(END.len())?)?;
            let empty = spaces.iter().all(|byte| *byte == b' ') && end == END;
            return empty.then_some(None);
        }
        let location = Location {
            pack: u32::try_from(padded(&mut rest, PACK, self.pack)?).ok()?,
            offset: padded(&mut rest, OFFSET, self.offset)?,
            length: padded(&mut rest, LENGTH, self.length)?,
            size: padded(&mut rest, SIZE, self.size)?,
        };
        rest.end(END)?;
        // So that nobody has to think of overflow again.
        location.offset.checked_add(location.length)?;
        Some(Some(location))
    }
}

/// The digits of an id in a line.
pub(crate) fn id_digits(line: &[u8]) -> &[u8] {
    &line[ID.len()..][..ObjectId::HEX_LEN]
}

fn digits(value: u64) -> u8 {
    value.checked_ilog10().unwrap_or(0) as u8 + 1
}

fn number(out: &mut Vec<u8>, name: &[u8], value: u64, width: u8) {
    out.extend_from_slice(name);
    let start = out.len();
    out.resize(start + usize::from(width), b' ');
    let mut left = value;
    for digit in out[start..].iter_mut().rev() {
        *digit = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
}

fn padded(rest: &mut Cursor<'_>, name: &[u8], width: u8) -> Option<u64> {
    rest.skip(name).then_some(())?;
    let text = rest.take(usize::from(width))?;
    let start = text.iter().take_while(|byte| **byte == b' ').count();
    let mut digits = Cursor(&text[start..]);
    digits.number(b"").filter(|_| digits.0.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_at_one_width() {
        let location = Location { pack: 12, offset: 1 << 33, length: 0, size: 99 };
        let small = Location { pack: 1, offset: 0, length: 5, size: 5 };
        let digits = Digits::ONE.max(Digits::of(&location)).max(Digits::of(&small));
        for location in [Some(location), Some(small), None] {
            let entry = (ObjectId::from_bytes([0xab; 32]), location);
            let mut line = Vec::new();
            digits.write(&mut line, &entry);
            assert_eq!(line.len(), digits.width());
            assert_eq!(digits.parse(&line), Some(entry));
            assert_eq!(id_digits(&line), entry.0.to_hex());
            let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
            assert_eq!(value["delete"] == true, location.is_none());
            for position in 0..line.len() {
                let mut altered = line.clone();
                altered[position] = b'!';
                assert_eq!(digits.parse(&altered), None, "byte {position}");
            }
        }
    }

    #[test]
    fn widths_fit_the_largest_numbers() {
        let largest = Location { pack: u32::MAX, offset: 0, length: u64::MAX, size: u64::MAX };
        let digits = Digits::of(&largest);
        assert_eq!(digits, Digits { pack: 10, offset: 1, length: 20, size: 20 });
        let mut line = Vec::new();
        digits.write(&mut line, &(ObjectId::from_bytes([0; 32]), Some(largest)));
        assert_eq!(digits.parse(&line).unwrap().1, Some(largest));
    }
}
