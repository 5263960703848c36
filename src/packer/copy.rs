//! Objects that are packed already, here or in another container: appended with their payloads as they are, or moved.

use alloc::vec;
use alloc::vec::Vec;

use super::{Head, Packer, read_head};
use crate::codec::Sha256;
use crate::dir::{Dir, File};
use crate::error::Result;
use crate::format::location::Location;
use crate::id::ObjectId;
use crate::index::Index;
use crate::pack::OpenRecord;
use crate::pack::scrub::Scrub;
use crate::read::{Content, Stored, StoredReader};

impl<D: Dir> Packer<D> {
    /// The index, with everything that has been committed.
    pub(crate) fn index(&mut self) -> &mut Index<D> {
        self.index.index()
    }

    /// Has new streams made with this zlib level instead of the container's.
    pub(crate) fn set_level(&mut self, level: u8) {
        self.level = level;
    }

    /// Starts a pack for whatever is appended next. Before anything is.
    pub(crate) fn start_pack(&mut self) -> Result<()> {
        self.packs.leave()
    }

    /// Moves an object of at most one frame, whose bytes have been checked, away from its location: it is compressed or
    /// not, as all that this packer takes.
    pub(crate) fn move_small(&mut self, id: ObjectId, content: &[u8], from: Location) -> Result<()> {
        self.gather(id, content, Some(from))
    }

    /// Does the same for a larger one.
    pub(crate) fn move_large<F: File>(&mut self, stored: Stored<F>, from: Location) -> Result<()> {
        let id = stored.id;
        let mut source = Content(StoredReader::new(stored, true));
        match read_head(&mut source, self.tuning.piece)? {
            Head::Whole(content) => self.move_small(id, &content, from),
            Head::Large(head) => self.take_large(head, &mut source, Some(&id), Some(from)).map(drop),
        }
    }

    /// Appends the payload of an object as it is. It has been checked, and the index has the object nowhere else than
    /// at `from`.
    pub(crate) fn copy_small(&mut self, id: ObjectId, size: u64, payload: &[u8], from: Option<Location>) -> Result<()> {
        self.writing(|packer| {
            if packer.taken.insert(id) {
                packer.replaced.extend(from);
                packer.append(id, size, payload)?;
            }
            Ok(())
        })?;
        self.commit_if_many()
    }

    /// Appends the payload of an object, with its frame table, as it is: checked, and read from its file piece by piece.
    /// `from`: as for [`Packer::copy_small`]. A payload that cannot be read or does not match is the inner error.
    pub(crate) fn copy_large<F: File>(&mut self, stored: &Stored<F>, from: Option<Location>) -> Result<Result<()>> {
        let copied = self.writing(|packer| {
            if packer.taken.contains(&stored.id) {
                return Ok(Ok(()));
            }
            let mut record = packer.packs.start_record()?;
            match packer.copy_payload(stored, &mut record)? {
                Ok(ends) => {
                    let location = packer.packs.finish_record(record, &stored.id, stored.size, &ends)?;
                    packer.taken.insert(stored.id);
                    packer.replaced.extend(from);
                    packer.note(stored.id, location);
                    Ok(Ok(()))
                }
                Err(error) => packer.packs.abandon_record(&record).map(|()| Err(error)),
            }
        })?;
        self.commit_if_many()?;
        Ok(copied)
    }

    /// Returns where the frames of the payload end. The outer result is that of writing, the inner one that of reading.
    fn copy_payload<F: File>(&mut self, stored: &Stored<F>, record: &mut OpenRecord) -> Result<Result<Vec<u64>>> {
        let compressed = stored.length() != stored.size;
        if compressed {
            let scrub = Scrub::new(stored.clone(), stored.location());
            match scrub.finish() {
                Ok(None) => {}
                Ok(Some(_)) => return Ok(Err(stored.mismatch())),
                Err(error) => return Ok(Err(error)),
            }
        }
        let (mut piece, mut position, mut hash) = (vec![0; self.tuning.chunk], 0, Sha256::default());
        while position < stored.length() {
            let left = usize::try_from(stored.length() - position).unwrap_or(usize::MAX);
            let len = piece.len().min(left);
            let bytes = &mut piece[..len];
            if let Err(error) = stored.read_payload(bytes, position) {
                return Ok(Err(error));
            }
            if !compressed {
                hash.update(bytes);
            }
            self.packs.write(record, bytes)?;
            position += len as u64;
        }
        if !compressed && hash.finish() != stored.id {
            return Ok(Err(stored.mismatch()));
        }
        Ok(stored.frame_ends())
    }
}
