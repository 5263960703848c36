//! The codec's work, done by crates: sha2 and an implementation of DEFLATE.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use sha2::Digest as _;

use super::super::Payload;
use super::stream::stream;
use super::task::Task;
use super::zlib;
use crate::format::zlib_stream::{ADLER_OF_NOTHING, adler32};
use crate::id::ObjectId;
use crate::options::Compression;

/// The id of these bytes.
pub fn sha256(data: &[u8]) -> ObjectId {
    ObjectId::from_bytes(sha2::Sha256::digest(data).into())
}

/// The id of each of many.
pub fn sha256_many(data: &[&[u8]]) -> Vec<ObjectId> {
    data.iter().map(|data| sha256(data)).collect()
}

/// Objects that are being compressed, each to a zlib stream.
pub struct Compressing(Task<Vec<Option<Vec<u8>>>>);

impl Compressing {
    /// Compresses the objects that lie in `contents`, at `level` 1 to 9.
    ///
    /// # Panics
    /// When a part lies outside.
    pub fn start(contents: Arc<Vec<u8>>, parts: Vec<Range<u32>>, level: u8, compression: Compression) -> Self {
        let size = contents.len();
        Compressing(Task::start(size, move || {
            let stream =
                |part: &Range<u32>| stream(&contents[part.start as usize..part.end as usize], level, compression);
            parts.iter().map(stream).collect()
        }))
    }

    /// The stream of each; `None` for an object that is rather stored as it is.
    pub fn finish(self) -> Vec<Option<Vec<u8>>> {
        self.0.finish()
    }
}

/// A frame of a large object that is being compressed.
pub struct Framing(Task<(Vec<u8>, u32)>);

impl Framing {
    /// Compresses `data`, at `level` 1 to 9, to DEFLATE blocks that refer to nothing before them. They end in a final
    /// block if `last`, else in an empty stored block on a byte boundary.
    pub fn start(data: Vec<u8>, level: u8, last: bool) -> Self {
        Framing(Task::start(data.len(), move || (zlib::deflate(&data, level, last), adler32(ADLER_OF_NOTHING, &data))))
    }

    /// The blocks, and the Adler-32 of the frame.
    pub fn finish(self) -> (Vec<u8>, u32) {
        self.0.finish()
    }
}

/// Payloads that are being decoded and checked.
pub struct Decoding(Task<Vec<Option<Vec<u8>>>>);

impl Decoding {
    /// Decodes the payloads that lie in `bytes`.
    pub fn start(bytes: impl Into<Vec<u8>>, payloads: Vec<Payload>) -> Self {
        let (bytes, size) = (bytes.into(), size(&payloads));
        Decoding(Task::start(size, move || payloads.iter().map(|payload| decode(&bytes, payload)).collect()))
    }

    /// Returns the decoded bytes of each payload; `None` for one that has another size or does not match its ID.
    pub fn finish(self) -> Vec<Option<Vec<u8>>> {
        self.0.finish()
    }
}

/// Payloads that are being checked.
pub struct Checking(Task<Vec<bool>>);

impl Checking {
    /// Checks the payloads that lie in `bytes`.
    pub fn start(bytes: impl Into<Vec<u8>>, payloads: Vec<Payload>) -> Self {
        let (bytes, size) = (bytes.into(), size(&payloads));
        Checking(Task::start(size, move || payloads.iter().map(|payload| check(&bytes, payload)).collect()))
    }

    /// Returns whether each can be decoded and matches.
    pub fn finish(self) -> Vec<bool> {
        self.0.finish()
    }
}

/// Bytes that payloads stand for.
fn size(payloads: &[Payload]) -> usize {
    payloads.iter().map(|payload| payload.size as usize).sum()
}

/// Returns whether a payload can be decoded and matches. One that is not compressed is looked at where it is.
fn check(bytes: &[u8], payload: &Payload) -> bool {
    let plain = bytes.get(payload.range.start as usize..payload.range.end as usize);
    match plain.filter(|_| !payload.compressed) {
        Some(object) => object.len() == payload.size as usize && payload.matches(object),
        None => decode(bytes, payload).is_some(),
    }
}

fn decode(bytes: &[u8], payload: &Payload) -> Option<Vec<u8>> {
    let bytes = bytes.get(payload.range.start as usize..payload.range.end as usize)?;
    let size = payload.size as usize;
    let object = if payload.compressed {
        zlib::inflate(bytes, size, payload.adler.is_some())?
    } else {
        (bytes.len() == size).then(|| bytes.to_vec())?
    };
    payload.matches(&object).then_some(object)
}

impl Payload {
    /// Returns whether an object has the id and the checksum that are expected.
    fn matches(&self, object: &[u8]) -> bool {
        self.adler.is_none_or(|adler| adler32(ADLER_OF_NOTHING, object) == adler)
            && self.expected.is_none_or(|expected| sha256(object) == expected)
    }
}
