//! Objects of more than one frame: appended while they are read.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::Packer;
use super::frames::Frames;
use crate::codec::{Framing, sample};
use crate::dir::Dir;
use crate::error::Result;
use crate::format::FRAME;
use crate::format::location::Location;
use crate::format::zlib_stream::{self, ADLER_OF_NOTHING, EMPTY_BLOCK};
use crate::id::ObjectId;
use crate::index::Trust;
use crate::pack::{OpenRecord, PackAppender};
use crate::source::Source;

impl<D: Dir> Packer<D> {
    /// Takes an object of more than one frame: `head`, which has more than [`FRAME`] bytes, and the rest of `source`.
    ///
    /// If it is not the `expected` one, or the source fails, it is dropped and the packer goes on: see
    /// [`Packer::check`].
    pub(crate) fn add_large(
        &mut self,
        head: Vec<u8>,
        source: &mut dyn Source,
        expected: Option<&ObjectId>,
    ) -> Result<ObjectId> {
        self.take_large(head, source, expected, None)
    }

    pub(super) fn take_large(
        &mut self,
        head: Vec<u8>,
        source: &mut dyn Source,
        expected: Option<&ObjectId>,
        from: Option<Location>,
    ) -> Result<ObjectId> {
        let stored = self.writing(|packer| packer.append_large(head, source, expected, from))?;
        self.commit_if_many()?;
        stored
    }

    /// The outer result is that of writing, the inner one that of reading.
    fn append_large(
        &mut self,
        head: Vec<u8>,
        source: &mut dyn Source,
        expected: Option<&ObjectId>,
        from: Option<Location>,
    ) -> Result<Result<ObjectId>> {
        let compressed = sample::worth_trying(&head[..FRAME], self.compression);
        let mut record = self.packs.start_record()?;
        let mut frames = Frames::new(source, head, self.tuning.piece);
        let stream = match compressed {
            true => self.write_stream(&mut record, &mut frames)?.map(Some),
            false => self.write_plain(&mut record, &mut frames)?.map(|()| None),
        };
        let stream = match stream {
            Ok(stream) => stream,
            Err(error) => {
                self.packs.abandon_record(&record)?;
                return Ok(Err(error));
            }
        };
        let size = frames.size;
        let id = frames.finish();
        let unexpected = expected.is_some_and(|expected| *expected != id);
        let known = self.index.index().lookup(&id, Trust::Quick)?;
        if unexpected || self.taken.contains(&id) || self.stays(&id, known, from)? {
            self.packs.abandon_record(&record)?;
            return Ok(Ok(id));
        }
        let location = self.packs.finish_record(record, &id, size, &stream.unwrap_or_default())?;
        self.taken.insert(id);
        self.note(id, location);
        Ok(Ok(id))
    }

    /// Writes an object's bytes as they are. Results are those of [`Packer::append_large`].
    fn write_plain(&mut self, record: &mut OpenRecord, frames: &mut Frames<'_>) -> Result<Result<()>> {
        loop {
            match frames.next() {
                Ok(Some((frame, _))) => self.packs.write(record, &frame)?,
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Writes an object as a zlib stream of frames; returns where they end. Frames are compressed while later ones are
    /// read and earlier ones are written.
    fn write_stream(&mut self, record: &mut OpenRecord, frames: &mut Frames<'_>) -> Result<Result<Vec<u64>>> {
        self.packs.write(record, &zlib_stream::header(self.level))?;
        let mut adler = ADLER_OF_NOTHING;
        let mut ends = Vec::new();
        let mut going = VecDeque::new();
        let mut ended = false;
        while !ended || !going.is_empty() {
            match if ended { Ok(None) } else { frames.next() } {
                Ok(Some((frame, last))) => {
                    let len = frame.len() as u64;
                    going.push_back((Framing::start(frame, self.level, last), len));
                    ended = last;
                }
                Ok(None) => ended = true,
                Err(error) => return Ok(Err(error)),
            }
            if (going.len() > self.tuning.ahead || ended)
                && let Some((framing, len)) = going.pop_front()
            {
                let (blocks, frame_adler) = framing.finish();
                adler = zlib_stream::adler32_append(adler, frame_adler, len);
                let trailer = adler.to_be_bytes();
                let length = PackAppender::<D>::payload_length(record) + (blocks.len() + trailer.len()) as u64;
                if ended && going.is_empty() && length == frames.size {
                    // A payload of the object's own size would pass for the object itself.
                    self.packs.write(record, &EMPTY_BLOCK)?;
                }
                self.packs.write(record, &blocks)?;
                ends.push(PackAppender::<D>::payload_length(record));
            }
        }
        self.packs.write(record, &adler.to_be_bytes())?;
        Ok(Ok(ends))
    }
}
