//! Where the bytes of an object come from: streams that are opened at the first read and closed at the end.

use alloc::string::String;
use alloc::vec::Vec;

use crate::dir::{Dir, File, Kind, Metadata};
use crate::error::{Code, Context as _, Error, Result};

/// Bytes that can be read once.
pub trait Source {
    /// The next bytes, as many as there are but no more than fit; 0 is the end. What was opened for reading is closed
    /// when the end or an error is returned.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize>;
}

impl Source for &[u8] {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let len = self.len().min(buffer.len());
        let (now, later) = self.split_at(len);
        buffer[..len].copy_from_slice(now);
        *self = later;
        Ok(len)
    }
}

/// Bytes in memory.
pub struct BytesSource {
    bytes: Vec<u8>,
    position: usize,
}

impl BytesSource {
    /// These bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        BytesSource { bytes, position: 0 }
    }
}

impl Source for BytesSource {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let len = (&self.bytes[self.position..]).read(buffer)?;
        self.position += len;
        Ok(len)
    }
}

/// The bytes of one file.
pub struct FileSource<F, O> {
    path: String,
    state: State<F, O>,
}

enum State<F, O> {
    Unopened(O),
    Open { file: F, position: u64, before: Metadata },
    Ended,
}

impl<F: File> FileSource<F, fn() -> Result<F, Code>> {
    /// A source that reads a regular file. `before`: what it was found to be before anything was read from it. `path` is
    /// for messages.
    pub fn opened(path: impl Into<String>, file: F, before: Metadata) -> Self {
        FileSource { path: path.into(), state: State::Open { file, position: 0, before } }
    }
}

impl<F: File, O: FnOnce() -> Result<F, Code>> FileSource<F, O> {
    /// A source that calls `open` at the first read. `path` is for messages.
    pub fn new(path: impl Into<String>, open: O) -> Self {
        FileSource { path: path.into(), state: State::Unopened(open) }
    }

    fn advance(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if let State::Unopened(_) = self.state {
            let State::Unopened(open) = core::mem::replace(&mut self.state, State::Ended) else { unreachable!() };
            let file = open().during("open", &self.path)?;
            let before = file.metadata().during("examine", &self.path)?;
            match before.kind {
                Kind::File | Kind::Symlink => {}
                Kind::Dir => return Err(Code::IsDirectory).during("read", &self.path),
                // It may never end, and reading it may wait.
                Kind::Other => return Err(Code::Invalid).during("read", &self.path),
            }
            self.state = State::Open { file, position: 0, before };
        }
        let State::Open { file, position, before } = &mut self.state else { return Ok(0) };
        let read = loop {
            match file.read_at(buffer, *position) {
                Err(Code::Interrupted) => {}
                result => break result.during("read", &self.path)?,
            }
        };
        *position += read as u64;
        // Files of /proc and the like have a size of 0 and change at each look.
        let regular = before.kind == Kind::File && before.len > 0;
        // At its size, a regular file that is still the same needs no further read to show that it ends.
        if (read == 0 && !buffer.is_empty()) || (regular && *position >= before.len) {
            // One that ends early and stays the same is none whose size tells anything, as those of /sys.
            let longer = *position > before.len;
            if regular && (longer || has_changed(before, &file.metadata().during("examine", &self.path)?)) {
                return Err(Error::SourceChanged(self.path.clone()));
            }
            self.state = State::Ended;
        }
        Ok(read)
    }
}

/// Returns whether the bytes of a file may have changed. A further name does not change them.
fn has_changed(before: &Metadata, now: &Metadata) -> bool {
    (now.kind, now.len, now.modified) != (before.kind, before.len, before.modified)
}

impl<F: File, O: FnOnce() -> Result<F, Code>> Source for FileSource<F, O> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.advance(buffer).inspect_err(|_| self.state = State::Ended)
    }
}

/// The file `path` of a directory.
pub fn file_in<D: Dir>(dir: D, path: String) -> impl Source {
    FileSource::new(path.clone(), move || dir.open_read(&path))
}

/// Appends bytes of `source` to `buffer` until `limit` have been appended or the source ends; whether it has ended.
/// `piece`: bytes that are asked for at first, as the size is not known.
pub(crate) fn read_up_to(source: &mut dyn Source, limit: usize, piece: usize, buffer: &mut Vec<u8>) -> Result<bool> {
    let start = buffer.len();
    let mut filled = start;
    let ended = loop {
        if filled - start == limit {
            break false;
        }
        // Grows by pieces, so that many small sources do not each pay for zeroing a large buffer.
        let room = limit.min((filled - start).max(piece)).min(limit - (filled - start));
        buffer.resize(filled + room, 0);
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break true,
            Ok(n) => filled += n,
            Err(error) => {
                buffer.truncate(start);
                return Err(error);
            }
        }
    };
    buffer.truncate(filled);
    Ok(ended)
}
