//! Which blocks of a file are there, and the journal that tells it to the next process.
//!
//! A record is written behind the block that it is about, and neither is flushed. Nothing is believed for it: the record
//! has the block's checksum, which is compared before the block is first used, and again when bytes have been taken out
//! of files. So a crash costs what it lost, and no more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;

/// Bytes of a record: the number of a block, and the CRC-32 of its bytes.
const RECORD: usize = 8;

/// The blocks of a file.
pub(super) struct Blocks {
    /// Bytes of a block; the last one may have less.
    block: u64,
    /// Bytes of the file.
    size: u64,
    /// Blocks that are there, their checksums, and whether they have been compared by this process.
    present: BTreeMap<u32, (u32, bool)>,
    /// Blocks that are on their way.
    pub(super) coming: BTreeSet<u32>,
}

impl Blocks {
    /// The blocks of a file of which nothing is known.
    pub(super) fn new(block: u64, size: u64) -> Self {
        Blocks { block, size, present: BTreeMap::new(), coming: BTreeSet::new() }
    }

    /// Learns anew from a journal what is there.
    pub(super) fn read(&mut self, journal: &mut File) -> io::Result<()> {
        self.present.clear();
        let mut bytes = Vec::new();
        journal.seek(SeekFrom::Start(0))?;
        journal.read_to_end(&mut bytes)?;
        let torn = bytes.len() % RECORD;
        if torn > 0 {
            // What follows a record that was torn by a crash or a full disk would be misread.
            journal.set_len((bytes.len() - torn) as u64)?;
        }
        for record in bytes.chunks_exact(RECORD) {
            let number = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            let (block, crc) = (number(&record[..4]), number(&record[4..]));
            if u64::from(block) < self.count() {
                self.present.insert(block, (crc, false));
            }
        }
        Ok(())
    }

    pub(super) fn count(&self) -> u64 {
        self.size.div_ceil(self.block)
    }

    /// The numbers of the blocks that have these bytes.
    pub(super) fn of(&self, bytes: &Range<u64>) -> Range<u32> {
        let end = bytes.end.min(self.size);
        if bytes.start >= end {
            return 0..0;
        }
        (bytes.start / self.block) as u32..end.div_ceil(self.block) as u32
    }

    /// The bytes of blocks.
    pub(super) fn bytes(&self, blocks: Range<u32>) -> Range<u64> {
        u64::from(blocks.start) * self.block..(u64::from(blocks.end) * self.block).min(self.size)
    }

    /// Returns whether a block is there. Its bytes are read from the file when that has not been done before.
    pub(super) fn holds(&mut self, block: u32, file: &File) -> bool {
        let bytes = self.bytes(block..block + 1);
        let Some((crc, compared)) = self.present.get_mut(&block) else { return false };
        if !*compared {
            let mut content = vec![0; (bytes.end - bytes.start) as usize];
            *compared = read_at(file, &mut content, bytes.start).is_ok() && crc32fast::hash(&content) == *crc;
        }
        let holds = *compared;
        if !holds {
            self.present.remove(&block);
        }
        holds
    }

    /// Returns whether a block is there or on its way, as far as is known without reading it.
    pub(super) fn expects(&self, block: u32) -> bool {
        self.present.contains_key(&block) || self.coming.contains(&block)
    }

    /// Blocks have been written. Returns the records for the journal.
    pub(super) fn arrived(&mut self, first: u32, content: &[u8]) -> Vec<u8> {
        let mut records = Vec::new();
        for (number, bytes) in (first..).zip(content.chunks(self.block as usize)) {
            let crc = crc32fast::hash(bytes);
            self.present.insert(number, (crc, true));
            records.extend(number.to_le_bytes());
            records.extend(crc.to_le_bytes());
        }
        records
    }

    /// Forgets all blocks, so that they are fetched again.
    pub(super) fn forget(&mut self) {
        self.present.clear();
    }
}

/// Appends records. Those of several processes may mix where a write is cut short: what is misread is fetched again.
pub(super) fn append(journal: &mut File, records: &[u8]) -> io::Result<()> {
    journal.write_all(records)
}

/// Bytes that a journal of this length tells of, at most.
pub(super) fn told(journal: u64, block: u64) -> u64 {
    journal / RECORD as u64 * block
}

#[cfg(unix)]
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(unix)]
pub(super) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(windows)]
pub(super) fn read_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, buffer, offset)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        (buffer, offset) = (&mut buffer[read..], offset + read as u64);
    }
    Ok(())
}

#[cfg(windows)]
pub(super) fn write_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = std::os::windows::fs::FileExt::seek_write(file, bytes, offset)?;
        (bytes, offset) = (&bytes[written..], offset + written as u64);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, SeekFrom};

    use super::*;

    #[test]
    fn what_was_lost_is_not_believed() {
        let (file, mut journal) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let mut blocks = Blocks::new(4, 10);
        blocks.read(&mut journal).unwrap();
        assert_eq!(
            (blocks.count(), blocks.of(&(3..5)), blocks.of(&(8..99)), blocks.of(&(10..12))),
            (3, 0..2, 2..3, 0..0)
        );
        file.set_len(10).unwrap();
        write_at(&file, b"abcdefghij", 0).unwrap();
        append(&mut journal, &blocks.arrived(0, b"abcdefghij")).unwrap();
        assert!((0..3).all(|block| blocks.holds(block, &file)));
        // A torn record, one of a block that there is not, and a block whose bytes a crash has made zeros.
        append(&mut journal, &[9, 0, 0, 0, 1, 1, 1, 1, 7]).unwrap();
        write_at(&file, &[0; 4], 4).unwrap();
        journal.seek(SeekFrom::Start(0)).unwrap();
        let mut next = Blocks::new(4, 10);
        next.read(&mut journal).unwrap();
        assert!(next.expects(1));
        assert_eq!((0..4).map(|block| next.holds(block, &file)).collect::<Vec<_>>(), [true, false, true, false]);
        assert!(!next.expects(1));
    }
}
