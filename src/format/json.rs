//! The JSON of the index and the packs, read and written strictly: one form for each value, so that damage cannot pass
//! for another value.

use alloc::vec::Vec;

use super::location::Location;
use crate::id::ObjectId;

/// Returns whether all of a text are digits of lower-case hexadecimal numbers.
pub(crate) fn is_lower_hex(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Appends a name and a decimal number.
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

/// The unread rest of a line.
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    /// The location that ends a line.
    pub(crate) fn location(&mut self) -> Option<Location> {
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
            // Not `checked_mul`, which is a call on WebAssembly.
            if value > u64::MAX / 10 {
                return None;
            }
            value = (value * 10).checked_add(u64::from(digit - b'0'))?;
        }
        Some(value)
    }

    pub(crate) fn end(&self, expected: &[u8]) -> Option<()> {
        (self.0 == expected).then_some(())
    }
}
