//! Reading the files that are added: whole, or in pieces where they are large.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use loosepack::Error;
use loosepack::source::Source;

/// A file that has more bytes goes to the store piece by piece; others are read whole, and handed over together.
const SMALL: usize = 1 << 20;
/// Bytes requested first of each file: most are small.
const SCRATCH: usize = 64 << 10;

/// Reads the first bytes of a source, at most [`SMALL`]. Returns them, and whether the source ends there. `scratch` is
/// reused for all sources.
pub(crate) fn read_head(source: &mut dyn Source, scratch: &mut Vec<u8>) -> Result<(Vec<u8>, bool), Error> {
    scratch.resize(SCRATCH, 0);
    let mut filled = 0;
    loop {
        let read = source.read(&mut scratch[filled..])?;
        filled += read;
        if read == 0 || filled == SMALL {
            return Ok((scratch[..filled].to_vec(), read == 0));
        }
        if filled == scratch.len() {
            scratch.resize(SMALL.min(2 * filled), 0);
        }
    }
}

/// A source of which the start has been read.
pub(crate) struct Large {
    head: Vec<u8>,
    taken: usize,
    rest: Box<dyn Source + Send>,
    /// Counts the bytes that are read.
    bytes: Arc<AtomicU64>,
}

impl Large {
    pub(crate) fn new(head: Vec<u8>, rest: Box<dyn Source + Send>, bytes: Arc<AtomicU64>) -> Self {
        Large { head, taken: 0, rest, bytes }
    }
}

impl Source for Large {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let mut head = &self.head[self.taken..];
        if head.is_empty() {
            let read = self.rest.read(buffer)?;
            self.bytes.fetch_add(read as u64, Ordering::Relaxed);
            return Ok(read);
        }
        let read = Source::read(&mut head, buffer)?;
        self.taken += read;
        Ok(read)
    }
}
