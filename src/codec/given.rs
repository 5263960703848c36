//! The codec that the host gives.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use super::Payload;
use crate::bindings::CALL_MAX;
use crate::bindings::loosepack::host::codec;
use crate::id::ObjectId;
use crate::options::Compression;

/// The id of these bytes.
pub fn sha256(data: &[u8]) -> ObjectId {
    if data.len() <= CALL_MAX {
        return id(codec::sha256(data));
    }
    let mut hash = Sha256::default();
    data.chunks(CALL_MAX).for_each(|piece| hash.update(piece));
    hash.finish()
}

/// The id of each of many.
pub fn sha256_many(data: &[&[u8]]) -> Vec<ObjectId> {
    codec::sha256_many(data).into_iter().map(id).collect()
}

/// The id of bytes that come piece by piece.
pub struct Sha256(codec::Sha256State);

impl Default for Sha256 {
    fn default() -> Self {
        Sha256(codec::Sha256State::new())
    }
}

impl Sha256 {
    /// Appends `data`.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The id of everything appended.
    pub fn finish(self) -> ObjectId {
        id(codec::Sha256State::finish(self.0))
    }
}

/// Objects that are being compressed, each to a zlib stream.
pub struct Compressing(codec::Compressing);

impl Compressing {
    /// Compresses the objects that lie in `contents`, at `level` 1 to 9.
    pub fn start(contents: Arc<Vec<u8>>, parts: Vec<Range<u32>>, level: u8, compression: Compression) -> Self {
        let parts: Vec<codec::Part> = parts.into_iter().map(part).collect();
        Compressing(codec::Compressing::start(&contents, &parts, level, compression.into()))
    }

    /// The stream of each; `None` for an object that is rather stored as it is.
    pub fn finish(self) -> Vec<Option<Vec<u8>>> {
        codec::Compressing::finish(self.0)
    }
}

impl From<Compression> for codec::Compression {
    fn from(compression: Compression) -> Self {
        match compression {
            Compression::Never => codec::Compression::Never,
            Compression::Always => codec::Compression::Always,
            Compression::Auto => codec::Compression::Auto,
        }
    }
}

/// A frame of a large object that is being compressed.
pub struct Framing(codec::Framing);

impl Framing {
    /// Compresses `data`, at `level` 1 to 9, to DEFLATE blocks that refer to nothing before them. They end in a final
    /// block if `last`, else in an empty stored block on a byte boundary.
    pub fn start(data: Vec<u8>, level: u8, last: bool) -> Self {
        Framing(codec::Framing::start(&data, level, last))
    }

    /// The blocks, and the Adler-32 of the frame.
    pub fn finish(self) -> (Vec<u8>, u32) {
        codec::Framing::finish(self.0)
    }
}

/// Payloads that are being decoded and checked.
pub struct Decoding(codec::Decoding);

impl Decoding {
    /// Decodes the payloads that lie in `bytes`.
    pub fn start(bytes: impl AsRef<[u8]>, payloads: Vec<Payload>) -> Self {
        Decoding(codec::Decoding::start(bytes.as_ref(), &self::payloads(payloads)))
    }

    /// Returns the decoded bytes of each payload; `None` for one that has another size or does not match its ID.
    pub fn finish(self) -> Vec<Option<Vec<u8>>> {
        codec::Decoding::finish(self.0)
    }
}

/// Payloads that are being checked.
pub struct Checking(codec::Checking);

impl Checking {
    /// Checks the payloads that lie in `bytes`.
    pub fn start(bytes: impl AsRef<[u8]>, payloads: Vec<Payload>) -> Self {
        Checking(codec::Checking::start(bytes.as_ref(), &self::payloads(payloads)))
    }

    /// Returns whether each can be decoded and matches.
    pub fn finish(self) -> Vec<bool> {
        codec::Checking::finish(self.0)
    }
}

fn payloads(payloads: Vec<Payload>) -> Vec<codec::Payload> {
    let payload = |Payload { range, size, compressed, expected, adler }: Payload| codec::Payload {
        part: part(range),
        size,
        compressed,
        expected: expected.map(digest),
        adler,
    };
    payloads.into_iter().map(payload).collect()
}

fn part(range: Range<u32>) -> codec::Part {
    codec::Part { start: range.start, length: range.end - range.start }
}

fn id((a, b, c, d): codec::Digest) -> ObjectId {
    let mut digest = [0; ObjectId::LEN];
    for (bytes, number) in digest.chunks_exact_mut(8).zip([a, b, c, d]) {
        bytes.copy_from_slice(&number.to_be_bytes());
    }
    ObjectId::from_bytes(digest)
}

fn digest(id: ObjectId) -> codec::Digest {
    let mut numbers = [0; 4];
    for (number, bytes) in numbers.iter_mut().zip(id.as_bytes().chunks_exact(8)) {
        *number = bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    }
    let [a, b, c, d] = numbers;
    (a, b, c, d)
}
