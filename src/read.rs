//! Reading an object, loose or packed, plain or compressed.

mod frames;
mod payload;
pub(crate) mod window;

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::str;

use self::frames::FramesAhead;
use crate::codec::{self, Decoding, Payload, Sha256};
use crate::dir::{File, read_full_at, read_full_vec_at};
use crate::error::{Code, Context as _, Error, Result};
use crate::format::FRAME;
use crate::format::frame_table::{self, ENTRY, frame_count};
use crate::format::location::Location;
use crate::format::names;
use crate::format::zlib_stream;
use crate::id::ObjectId;
use crate::source::Source;
use crate::tuning::Tuning;

/// Bytes before and after the blocks of a zlib stream.
const ZLIB_HEADER: u64 = zlib_stream::HEADER as u64;
const ZLIB_TRAILER: u64 = zlib_stream::TRAILER as u64;
/// A frame that cannot be compressed becomes longer by less than this: 5 bytes for each stored block and at the end.
const FRAME_GROWTH: u64 = 1024;
/// DEFLATE makes data smaller by a factor of at most 1032; what promises more is not its work.
const RATIO_MAX: u64 = 1032;

/// Where an object lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// A file of its own.
    Loose,
    /// A record of a pack.
    Packed(Location),
}

/// An object whose file is open.
pub(crate) struct Stored<F> {
    pub(crate) id: ObjectId,
    pub(crate) placement: Placement,
    pub(crate) size: u64,
    file: Arc<F>,
    tuning: Arc<Tuning>,
}

impl<F> Clone for Stored<F> {
    /// Shares the open file.
    fn clone(&self) -> Self {
        let Stored { id, placement, size, file, tuning } = self;
        Stored { id: *id, placement: *placement, size: *size, file: file.clone(), tuning: tuning.clone() }
    }
}

impl<F: File> Stored<F> {
    /// A loose object. `size`: that of the file.
    pub(crate) fn loose(id: ObjectId, file: Arc<F>, size: u64, tuning: &Arc<Tuning>) -> Self {
        Stored { id, placement: Placement::Loose, size, file, tuning: tuning.clone() }
    }

    /// A packed object. `pack_len`: the size of the pack, which the location must agree with before anything is done
    /// with its numbers.
    pub(crate) fn packed(
        id: ObjectId,
        file: Arc<F>,
        location: Location,
        pack_len: u64,
        tuning: &Arc<Tuning>,
    ) -> Result<Self> {
        let (placement, size, tuning) = (Placement::Packed(location), location.size, tuning.clone());
        let stored = Stored { id, placement, size, file, tuning };
        let fits = location.offset.checked_add(location.length).is_some_and(|end| end <= pack_len);
        if !fits {
            return Err(stored.corrupt("the pack is shorter than the index says: it was cut off"));
        }
        let overhead = ZLIB_HEADER + ZLIB_TRAILER;
        let promised = location.size / RATIO_MAX;
        if location.compressed() && (location.length < overhead || promised > location.length) {
            return Err(stored.corrupt("no zlib stream of this length can have this size"));
        }
        Ok(stored)
    }

    /// Where it is packed, if it is.
    pub(crate) fn location(&self) -> Option<Location> {
        match self.placement {
            Placement::Packed(location) => Some(location),
            Placement::Loose => None,
        }
    }

    /// The open file: of a loose object its own, else the pack.
    pub(crate) fn file(&self) -> Arc<F> {
        self.file.clone()
    }

    /// The sizes of the handle that opened it.
    pub(crate) fn tuning(&self) -> &Arc<Tuning> {
        &self.tuning
    }

    /// The file, and the place in it, for messages.
    fn place(&self) -> String {
        match self.placement {
            Placement::Loose => names::loose(&self.id),
            Placement::Packed(location) => format!("{} at byte {}", names::pack(location.pack), location.offset),
        }
    }

    fn corrupt(&self, problem: &str) -> Error {
        Error::corrupt(self.place(), format!("object {}: {problem}", self.id))
    }

    /// Memory to read it piece by piece.
    pub(crate) fn buffer(&self) -> Vec<u8> {
        let chunk = self.tuning.chunk;
        vec![0; chunk.min(usize::try_from(self.size).unwrap_or(chunk))]
    }

    /// The whole object, checked against its id if `verify`.
    pub(crate) fn read_all(&self, verify: bool) -> Result<Vec<u8>> {
        let too_large = Error::TooLarge(self.size);
        let size = usize::try_from(self.size).map_err(|_| too_large.clone())?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(size).map_err(|_| too_large)?;
        match self.placement {
            Placement::Packed(location) if location.compressed() => {
                let mut frames = FramesAhead::of_all();
                for number in 0..frame_count(self.size) {
                    bytes.extend(frames.take(self, &location, number)?);
                }
            }
            _ if size <= FRAME => bytes = self.read_vec(size, self.start())?,
            _ => {
                bytes.resize(size, 0);
                self.read_exact(&mut bytes, self.start())?;
            }
        }
        if verify && codec::sha256(&bytes) != self.id {
            return Err(self.mismatch());
        }
        Ok(bytes)
    }

    /// Where in the file the bytes of an object that is not compressed start.
    fn start(&self) -> u64 {
        match self.placement {
            Placement::Loose => 0,
            Placement::Packed(location) => location.offset,
        }
    }

    fn read_exact(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let read = read_full_at(&*self.file, buffer, offset);
        self.check_read(read, buffer.len())
    }

    fn read_vec(&self, len: usize, offset: u64) -> Result<Vec<u8>> {
        let (read, bytes) = match read_full_vec_at(&*self.file, len, offset) {
            Ok(bytes) => (Ok(bytes.len()), bytes),
            Err(code) => (Err(code), Vec::new()),
        };
        self.check_read(read, len)?;
        Ok(bytes)
    }

    fn check_read(&self, read: Result<usize, Code>, wanted: usize) -> Result<()> {
        match read {
            Ok(read) if read == wanted => Ok(()),
            Ok(_) => Err(self.corrupt("the file became shorter while it was read")),
            Err(Code::IsDirectory) => Err(self.corrupt("there is a directory in place of the file")),
            Err(code) => Err(code).during("read", &self.place()),
        }
    }

    /// Starts to inflate one frame of a compressed object.
    fn start_frame(&self, location: &Location, number: u64) -> Result<Decoding> {
        let (start, end) = self.frame_range(location, number)?;
        let length = end.checked_sub(start).filter(|length| *length <= FRAME as u64 + FRAME_GROWTH);
        if end > location.length - ZLIB_TRAILER || length.is_none() {
            return Err(self.damaged_table());
        }
        let blocks = self.read_vec((end - start) as usize, location.offset + start)?;
        let size = (self.size - number * FRAME as u64).min(FRAME as u64) as u32;
        let payload = Payload { range: 0..blocks.len() as u32, size, compressed: true, expected: None, adler: None };
        Ok(Decoding::start(blocks, vec![payload]))
    }

    /// Where the blocks of a frame lie in the payload: from the end of the frame before to its own, which stand side by
    /// side in the frame table. That follows the payload and its line end.
    fn frame_range(&self, location: &Location, number: u64) -> Result<(u64, u64)> {
        if frame_count(self.size) == 1 {
            return Ok((ZLIB_HEADER, location.length - ZLIB_TRAILER));
        }
        let mut entries = [0; 2 * ENTRY];
        // There is none before the first.
        let (skipped, first) = if number == 0 { (ENTRY, 0) } else { (0, number - 1) };
        let table = location.offset + location.length;
        self.read_exact(&mut entries[skipped..], table + frame_table::position(first))?;
        let (before, own) = entries.split_at(ENTRY);
        let start = if number == 0 { Some(ZLIB_HEADER) } else { frame_table::decode(number - 1, before) };
        start.zip(frame_table::decode(number, own)).ok_or_else(|| self.damaged_table())
    }
}

/// The bytes of one copy of an object, read piece by piece.
pub(crate) struct StoredReader<F> {
    stored: Stored<F>,
    position: u64,
    /// Hash of the object's first `hashed` bytes; `None` when reads are not verified, or the hash has been used.
    hash: Option<Sha256>,
    hashed: u64,
    /// Number and bytes of the frame that was inflated last.
    frame: Option<(u64, Vec<u8>)>,
    ahead: FramesAhead,
}

impl<F: File> StoredReader<F> {
    pub(crate) fn new(stored: Stored<F>, verify: bool) -> Self {
        let hash = verify.then(Sha256::default);
        StoredReader { stored, position: 0, hash, hashed: 0, frame: None, ahead: FramesAhead::default() }
    }

    /// The copy that is read.
    pub(crate) fn stored(&self) -> &Stored<F> {
        &self.stored
    }

    /// The byte of the object that is read next.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Goes on with another copy of the object, which has been checked. What was read so far still counts: the whole is
    /// compared with the id at the end.
    pub(crate) fn replace(&mut self, stored: Stored<F>) {
        self.position = self.position.min(stored.size);
        self.stored = stored;
        self.frame = None;
        self.ahead = FramesAhead::default();
    }

    /// Bytes between here and the end.
    pub(crate) fn left(&self) -> u64 {
        self.stored.size - self.position
    }

    /// Continues reading at this byte of the object. Beyond the end is the end.
    pub(crate) fn seek(&mut self, position: u64) {
        self.position = position.min(self.stored.size);
    }

    /// Fills `buffer` as far as there are bytes; 0 is the end.
    ///
    /// # Errors
    /// When an object is read from its start to its end without `seek`, the read that would give the last bytes fails
    /// with [`Error::Corrupt`] unless the whole matches the id.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let len = usize::try_from(self.left()).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = &mut buffer[..len];
        let len = match self.stored.placement {
            Placement::Packed(location) if location.compressed() => self.read_frame(&location, buffer)?,
            _ => {
                self.stored.read_exact(buffer, self.stored.start() + self.position)?;
                len
            }
        };
        self.check(&buffer[..len])?;
        self.position += len as u64;
        Ok(len)
    }

    /// Returns whether the bytes match the id. To be asked before anything is read.
    pub(crate) fn is_sound(&mut self) -> Result<bool> {
        let mut buffer = self.stored.buffer();
        loop {
            match self.read(&mut buffer) {
                Ok(0) => return Ok(true),
                Ok(_) => {}
                Err(Error::Corrupt(_)) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    fn read_frame(&mut self, location: &Location, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let number = self.position / FRAME as u64;
        let bytes = match &mut self.frame {
            Some((cached, bytes)) if *cached == number => bytes,
            frame => {
                *frame = None;
                &mut frame.insert((number, self.ahead.take(&self.stored, location, number)?)).1
            }
        };
        let rest = &bytes[(self.position % FRAME as u64) as usize..];
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    /// Hashes what is about to be given out, and compares at the end.
    fn check(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(hash) = &mut self.hash else { return Ok(()) };
        if self.hashed != self.position {
            return Ok(());
        }
        hash.update(bytes);
        self.hashed += bytes.len() as u64;
        if self.hashed == self.stored.size {
            let hash = self.hash.take().unwrap_or_default();
            if hash.finish() != self.stored.id {
                // So that a second attempt at the last bytes fails as well.
                self.hash = Some(Sha256::default());
                self.hashed = 0;
                self.position = 0;
                return Err(self.stored.mismatch());
            }
        }
        Ok(())
    }
}

/// The bytes of a stored object, checked as they are read.
pub(crate) struct Content<F>(pub(crate) StoredReader<F>);

impl<F: File> Source for Content<F> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.0.read(buffer)
    }
}
