//! The payload of a packed object: the bytes that stand for it in its pack.

use alloc::vec;
use alloc::vec::Vec;

use super::{Placement, Stored, ZLIB_HEADER, ZLIB_TRAILER};
use crate::codec::Payload;
use crate::dir::File;
use crate::error::{Error, Result};
use crate::format::frame_table::{self, ENTRY, frame_count};

impl<F: File> Stored<F> {
    /// How the object is got out of bytes that have been read of its pack from `start` on, which must hold its payload;
    /// `None` for one of several frames.
    pub(crate) fn payload(&self, start: u64, verify: bool) -> Option<Payload> {
        let Placement::Packed(location) = self.placement else { return None };
        let (mut first, mut end) = (location.offset - start, location.offset + location.length - start);
        if location.compressed() {
            if frame_count(self.size) > 1 {
                return None;
            }
            (first, end) = (first + ZLIB_HEADER, end - ZLIB_TRAILER);
        }
        Some(Payload {
            range: u32::try_from(first).ok()?..u32::try_from(end).ok()?,
            size: u32::try_from(self.size).ok()?,
            compressed: location.compressed(),
            expected: verify.then_some(self.id),
            adler: None,
        })
    }

    /// Length of the payload in bytes: of a loose object its size.
    pub(crate) fn length(&self) -> u64 {
        self.location().map_or(self.size, |location| location.length)
    }

    /// Fills `buffer` with bytes of the payload, from this position in it.
    pub(crate) fn read_payload(&self, buffer: &mut [u8], position: u64) -> Result<()> {
        self.read_exact(buffer, self.start() + position)
    }

    /// Where the frames of a payload end, in bytes from its start; of one that is not compressed, nothing.
    pub(crate) fn frame_ends(&self) -> Result<Vec<u64>> {
        let Some(location) = self.location().filter(|location| location.compressed()) else { return Ok(Vec::new()) };
        let (frames, table) = (frame_count(self.size), location.offset + location.length);
        if frames == 1 {
            return Ok(vec![location.length - ZLIB_TRAILER]);
        }
        let together = (self.tuning.chunk / ENTRY).max(1) as u64;
        let (mut ends, mut entries) = (Vec::new(), Vec::new());
        while (ends.len() as u64) < frames {
            let first = ends.len() as u64;
            entries.resize((frames - first).min(together) as usize * ENTRY, 0);
            self.read_exact(&mut entries, table + frame_table::position(first))?;
            for (number, entry) in (first..).zip(entries.chunks_exact(ENTRY)) {
                ends.push(frame_table::decode(number, entry).ok_or_else(|| self.damaged_table())?);
            }
        }
        Ok(ends)
    }

    /// The error for a payload whose bytes do not match the ID.
    pub(crate) fn mismatch(&self) -> Error {
        self.corrupt("its bytes do not match its ID; restore it from a copy, or add it again")
    }

    pub(super) fn damaged_table(&self) -> Error {
        self.corrupt("its frame table is damaged")
    }
}
