//! Object ids.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

/// The name of an object: the SHA-256 of its bytes. Sorts as its hexadecimal text does.
///
/// ```
/// use loosepack::ObjectId;
///
/// let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// let id: ObjectId = text.parse()?;
/// assert_eq!(id.to_string(), text);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId([u8; Self::LEN]);

impl ObjectId {
    /// Bytes of a digest.
    pub const LEN: usize = 32;
    /// Digits of its text.
    pub const HEX_LEN: usize = 2 * Self::LEN;

    /// The id whose digest these bytes are.
    pub const fn from_bytes(digest: [u8; Self::LEN]) -> Self {
        ObjectId(digest)
    }

    /// The bytes of the digest.
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// The ids whose digests follow one another in `bytes`; `None` when the length is no multiple of [`ObjectId::LEN`].
    pub fn many_from_bytes(bytes: &[u8]) -> Option<Vec<Self>> {
        let (digests, rest) = bytes.as_chunks();
        rest.is_empty().then(|| digests.iter().copied().map(ObjectId).collect())
    }

    /// The digests of ids, one after the other.
    pub fn many_to_bytes(ids: &[Self]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ids.len() * Self::LEN);
        ids.iter().for_each(|id| bytes.extend_from_slice(&id.0));
        bytes
    }

    /// Reads exactly 64 lowercase hexadecimal digits; anything else is `None`.
    pub fn from_hex(text: &[u8]) -> Option<Self> {
        let text: &[u8; Self::HEX_LEN] = text.try_into().ok()?;
        let mut digest = [0; Self::LEN];
        // A wrong digit sets a bit above the low four, and `or` carries it to the end: one test instead of 64.
        let mut wrong = 0;
        for (byte, pair) in digest.iter_mut().zip(text.chunks_exact(2)) {
            let (high, low) = (DIGIT_VALUE[usize::from(pair[0])], DIGIT_VALUE[usize::from(pair[1])]);
            wrong |= high | low;
            *byte = high << 4 | low & 0x0f;
        }
        (wrong & 0xf0 == 0).then_some(ObjectId(digest))
    }

    /// The 64 digits.
    pub fn to_hex(&self) -> [u8; Self::HEX_LEN] {
        let mut text = [0; Self::HEX_LEN];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        text
    }

    /// The 64 digits as text.
    pub fn to_text(&self) -> String {
        // Digits are ASCII, so this never fails.
        String::from_utf8(self.to_hex().into()).unwrap_or_default()
    }

    /// The first eight bytes as a number: ids that differ in it sort as it does.
    pub(crate) fn prefix(&self) -> u64 {
        self.0.iter().take(8).fold(0, |prefix, byte| prefix << 8 | u64::from(*byte))
    }

    /// The next eight bytes as a number.
    pub(crate) fn second(&self) -> u64 {
        self.0.iter().skip(8).take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// The first byte: which of the 256 shards of `loose/` the object belongs to.
    pub(crate) fn shard(&self) -> u8 {
        self.0[0]
    }

    /// The first id of a shard.
    pub(crate) fn first_of_shard(shard: u8) -> Self {
        let mut digest = [0; Self::LEN];
        digest[0] = shard;
        ObjectId(digest)
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Value of each lower-case hexadecimal digit; `0xff` for all other bytes.
const DIGIT_VALUE: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut value = 0;
    while value < 16 {
        table[DIGITS[value] as usize] = value as u8;
        value += 1;
    }
    table
};

impl FromStr for ObjectId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::from_hex(text.as_bytes()).ok_or_else(|| InvalidId(text.into()))
    }
}

/// A text that is no object ID: the error of parsing one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidId(pub String);

impl InvalidId {
    /// Writes the message about this text, of which it quotes the beginning.
    pub(crate) fn write(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = text.chars().take(80).collect();
        write!(f, "invalid object ID {shown:?}: expected {} lowercase hex digits", ObjectId::HEX_LEN)
    }
}

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Self::write(&self.0, f)
    }
}

impl core::error::Error for InvalidId {}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_text())
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    const TEXT: &str = "00ff9c6b1a2d3e4f5061728394a5b6c7d8e9fa0b1c2d3e4f5061728394a5b6c7";

    #[test]
    fn text_comes_back() {
        assert_eq!(TEXT.parse::<ObjectId>().unwrap().to_string(), TEXT);
    }

    #[test]
    fn only_64_lower_case_digits_are_an_id() {
        let long = [TEXT, "0"].concat();
        let upper = TEXT.to_uppercase();
        let wrong_last = [&TEXT[..63], "g"].concat();
        for text in ["", "../../etc/passwd", &TEXT[1..], &long, &upper, &wrong_last, &TEXT.replace('0', "/")] {
            assert_eq!(text.parse::<ObjectId>(), Err(InvalidId(text.into())), "{text}");
        }
    }

    #[test]
    fn ids_sort_as_their_text() {
        let mut texts = ["ab".repeat(32), "0a".repeat(32), "f0".repeat(32), "a0".repeat(32)];
        let mut ids: alloc::vec::Vec<ObjectId> = texts.iter().map(|text| text.parse().unwrap()).collect();
        texts.sort();
        ids.sort();
        assert!(ids.iter().map(ToString::to_string).eq(texts));
    }
}
