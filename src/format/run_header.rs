//! The first line of a run.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use super::location::Place;
use super::log_line::Crc;
use super::run_line::Digits;

/// Bytes of the line, which is filled with spaces.
pub(crate) const RUN_HEADER: usize = 256;

/// Entries of a run for each of its fences: what a lookup reads.
pub(crate) const RUN_BLOCK: u64 = 64;

/// The first line of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunHeader {
    /// Number of lines that follow, those of the fences and filters aside.
    pub(crate) entries: u64,
    /// The form of those lines.
    pub(crate) digits: Digits,
    /// The last place that an entry has, or had before its object was deleted or packed again. Deleted records lie
    /// there or before.
    pub(crate) reach: Option<Place>,
    /// CRC-32 of the line of filters.
    pub(crate) filters: u32,
    /// CRC-32 of the line of fences, and of this line up to it.
    pub(crate) crc: u32,
}

impl RunHeader {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let text = format!("{},\"crc\":\"{:08x}\"}}", self.covered(), self.crc);
        format!("{text:width$}\n", width = RUN_HEADER - 1).into_bytes()
    }

    /// The line up to its checksum, which covers it.
    fn covered(&self) -> String {
        let RunHeader { entries, digits: Digits { pack, offset, length, size }, reach, filters, .. } = self;
        let digits = format!("\"pack\":{pack},\"offset\":{offset},\"length\":{length},\"size\":{size}");
        let reach = match reach {
            Some((pack, offset)) => format!("{{\"pack\":{pack},\"offset\":{offset}}}"),
            None => "null".into(),
        };
        format!("{{\"entries\":{entries},\"digits\":{{{digits}}},\"reach\":{reach},\"filters\":\"{filters:08x}\"")
    }

    /// The checksum of the line of fences, which has been hashed, and of this line.
    pub(crate) fn checksum(&self, mut fences: Crc) -> u32 {
        fences.update(self.covered().as_bytes());
        fences.finalize()
    }

    /// `None` for anything that [`RunHeader::encode`] does not write.
    pub(crate) fn decode(line: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(line).ok()?;
        let digits = |name: &str| {
            let digits = u8::try_from(value.get("digits")?.get(name)?.as_u64()?).ok()?;
            (1..=20).contains(&digits).then_some(digits)
        };
        let digits = Digits {
            pack: digits("pack")?,
            offset: digits("offset")?,
            length: digits("length")?,
            size: digits("size")?,
        };
        let place =
            |reach: &Value| Some((u32::try_from(reach.get("pack")?.as_u64()?).ok()?, reach.get("offset")?.as_u64()?));
        let reach = value.get("reach").filter(|reach| !reach.is_null());
        let reach = reach.map_or(Some(None), |reach| place(reach).map(Some))?;
        let crc = |name: &str| u32::from_str_radix(value.get(name)?.as_str()?, 16).ok();
        let (entries, filters, crc) = (value.get("entries")?.as_u64()?, crc("filters")?, crc("crc")?);
        let header = RunHeader { entries, digits, reach, filters, crc };
        (header.encode() == line).then_some(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back_and_nothing_else_passes_for_one() {
        let digits = Digits { pack: 1, offset: 20, length: 3, size: 4 };
        for reach in [None, Some((u32::MAX, u64::MAX))] {
            comes_back(RunHeader { entries: u64::MAX, digits, reach, filters: 0xb, crc: 0xa0 });
        }
    }

    fn comes_back(header: RunHeader) {
        let line = header.encode();
        assert_eq!(line.len(), RUN_HEADER);
        assert_eq!(RunHeader::decode(&line), Some(header));
        for position in 0..line.len() {
            let mut altered = line.clone();
            altered[position] ^= 1;
            assert_ne!(RunHeader::decode(&altered), Some(header), "byte {position}");
            assert_eq!(RunHeader::decode(&line[..position]), None);
        }
    }
}
