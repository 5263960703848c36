//! The bytes of their objects: payloads that are read from packs in large pieces, and large objects as sources.

use std::sync::Arc;

use loosepack::dir::Kind;
use loosepack::dir::cap::{CapDir, CapFile};
use loosepack::source::Source;
use loosepack::{Code, Dir as _, Error, File as _, Result};
use zlib_rs::{Inflate, InflateFlush, Status};

use crate::index::Row;
use crate::key::Hashing;
use crate::layout::read_up_to;

/// Objects, and payloads, of at most this many bytes are handled in memory, and together. It is the most that the store
/// takes as a zlib stream.
pub(crate) const SMALL: u64 = 1 << 20;
/// Bytes that are read together.
const TOGETHER: u64 = 4 << 20;
/// Bytes of a stream that are inflated at once.
const PIECE: usize = 64 << 10;
/// The largest window of DEFLATE, 32 KiB, as a power of two.
const WINDOW_BITS: u8 = 15;
/// A pack is read as often as this at most: crafted rows may refer to all of it, each.
const AGAIN: u64 = 16;

/// A file that is being read.
pub(crate) struct Opened {
    file: Arc<CapFile>,
    pub(crate) len: u64,
    /// Bytes that have been read, and where they start.
    buffer: Vec<u8>,
    start: u64,
    /// Bytes that have been asked for.
    asked: u64,
}

impl Opened {
    /// Opens a regular file. Links are not followed.
    pub(crate) fn open(dir: &CapDir, path: &str) -> Result<Self, Code> {
        let file = dir.open_read(path)?;
        let found = file.metadata()?;
        match found.kind {
            Kind::File => {}
            Kind::Dir => return Err(Code::IsDirectory),
            _ => return Err(Code::Invalid),
        }
        Ok(Opened { file: Arc::new(file), len: found.len, buffer: Vec::new(), start: 0, asked: 0 })
    }

    /// Checks that bytes are within the file, and that the file has not been asked for too often.
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) fn ask(&mut self, offset: u64, length: u64) -> Result<(), String> {
        if offset.checked_add(length).is_none_or(|end| end > self.len) {
            return Err(format!(
                "it should end at byte {} of a file of {}",
                u128::from(offset) + u128::from(length),
                self.len
            ));
        }
        self.asked = self.asked.saturating_add(length);
        if self.asked > self.len.saturating_mul(AGAIN) {
            return Err(format!("the rows of its pack refer to more than {AGAIN} times its bytes"));
        }
        Ok(())
    }

    /// Bytes that [`Opened::ask`] has found to be there, at most [`SMALL`]. Later ones are read together with them.
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) fn bytes(&mut self, offset: u64, length: u64) -> Result<&[u8], String> {
        let end = self.start + self.buffer.len() as u64;
        if offset < self.start || offset + length > end {
            let room = (self.len - offset).min(TOGETHER.max(length)) as usize;
            self.buffer.resize(room, 0);
            self.start = offset;
            let read = read_up_to(&*self.file, &mut self.buffer, offset).map_err(|code| code.to_string());
            self.buffer.truncate(*read.as_ref().unwrap_or(&0));
            read?;
        }
        let skip = (offset - self.start) as usize;
        self.buffer
            .get(skip..)
            .and_then(|rest| rest.get(..length as usize))
            .ok_or_else(|| "its file became shorter".into())
    }

    /// Bytes that [`Opened::ask`] has found to be there.
    pub(crate) fn range(&self, offset: u64, length: u64) -> Range {
        Range { file: self.file.clone(), position: offset, end: offset + length }
    }

    /// The object of a row, read piece by piece and checked at its end.
    pub(crate) fn object(&self, row: &Row) -> Object {
        let Row { offset, length, compressed, size, key, .. } = *row;
        let range = self.range(offset, length);
        let bytes = if compressed { Bytes::Zlib(Box::new(Inflating::new(range))) } else { Bytes::Plain(range) };
        Object { bytes, left: size, hashing: Some(Hashing::new(key)) }
    }
}

/// Bytes of a file.
pub(crate) struct Range {
    file: Arc<CapFile>,
    position: u64,
    end: u64,
}

impl Range {
    /// The next bytes, as many as fit; 0 at the end.
    ///
    /// # Errors
    /// Why they cannot be read.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, String> {
        let room = buffer.len().min(usize::try_from(self.end - self.position).unwrap_or(usize::MAX));
        let read = read_up_to(&*self.file, &mut buffer[..room], self.position).map_err(|code| code.to_string())?;
        self.position += read as u64;
        if read < room { Err("its file became shorter".into()) } else { Ok(read) }
    }
}

/// A zlib stream that is being inflated.
struct Inflating {
    range: Range,
    inflate: Inflate,
    /// Bytes of the stream that have been read, and how many of them have been inflated.
    read: Vec<u8>,
    taken: usize,
    ended: bool,
}

impl Inflating {
    fn new(range: Range) -> Self {
        Inflating { range, inflate: Inflate::new(true, WINDOW_BITS), read: Vec::new(), taken: 0, ended: false }
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, String> {
        while !self.ended && !buffer.is_empty() {
            if self.taken == self.read.len() {
                self.read.resize(PIECE, 0);
                let read = self.range.read(&mut self.read)?;
                self.read.truncate(read);
                self.taken = 0;
            }
            let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(&self.read[self.taken..], buffer, InflateFlush::NoFlush);
            let status = status.map_err(|_| "its zlib stream is damaged")?;
            self.taken += (self.inflate.total_in() - before_in) as usize;
            let written = (self.inflate.total_out() - before_out) as usize;
            if status == Status::StreamEnd {
                self.ended = true;
                if self.taken < self.read.len() || self.range.position < self.range.end {
                    return Err("there is something behind its zlib stream".into());
                }
            } else if written == 0 && self.read.is_empty() {
                return Err("its zlib stream is cut off".into());
            }
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}

enum Bytes {
    Plain(Range),
    Zlib(Box<Inflating>),
}

/// An object of theirs. Its last read fails unless the object is the one that its key names.
pub(crate) struct Object {
    bytes: Bytes,
    /// Bytes that are still to come.
    left: u64,
    hashing: Option<Hashing>,
}

impl Object {
    fn advance(&mut self, buffer: &mut [u8]) -> Result<usize, String> {
        let Some(hashing) = &mut self.hashing else { return Ok(0) };
        let read = match &mut self.bytes {
            Bytes::Plain(range) => range.read(buffer)?,
            Bytes::Zlib(inflating) => inflating.read(buffer)?,
        };
        let left = self.left.checked_sub(read as u64).ok_or("it has more bytes than its size")?;
        self.left = left;
        hashing.update(&buffer[..read]);
        if read == 0 && !buffer.is_empty() {
            let sound = self.hashing.take().is_some_and(Hashing::finish);
            if left > 0 || !sound {
                return Err("its bytes do not match its hash key".into());
            }
        }
        Ok(read)
    }
}

impl Source for Object {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.advance(buffer).map_err(Error::Other)
    }
}
