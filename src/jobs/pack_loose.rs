//! Moving loose objects into packs.

use alloc::format;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use super::{Job, Progress, Running, Work};
use crate::codec;
use crate::container::Container;
use crate::dir::{Dir, read_full_at};
use crate::disk::Disk;
use crate::error::{Context as _, Error, Result};
use crate::format::FRAME;
use crate::format::names::{self, LOOSE, SHARDS};
use crate::id::ObjectId;
use crate::loose;
use crate::options::Compression;
use crate::packer::{Head, Packer, read_head};
use crate::source::FileSource;

/// Packs loose objects, shard by shard. Units of progress are shards.
struct PackLoose<D: Dir> {
    disk: Disk<D>,
    packer: Packer<D>,
    /// Objects of the current shard that are not packed, last first.
    ids: Vec<ObjectId>,
    buffer: Vec<u8>,
    /// Loose objects that are packed already.
    packed: u64,
}

impl<D: Dir> Container<D> {
    /// Starts to move loose objects into packs. Each object is hashed again while it is copied; a damaged one is
    /// reported and left; objects that are packed already are left as well, and counted in a note. The loose files
    /// stay until [`Container::clean`]. Units of progress are the 256 shards of loose objects.
    ///
    /// # Errors
    /// [`Error::Locked`] when another packer is at work; those of opening the index and the last pack.
    pub fn pack_loose(&self, compression: Compression) -> Result<impl Job + use<D>> {
        let packer = Packer::new(self, compression)?;
        let work = PackLoose { disk: self.disk.clone(), packer, ids: Vec::new(), buffer: Vec::new(), packed: 0 };
        Ok(Running::new(work, Progress::of(SHARDS)))
    }
}

impl<D: Dir> Work for PackLoose<D> {
    fn advance(&mut self, progress: &mut Progress) -> Result<ControlFlow<()>> {
        let (mut bytes, mut objects) = (0, 0);
        let (step_bytes, step_objects) = (self.disk.tuning.step_bytes, self.disk.tuning.step_objects);
        while bytes < step_bytes && objects < step_objects {
            let Some(id) = self.ids.pop() else {
                if progress.done == SHARDS {
                    return Ok(ControlFlow::Break(()));
                }
                let listed = loose::list(&self.disk.dir, progress.done as u8)?;
                let packed = self.packer.packed(&listed)?;
                self.packed += packed.iter().filter(|packed| **packed).count() as u64;
                self.ids.extend(listed.iter().zip(packed).rev().filter(|(_, packed)| !packed).map(|(id, _)| *id));
                progress.done += 1;
                // Listing is work as well: an empty container should not be one step.
                objects += (step_objects / 16).max(1);
                continue;
            };
            objects += 1;
            match pack(&self.disk.dir, &mut self.packer, &id, &mut self.buffer) {
                Ok(size) => {
                    bytes += size;
                    progress.objects += 1;
                    progress.bytes += size;
                }
                // Removed meanwhile.
                Err(Error::NotFound(_)) => {}
                Err(error) => {
                    // If it is the packer that failed, the job is over; else this object is left behind.
                    self.packer.check().map_err(|_| error.clone())?;
                    progress.problems.push(error.into_finding(&names::loose(&id)));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn finish(mut self, progress: &mut Progress) -> Result<()> {
        self.packer.commit()?;
        if self.packed > 0 {
            let note = format!("{} objects are packed already and were left here: `clean` removes them", self.packed);
            progress.note(LOOSE, note);
        }
        Ok(())
    }
}

/// Packs one loose object; returns its size. `buffer` is used again for each.
fn pack<D: Dir>(dir: &D, packer: &mut Packer<D>, id: &ObjectId, buffer: &mut Vec<u8>) -> Result<u64> {
    let (file, size) = loose::open(dir, id)?.ok_or(Error::NotFound(*id))?;
    let path = names::loose(id);
    let found = if size <= FRAME as u64 {
        buffer.resize(size as usize, 0);
        let read = read_full_at(&file, buffer, 0).during("read", &path)?;
        buffer.truncate(read);
        let found = codec::sha256(buffer);
        if found == *id {
            packer.add(found, buffer)?;
        }
        found
    } else {
        let mut source = FileSource::new(path.as_str(), move || Ok(file));
        match read_head(&mut source, packer.piece())? {
            Head::Whole(content) => codec::sha256(&content),
            Head::Large(head) => packer.add_large(head, &mut source, Some(id))?,
        }
    };
    if found != *id {
        return Err(Error::corrupt(path, "its bytes do not match its ID; restore it from a copy, or add it again"));
    }
    Ok(size)
}
