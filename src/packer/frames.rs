//! The content of a source: an object of at most one frame, or the frames of a larger one.

use alloc::vec::Vec;
use core::mem;

use crate::codec::Sha256;
use crate::error::Result;
use crate::format::FRAME;
use crate::id::ObjectId;
use crate::source::{Source, read_up_to};

/// The content of a source: all of it if that is at most one frame, else its first bytes, more than a frame.
pub(crate) enum Head {
    Whole(Vec<u8>),
    Large(Vec<u8>),
}

/// `piece`: as in [`Tuning`](crate::Tuning).
pub(crate) fn read_head(source: &mut dyn Source, piece: usize) -> Result<Head> {
    let mut bytes = Vec::new();
    let ended = read_up_to(source, FRAME + 1, piece, &mut bytes)?;
    Ok(if ended { Head::Whole(bytes) } else { Head::Large(bytes) })
}

/// The frames of a large object, hashed on the way.
pub(crate) struct Frames<'a> {
    source: &'a mut dyn Source,
    piece: usize,
    /// Bytes that were read and not yet returned. One byte more than a frame shows whether that frame is the last.
    read: Vec<u8>,
    ended: bool,
    hash: Sha256,
    /// Bytes given out so far.
    pub(crate) size: u64,
}

impl<'a> Frames<'a> {
    /// Splits `head`, which has more than [`FRAME`] bytes, and the rest of `source` into frames. `piece`: as in
    /// [`Tuning`](crate::Tuning).
    pub(crate) fn new(source: &'a mut dyn Source, head: Vec<u8>, piece: usize) -> Self {
        Frames { source, piece, read: head, ended: false, hash: Sha256::default(), size: 0 }
    }

    /// The id of all frames.
    pub(crate) fn finish(self) -> ObjectId {
        self.hash.finish()
    }

    /// The next frame, and whether it is the last.
    pub(crate) fn next(&mut self) -> Result<Option<(Vec<u8>, bool)>> {
        if !self.ended {
            self.ended = read_up_to(self.source, FRAME + 1 - self.read.len(), self.piece, &mut self.read)?;
        }
        if self.read.is_empty() {
            return Ok(None);
        }
        let mut rest = Vec::with_capacity(FRAME + 1);
        rest.extend_from_slice(self.read.get(FRAME..).unwrap_or_default());
        let mut frame = mem::replace(&mut self.read, rest);
        frame.truncate(FRAME);
        self.hash.update(&frame);
        self.size += frame.len() as u64;
        Ok(Some((frame, self.ended && self.read.is_empty())))
    }
}
