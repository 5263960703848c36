//! Moving loose objects into packs.

use alloc::format;
use alloc::vec::Vec;
use core::mem;
use core::ops::ControlFlow;

use super::clean::Cleaner;
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
    cleaning: Option<Cleaning<D>>,
}

/// Loose files that go as soon as their objects are committed.
struct Cleaning<D: Dir> {
    cleaner: Cleaner<D>,
    /// Objects whose loose files are still there.
    ids: Vec<ObjectId>,
    bytes: u64,
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
        Ok(PackLoose::start(self.disk.clone(), packer, None, Progress::of(SHARDS)))
    }

    /// Starts to move loose objects into packs, as [`Container::pack_loose`], and to remove their loose files: a batch of
    /// objects at a time, as soon as they are committed and their packed copies have been read back. So the disk needs
    /// room for a batch, of 256 MiB, in place of room for all. Objects that are packed already are cleaned as well. It
    /// counts objects packed.
    ///
    /// # Errors
    /// Those of [`Container::pack_loose`].
    pub fn pack_and_clean(&self, compression: Compression) -> Result<impl Job + use<D>> {
        let packer = Packer::new(self, compression)?;
        let mut progress = Progress::of(SHARDS);
        let cleaner = Cleaner::new(&self.disk, &mut progress)?;
        let cleaning = Cleaning { cleaner, ids: Vec::new(), bytes: 0 };
        Ok(PackLoose::start(self.disk.clone(), packer, Some(cleaning), progress))
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
                for (id, packed) in listed.into_iter().zip(packed).rev() {
                    match (packed, &mut self.cleaning) {
                        (false, _) => self.ids.push(id),
                        (true, None) => self.packed += 1,
                        (true, Some(cleaning)) => cleaning.ids.push(id),
                    }
                }
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
                    if let Some(cleaning) = &mut self.cleaning {
                        cleaning.ids.push(id);
                        cleaning.bytes += size;
                    }
                    self.clean_if_much(progress)?;
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
        self.clean(progress)?;
        if self.packed > 0 {
            let note = format!("{} objects are packed already and were left here: `clean` removes them", self.packed);
            progress.note(LOOSE, note);
        }
        Ok(())
    }
}

impl<D: Dir> PackLoose<D> {
    fn start(disk: Disk<D>, packer: Packer<D>, cleaning: Option<Cleaning<D>>, progress: Progress) -> impl Job + use<D> {
        let work = PackLoose { disk, packer, ids: Vec::new(), buffer: Vec::new(), packed: 0, cleaning };
        Running::new(work, progress)
    }

    fn clean_if_much(&mut self, progress: &mut Progress) -> Result<()> {
        let tuning = &self.disk.tuning;
        let much = self.cleaning.as_ref().is_some_and(|cleaning| {
            cleaning.bytes >= tuning.clean_bytes || cleaning.ids.len() >= tuning.commit_objects
        });
        if much { self.clean(progress) } else { Ok(()) }
    }

    /// Commits what has been packed, and removes the loose files of it if they are to go.
    fn clean(&mut self, progress: &mut Progress) -> Result<()> {
        self.packer.commit()?;
        let Some(Cleaning { cleaner, ids, bytes }) = &mut self.cleaning else { return Ok(()) };
        *bytes = 0;
        cleaner.refresh()?;
        cleaner.clean(self.packer.index(), mem::take(ids), progress).map(drop)
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
