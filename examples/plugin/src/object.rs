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
}

impl Object {
    /// From its start.
    pub(crate) fn new(reader: ObjectReader) -> Self {
        Object { reader, piece: Vec::new(), given: 0 }
    }
}

impl Read for Object {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.piece.len() {
            self.piece = self.reader.read(PIECE).map_err(|error| io::Error::other(error.message()))?;
            self.given = 0;
        }
        let length = buffer.len().min(self.piece.len() - self.given);
        buffer[..length].copy_from_slice(&self.piece[self.given..][..length]);
        self.given += length;
        Ok(length)
    }
}
