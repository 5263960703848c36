//! An object as a stream of bytes.

use std::io::{self, Read};

use loosepack_guest::container::ObjectReader;

/// Bytes that are requested at once.
const PIECE: u64 = 256 << 10;

/// Reads an object piece by piece.
pub(crate) struct Object {
    reader: ObjectReader,
    piece: Vec<u8>,
    /// How many bytes of the piece have been given out.
    given: usize,
    /// How many bytes are behind the piece.
    left: u64,
}

impl Object {
    /// From its start. Gives as many bytes as its size says, or fails: others may have been told of that.
    pub(crate) fn new(reader: ObjectReader) -> Self {
        let left = reader.size();
        Object { reader, piece: Vec::new(), given: 0, left }
    }
}

impl Read for Object {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.piece.len() {
            self.piece = self.reader.read(PIECE).map_err(|error| io::Error::other(error.message()))?;
            self.given = 0;
            // In place of a damaged copy the store reads another, whose size is the right one.
            let read = self.piece.len() as u64;
            if read > self.left || (read == 0 && self.left > 0) {
                return Err(io::Error::other("damaged: its size is not that of its bytes"));
            }
            self.left -= read;
        }
        let length = buffer.len().min(self.piece.len() - self.given);
        buffer[..length].copy_from_slice(&self.piece[self.given..][..length]);
        self.given += length;
        Ok(length)
    }
}
