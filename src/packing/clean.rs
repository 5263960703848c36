//! Removing what is no longer needed.

use alloc::collections::BTreeMap;
use alloc::format;

use super::{Job, Progress};
use crate::container::Container;
use crate::dir::{Dir, File as _, Kind};
use crate::error::{Code, Context as _, Error, Result};
use crate::flush::Flush;
use crate::index::{Index, IndexAppender, Location};
use crate::layout::{self, PACKS, SANDBOX, SANDBOX_AGE, SHARDS};
use crate::lock::PackerLock;
use crate::loose;

/// The job that removes the loose files of packed objects, shard by shard, and then what crashed writers left in the
/// sandbox. Units of progress are shards, and the sandbox.
pub struct Clean<D: Dir> {
    dir: D,
    place: Option<Place<D>>,
    progress: Progress,
}

/// What is held while cleaning.
struct Place<D: Dir> {
    index: IndexAppender<D>,
    /// Length of each pack, all of them durable.
    packs: BTreeMap<u32, u64>,
    _lock: PackerLock<D>,
}

impl<D: Dir> Clean<D> {
    /// Take the packer's place of a container.
    ///
    /// # Errors
    /// [`Error::Locked`] when it is taken; those of opening the index and the packs.
    pub fn new(container: &Container<D>) -> Result<Self> {
        container.check_writable()?;
        let dir = container.dir.clone();
        let lock = PackerLock::acquire(&dir, &container.options.holder)?;
        let flush = Flush::new(container.options.durability);
        // A packer that was killed, or did not flush, may have left packs and index lines that are not durable: they are
        // made so before a loose file is removed on their account.
        let packs = flush_packs(&dir, &flush)?;
        let index = Index::open(dir.clone())?.appender(flush)?;
        let progress = Progress { total: SHARDS + 1, ..Progress::default() };
        Ok(Clean { dir, place: Some(Place { index, packs, _lock: lock }), progress })
    }

    fn clean_shard(&mut self, place: &mut Place<D>, shard: u8) -> Result<()> {
        let ids = loose::list(&self.dir, shard)?;
        let locations = place.index.index().lookup_many(&ids)?;
        for (id, location) in ids.iter().zip(locations) {
            let Some(location) = location else { continue };
            place.check(id, &location)?;
            if loose::remove(&self.dir, id)? {
                self.progress.objects += 1;
                self.progress.bytes += location.size;
            }
        }
        Ok(())
    }

    fn clean_sandbox(&self) -> Result<()> {
        let now = self.dir.now();
        for entry in self.dir.list(SANDBOX).during("list", SANDBOX)? {
            let path = format!("{SANDBOX}/{}", entry.name);
            let found = match self.dir.metadata(&path) {
                Ok(found) => found,
                // Just put in place by its writer.
                Err(Code::NotFound) => continue,
                Err(code) => return Err(code).during("examine", &path),
            };
            if found.kind == Kind::File && found.modified.saturating_add(SANDBOX_AGE) < now {
                match self.dir.remove_file(&path) {
                    Ok(()) | Err(Code::NotFound | Code::Busy | Code::Access) => {}
                    Err(code) => return Err(code).during("remove", &path),
                }
            }
        }
        Ok(())
    }
}

impl<D: Dir> Place<D> {
    /// Fails unless the pack holds what the index says: a loose file may be the last copy there is.
    fn check(&self, id: &crate::ObjectId, location: &Location) -> Result<()> {
        let end = location.offset + location.length;
        if self.packs.get(&location.pack).is_some_and(|len| end <= *len) {
            return Ok(());
        }
        let problem = format!(
            "it is missing, or shorter than the index says, so loose object {id} was not removed: restore the pack from \
             a copy"
        );
        Err(Error::corrupt(layout::pack(location.pack), problem))
    }
}

impl<D: Dir> Job for Clean<D> {
    fn step(&mut self) -> Result<Progress> {
        if !self.progress.finished {
            // Taken out, so that a failure gives up the packer's place and ends the job.
            let mut place = self.place.take().ok_or(Error::WriterFailed)?;
            match u8::try_from(self.progress.done) {
                Ok(shard) => self.clean_shard(&mut place, shard)?,
                Err(_) => self.clean_sandbox()?,
            }
            self.progress.done += 1;
            self.progress.finished = self.progress.done == self.progress.total;
            if !self.progress.finished {
                self.place = Some(place);
            }
        }
        Ok(self.progress.clone())
    }
}

/// Make all packs durable; returns their lengths.
fn flush_packs<D: Dir>(dir: &D, flush: &Flush) -> Result<BTreeMap<u32, u64>> {
    let mut packs = BTreeMap::new();
    for entry in dir.list(PACKS).during("list", PACKS)? {
        if let Some(number) = layout::pack_number(&entry.name).filter(|_| entry.kind == Kind::File) {
            let path = layout::pack(number);
            let file = dir.open_write(&path).during("open", &path)?;
            packs.insert(number, file.metadata().during("examine", &path)?.len);
            flush.file(&file, &path)?;
        }
    }
    flush.dir(dir, PACKS)?;
    Ok(packs)
}
