//! Deleting objects.

use alloc::vec::Vec;
use core::ops::ControlFlow;

use super::{Job, Progress, Running, Work};
use crate::container::Container;
use crate::dir::Dir;
use crate::disk::Disk;
use crate::error::{Code, Context as _, Error, Result};
use crate::format::location::Location;
use crate::format::names;
use crate::id::ObjectId;
use crate::index::{IndexWriter, Trust};
use crate::loose;
use crate::packer::session::PackerSession;

/// Deletes objects, a batch in each step. Units of progress are ids.
struct Delete<D: Dir> {
    /// Sorted; those that are left come first.
    ids: Vec<ObjectId>,
    index: IndexWriter<D>,
    session: PackerSession<D>,
}

impl<D: Dir> Container<D> {
    /// Starts to delete objects, loose or packed. IDs without an object are not counted. The bytes of a packed object
    /// stay in its pack, unreferenced.
    ///
    /// Many are deleted by one commit: a crash leaves each of them deleted or present, never half. One that is added
    /// again afterwards exists again; if it is added while it is being deleted, either may win. Readers that have it
    /// open can read on, and another handle may find a packed one until it next rereads the index, as
    /// [`Container::stats`] and [`Container::objects`] do. Units of progress are IDs.
    ///
    /// # Errors
    /// [`Error::Locked`](crate::Error::Locked) when a packer is at work; those of opening the index.
    pub fn delete(&self, mut ids: Vec<ObjectId>) -> Result<impl Job + use<D>> {
        ids.sort_unstable();
        ids.dedup();
        let session = PackerSession::open(self)?;
        let index = session.index()?;
        let progress = Progress::of(ids.len() as u64);
        Ok(Running::new(Delete { ids, index, session }, progress))
    }
}

impl<D: Dir> Work for Delete<D> {
    fn advance(&mut self, progress: &mut Progress) -> Result<ControlFlow<()>> {
        let disk = &self.session.disk;
        let rest = self.ids.len().saturating_sub(disk.tuning.step_entries);
        let ids = self.ids.split_off(rest);
        let located = self.index.index().lookup_many(&ids, Trust::Checked)?;
        let packed: Vec<(ObjectId, Location)> =
            ids.iter().zip(&located).filter_map(|(id, location)| Some((*id, (*location)?))).collect();
        if !packed.is_empty() {
            // COMMIT: of the deletion of what is packed. Cut at by `store::crash`.
            let deleted = self.index.delete(&packed);
            // Even if it failed: what was written may count.
            disk.tell_deleted();
            deleted?;
        }
        let mut shards = Vec::new();
        for (id, location) in ids.iter().zip(located) {
            let size = match loose::size(&disk.dir, id) {
                Err(error @ Error::Corrupt(_)) => {
                    progress.failed(&names::loose(id), error);
                    continue;
                }
                size => size?,
            };
            if size.is_some() {
                loose::remove(&disk.dir, id)?;
            }
            if let Some(size) = size.or(location.map(|location| location.size)) {
                progress.objects += 1;
                progress.bytes = progress.bytes.saturating_add(size);
            }
            // One that is absent may have been removed by somebody who was killed before the removal was durable.
            if size.is_some() || location.is_none() {
                shards.push(id.shard());
            }
        }
        flush_shards(disk, shards)?;
        progress.done += ids.len() as u64;
        Ok(if self.ids.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

/// Makes the removal of loose files durable. The shards are in order; some may be missing.
pub(super) fn flush_shards<D: Dir>(disk: &Disk<D>, mut shards: Vec<u8>) -> Result<()> {
    shards.dedup();
    for shard in shards.into_iter().map(names::shard) {
        match disk.metadata(&shard) {
            Ok(_) => {}
            Err(Code::NotFound) => continue,
            Err(code) => return Err(code).during("examine", &shard),
        }
        // COMMIT: of the deletion of what is loose. Cut at by `store::crash`.
        disk.flush.dir(&disk.dir, &shard)?;
    }
    Ok(())
}
