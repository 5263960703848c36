//! A line that comes behind the entries of a run that is being written: in memory where it is short, else in a file of
//! `incoming`.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::dir::{Dir, read_full_at, write_all_at};
use crate::disk::Disk;
use crate::disk::small_file::create_incoming;
use crate::error::{Context as _, Error, Result};
use crate::format::block_list::{self, BlockList};
use crate::format::log_line::Crc;

/// Gathers the line until all entries are written.
pub(super) struct ListWriter<D: Dir> {
    disk: Disk<D>,
    /// The end of the line so far: at least its last string.
    text: Vec<u8>,
    /// What precedes it.
    spilled: Option<Spilled<D>>,
}

/// The beginning of a line in a file that is removed when it is dropped.
struct Spilled<D: Dir> {
    disk: Disk<D>,
    path: String,
    /// Closed before it is removed: some systems do not remove files that are open.
    file: Option<D::File>,
    len: u64,
    crc: Crc,
}

impl<D: Dir> ListWriter<D> {
    pub(super) fn new(disk: &Disk<D>, list: BlockList) -> Self {
        ListWriter { disk: disk.clone(), text: list.start.to_vec(), spilled: None }
    }

    /// Appends the string of a block, which `push` appends to the text that precedes it.
    pub(super) fn push(&mut self, push: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        if self.text.len() > self.disk.tuning.list_bytes {
            let spilled = match &mut self.spilled {
                Some(spilled) => spilled,
                none => none.insert(Spilled::new(&self.disk)?),
            };
            spilled.append(&self.text)?;
            self.text.clear();
        }
        push(&mut self.text);
        Ok(())
    }

    /// Ends the line and hands it to `write` piece by piece. Returns its checksum.
    pub(super) fn finish(mut self, mut write: impl FnMut(&[u8]) -> Result<()>) -> Result<Crc> {
        block_list::end(&mut self.text);
        let mut crc = match &self.spilled {
            Some(spilled) => spilled.copy(&mut write)?,
            None => Crc::new(),
        };
        write(&self.text)?;
        crc.update(&self.text);
        Ok(crc)
    }
}

impl<D: Dir> Spilled<D> {
    fn new(disk: &Disk<D>) -> Result<Self> {
        let (path, file) = create_incoming(&disk.dir)?;
        Ok(Spilled { disk: disk.clone(), path, file: Some(file), len: 0, crc: Crc::new() })
    }

    fn append(&mut self, text: &[u8]) -> Result<()> {
        if let Some(file) = &self.file {
            write_all_at(file, text, self.len).during("write", &self.path)?;
        }
        self.len += text.len() as u64;
        self.crc.update(text);
        Ok(())
    }

    /// Hands all bytes to `write`, and fails unless they are those that were appended. Returns their checksum.
    fn copy(&self, write: &mut impl FnMut(&[u8]) -> Result<()>) -> Result<Crc> {
        let (mut crc, mut position) = (Crc::new(), 0);
        let mut text = vec![0; self.disk.tuning.chunk];
        while let Some(file) = &self.file
            && position < self.len
        {
            let read = read_full_at(file, &mut text, position).during("read", &self.path)?;
            if read == 0 {
                break;
            }
            write(&text[..read])?;
            crc.update(&text[..read]);
            position += read as u64;
        }
        if crc.clone().finalize() != self.crc.clone().finalize() {
            return Err(Error::corrupt(self.path.as_str(), "it was altered while a run was written: start again"));
        }
        Ok(crc)
    }
}

impl<D: Dir> Drop for Spilled<D> {
    fn drop(&mut self) {
        self.file = None;
        // A file that cannot be removed now is left for `clean`.
        let _ = self.disk.remove_file(&self.path);
    }
}
