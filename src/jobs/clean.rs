//! Removing what is no longer needed.

mod cleaner;

use alloc::format;
use core::ops::ControlFlow;

pub(super) use self::cleaner::Cleaner;
use super::{Job, Progress, Running, Work};
use crate::container::Container;
use crate::dir::{Dir, Kind};
use crate::disk::Disk;
use crate::disk::directory;
use crate::disk::small_file;
use crate::error::{Code, Context as _, Result};
use crate::format::names::{self, INCOMING, INCOMING_AGE, SHARDS};
use crate::index::Index;
use crate::loose;
use crate::packer::session::PackerSession;

/// Removes the loose files of packed objects, shard by shard, and then what crashed writers left in `incoming`. Units
/// of progress are shards, and `incoming`.
struct Clean<D: Dir> {
    index: Index<D>,
    cleaner: Cleaner<D>,
    session: PackerSession<D>,
}

impl<D: Dir> Container<D> {
    /// Starts to remove the loose files of packed objects, and what writers that crashed left behind more than a day
    /// ago. The packed copy of each object is read first; where it is damaged, that is reported and the loose file
    /// stays. Units of progress are the 256 shards of loose objects, and the directory of unfinished files.
    ///
    /// # Errors
    /// [`Error::Locked`](crate::Error::Locked) when a packer is at work; those of opening the index and the packs.
    pub fn clean(&self) -> Result<impl Job + use<D>> {
        let session = PackerSession::open_to_free(self)?;
        // Whatever a loose file is removed for is durable before.
        let mut progress = Progress::of(SHARDS + 1);
        let cleaner = Cleaner::new(&session.disk, &mut progress)?;
        let index = Index::open(&session.disk)?;
        index.settle()?;
        Ok(Running::new(Clean { index, cleaner, session }, progress))
    }
}

impl<D: Dir> Work for Clean<D> {
    fn advance(&mut self, progress: &mut Progress) -> Result<ControlFlow<()>> {
        match u8::try_from(progress.done) {
            Ok(shard) => {
                let ids = loose::list(&self.session.disk.dir, shard)?;
                let (objects, bytes) = self.cleaner.clean(&mut self.index, ids, progress)?;
                progress.objects += objects;
                progress.bytes = progress.bytes.saturating_add(bytes);
            }
            Err(_) => {
                clean_incoming(&self.session.disk, progress)?;
                return Ok(ControlFlow::Break(()));
            }
        }
        progress.done += 1;
        Ok(ControlFlow::Continue(()))
    }
}

/// Removes what writers that crashed left behind.
fn clean_incoming<D: Dir>(disk: &Disk<D>, progress: &mut Progress) -> Result<()> {
    let now = disk.now();
    let (mut files, mut bytes) = (0_u64, 0);
    for entry in small_file::list(&disk.dir, INCOMING)? {
        if let Some(directory) = names::made_directory(&entry.name) {
            directory::settle(disk, &directory)?;
            continue;
        }
        if !names::is_incoming_file(&entry.name) {
            continue;
        }
        let path = format!("{INCOMING}/{}", entry.name);
        let found = match disk.metadata(&path) {
            Ok(found) => found,
            // Just put in place by its writer.
            Err(Code::NotFound) => continue,
            Err(code) => return Err(code).during("examine", &path),
        };
        // One from the future was written with a wrong clock, and not a moment ago.
        let left = found.modified.abs_diff(now) > INCOMING_AGE;
        if found.kind == Kind::File && left {
            match disk.remove_file(&path) {
                Ok(()) | Err(Code::NotFound) => continue,
                Err(Code::Busy | Code::Access) => {}
                Err(code) => return Err(code).during("remove", &path),
            }
        }
        (files, bytes) = (files + 1, bytes + found.len);
    }
    if files > 0 {
        let note = format!(
            "{files} files of {bytes} bytes are being written, or were left by writers that were killed: they are removed \
             when they are a day old"
        );
        progress.note(INCOMING, note);
    }
    Ok(())
}
