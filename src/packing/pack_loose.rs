//! Moving loose objects into packs.

use alloc::format;
use alloc::vec::Vec;

use super::frames::{Head, read_head};
use super::packer::Packer;
use super::{Job, Progress};
use crate::codec;
use crate::container::Container;
use crate::dir::{Dir, read_full_at};
use crate::disk::Disk;
use crate::error::{Context as _, Damage, Error, Result};
use crate::id::ObjectId;
use crate::layout::{self, FRAME, LOOSE, SHARDS};
use crate::loose;
use crate::options::Compression;
use crate::source::FileSource;

/// The job that packs loose objects, shard by shard. Each object is hashed again while it is copied; a damaged one is
/// reported and left; what is packed already is left as well, and told of in a note. The loose files stay until
/// [`Clean`](super::Clean). Units of progress are shards.
pub struct PackLoose<D: Dir> {
    disk: Disk<D>,
    packer: Option<Packer<D>>,
    /// Objects of the current shard that are not packed, last first.
    ids: Vec<ObjectId>,
    buffer: Vec<u8>,
    /// Loose objects that are packed already.
    packed: u64,
    progress: Progress,
}

impl<D: Dir> PackLoose<D> {
    /// Take the packer's place of a container.
    ///
    /// # Errors
    /// [`Error::Locked`] when it is taken; those of opening the index and the last pack.
    pub fn new(container: &Container<D>, compression: Compression) -> Result<Self> {
        let packer = Some(Packer::new(container, compression)?);
        let progress = Progress { total: SHARDS, ..Progress::default() };
        Ok(PackLoose { disk: container.disk.clone(), packer, ids: Vec::new(), buffer: Vec::new(), packed: 0, progress })
    }

    fn advance(&mut self, packer: &mut Packer<D>) -> Result<()> {
        let (mut bytes, mut objects) = (0, 0);
        let (step_bytes, step_objects) = (self.disk.tuning.step_bytes, self.disk.tuning.step_objects);
        while bytes < step_bytes && objects < step_objects {
            let Some(id) = self.ids.pop() else {
                if self.progress.done == SHARDS {
                    packer.commit()?;
                    self.progress.finished = true;
                    self.tell_packed();
                    return Ok(());
                }
                let listed = loose::list(&self.disk.dir, self.progress.done as u8)?;
                let packed = packer.packed(&listed)?;
                self.packed += packed.iter().filter(|packed| **packed).count() as u64;
                self.ids.extend(listed.iter().zip(packed).rev().filter(|(_, packed)| !packed).map(|(id, _)| *id));
                self.progress.done += 1;
                // Listing is work as well: an empty container should not be one step.
                objects += (step_objects / 16).max(1);
                continue;
            };
            objects += 1;
            match pack(&self.disk.dir, packer, &id, &mut self.buffer) {
                Ok(size) => {
                    bytes += size;
                    self.progress.objects += 1;
                    self.progress.bytes += size;
                }
                // Removed meanwhile.
                Err(Error::NotFound(_)) => {}
                Err(error) => {
                    // If it is the packer that failed, the job is over; else this object is left behind.
                    packer.check().map_err(|_| error.clone())?;
                    self.progress.problems.push(damage(&id, error));
                }
            }
        }
        Ok(())
    }

    /// Say what was left alone, and why.
    fn tell_packed(&mut self) {
        if self.packed > 0 {
            let problem =
                format!("{} objects are packed already and were left here: `clean` removes them", self.packed);
            self.progress.notes.push(Damage { file: LOOSE.into(), problem });
        }
    }
}

impl<D: Dir> Job for PackLoose<D> {
    fn step(&mut self) -> Result<Progress> {
        if !self.progress.finished {
            // Taken out, so that a failure gives up the packer's place and ends the job.
            let mut packer = self.packer.take().ok_or(Error::WriterFailed)?;
            self.advance(&mut packer)?;
            if !self.progress.finished {
                self.packer = Some(packer);
            }
        }
        Ok(self.progress.step())
    }
}

/// Pack one loose object; returns its size. `buffer` is used again for each.
fn pack<D: Dir>(dir: &D, packer: &mut Packer<D>, id: &ObjectId, buffer: &mut Vec<u8>) -> Result<u64> {
    let (file, size) = loose::open(dir, id)?.ok_or(Error::NotFound(*id))?;
    let path = layout::loose(id);
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
        return Err(Error::corrupt(path, "its bytes do not match its id; restore it from a copy, or add it again"));
    }
    Ok(size)
}

fn damage(id: &ObjectId, error: Error) -> Damage {
    match error {
        Error::Corrupt(damage) => damage,
        error => Damage { file: layout::loose(id), problem: format!("{error}") },
    }
}
