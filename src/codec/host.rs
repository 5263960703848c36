//! The codec that the host gives.

use alloc::vec::Vec;

use crate::bindings::CALL_MAX;
use crate::bindings::loosepack::store::codec;
use crate::id::ObjectId;

/// The id of these bytes.
pub fn sha256(data: &[u8]) -> ObjectId {
    if data.len() <= CALL_MAX {
        return id(codec::sha256(data));
    }
    let mut hash = Sha256::default();
    data.chunks(CALL_MAX).for_each(|piece| hash.update(piece));
    hash.finish()
}

/// The id of bytes that come piece by piece.
pub struct Sha256(codec::Sha256State);

impl Default for Sha256 {
    fn default() -> Self {
        Sha256(codec::Sha256State::new())
    }
}

impl Sha256 {
    /// Append `data`.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The id of everything appended.
    pub fn finish(self) -> ObjectId {
        id(codec::Sha256State::finish(self.0))
    }
}

/// DEFLATE blocks of `data` that refer to nothing before them, at `level` 1 to 9. They end in a final block if `last`,
/// else in an empty stored block on a byte boundary.
pub fn deflate(data: &[u8], level: u8, last: bool) -> Vec<u8> {
    codec::deflate(data, level, last)
}

/// Undo [`deflate`]. `None` unless that gives exactly `size` bytes.
pub fn inflate(data: &[u8], size: usize) -> Option<Vec<u8>> {
    codec::inflate(data, u32::try_from(size).ok()?).ok()
}

fn id((a, b, c, d): codec::Digest) -> ObjectId {
    let mut digest = [0; ObjectId::LEN];
    for (bytes, number) in digest.chunks_exact_mut(8).zip([a, b, c, d]) {
        bytes.copy_from_slice(&number.to_be_bytes());
    }
    ObjectId::from_bytes(digest)
}
