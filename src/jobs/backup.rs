//! Backing up: making a directory a copy of a container, with what is new alone.
//!
//! Loose objects are copied first, then the index is read as it is at one moment, then the packs that it has entries in
//! are copied as far as it knows them, and then the index. So whatever was acknowledged before is in the copy, whoever
//! adds, packs and cleans meanwhile, and no lock is needed. Packs before the last one that the index knows never change:
//! they are copied once. The copy counts when its manifest, the first time its `container.json`, is in place; stopped or
//! killed before, it goes on where it was when it is started again.

mod packs;
mod target;

use alloc::collections::VecDeque;
use core::mem;
use core::ops::ControlFlow;

use self::packs::{PackCopy, Sealed};
use super::clean::Cleaner;
use super::{Job, Progress, Running, Work};
use crate::container::usage::Usage;
use crate::container::{Container, open_loose, share};
use crate::dir::Dir;
use crate::disk::{Disk, backup_mark};
use crate::error::{Error, Result};
use crate::format::container_json::Sharing;
use crate::format::names::{self, SHARDS};
use crate::index::Index;
use crate::loose::{self, LooseBatch};
use crate::packer::lock::PackerLock;
use crate::read::{Content, StoredReader};

/// How often the index is read again because packs that it has entries in are repacked while they are copied.
const ATTEMPTS: u32 = 100;

/// How a backup is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BackupOptions {
    /// Give packs that are full a second name in the backup, where the file system can do that, instead of copying them.
    /// That takes no time and no room, and does not protect from damage to the device.
    pub link: bool,
    /// The copy is to be worked with: it is no backup, which only a backup writes to.
    pub restore: bool,
}

/// Copies a container.
struct Backup<D: Dir> {
    options: BackupOptions,
    source: Container<D>,
    /// Loose objects that are copied together.
    batch: LooseBatch<D>,
    /// The index of the target before.
    before: Option<Index<D>>,
    stage: Stage<D>,
    attempts: u32,
    target: Disk<D>,
    _lock: PackerLock<D>,
}

enum Stage<D: Dir> {
    /// Copying the loose objects of shards, from this one on.
    Loose(u64),
    /// Adding up which packs the index has entries in.
    Usage(Index<D>, Usage),
    Packs {
        index: Index<D>,
        /// Numbers of packs that the index has entries in, and of those that are still to be copied.
        needed: VecDeque<u32>,
        queue: VecDeque<u32>,
        current: Option<PackCopy<D>>,
    },
    /// Removing the loose files of shards whose objects are packed in the target, from this one on.
    Clean { index: Index<D>, cleaner: Cleaner<D>, shard: u64 },
}

impl<D: Dir> Container<D> {
    /// Starts to make a directory a copy of this container: an empty one, or an earlier backup of the same container, to
    /// which what is new is added. The copy is a container that can be read and verified; only a backup writes to it.
    /// Others may add, pack, clean and repack meanwhile: whatever was acknowledged before is copied. Objects that were
    /// deleted here are deleted in the backup if they were packed; loose ones stay there.
    ///
    /// A damaged loose object, or a pack that is missing, is reported, and the others are copied. It counts the loose
    /// objects and the bytes that were copied. Units of progress are bytes, of loose objects and of packs.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] when the directory holds anything else; [`Error::Locked`] while another backup is made
    /// there.
    pub fn backup(&self, dir: D, options: BackupOptions) -> Result<impl Job + use<D>> {
        let dir = match self.config.shared {
            Sharing::Umask => dir,
            Sharing::Group => {
                share(&dir, ".")?;
                dir.sharing()
            }
        };
        let target = Disk::new(dir, &self.options);
        let lock = target::prepare(&target, self.id(), &self.options.holder)?;
        let stats = self.stats()?;
        let progress = Progress::of(stats.loose_size.saturating_add(stats.packs_size));
        let backup = Backup {
            options,
            source: self.again(),
            // What is packed there may be deleted by the index that is copied later.
            batch: LooseBatch::beside_packs(&target),
            before: Index::open(&target).ok(),
            stage: Stage::Loose(0),
            attempts: 0,
            target,
            _lock: lock,
        };
        Ok(Running::new(backup, progress))
    }
}

impl<D: Dir> Work for Backup<D> {
    fn advance(&mut self, progress: &mut Progress) -> Result<ControlFlow<()>> {
        match &mut self.stage {
            Stage::Loose(SHARDS) => {
                self.batch.commit()?;
                self.stage = Stage::Usage(Index::open(&self.source.disk)?, Usage::default());
            }
            Stage::Loose(shard) => {
                let copied = *shard as u8;
                *shard += 1;
                self.copy_loose(copied, progress)?;
            }
            Stage::Usage(index, usage) => {
                if usage.read(index, self.target.tuning.step_entries)? {
                    return Ok(ControlFlow::Continue(()));
                }
                if let Some(before) = &self.before
                    && !index.continues(before)?
                {
                    return Err(packs::other_course());
                }
                let needed: VecDeque<u32> = mem::take(usage).entries().map(|pack| pack.number).collect();
                if let Stage::Usage(index, _) = mem::replace(&mut self.stage, Stage::Loose(0)) {
                    self.stage = Stage::Packs { index, queue: needed.clone(), needed, current: None };
                }
            }
            Stage::Packs { .. } => self.copy_packs(progress)?,
            Stage::Clean { shard: SHARDS, .. } => return Ok(ControlFlow::Break(())),
            Stage::Clean { index, cleaner, shard } => {
                let ids = loose::list(&self.target.dir, *shard as u8)?;
                cleaner.clean(index, ids, progress)?;
                *shard += 1;
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn finish(self, _: &mut Progress) -> Result<()> {
        if self.options.restore { backup_mark::remove(&self.target) } else { Ok(()) }
    }
}

impl<D: Dir> Backup<D> {
    fn copy_loose(&mut self, shard: u8, progress: &mut Progress) -> Result<()> {
        for id in loose::list(&self.source.disk.dir, shard)? {
            let path = names::loose(&id);
            let stored = match open_loose(&self.source.disk, &id) {
                Ok(Some(stored)) => stored,
                // Packed and cleaned meanwhile.
                Ok(None) => continue,
                Err(error) => {
                    progress.failed(&path, error);
                    continue;
                }
            };
            let size = stored.size;
            progress.done = progress.done.saturating_add(size);
            progress.total = progress.total.max(progress.done);
            if loose::size(&self.target.dir, &id)? == Some(size) {
                continue;
            }
            match self.batch.add_source(&mut Content(StoredReader::new(stored, true))) {
                Ok(_) => {
                    progress.objects += 1;
                    progress.bytes = progress.bytes.saturating_add(size);
                }
                Err(error @ Error::Corrupt(_)) => progress.failed(&path, error),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Copies a piece of a pack, or what comes after the last one.
    fn copy_packs(&mut self, progress: &mut Progress) -> Result<()> {
        let Stage::Packs { index, needed, queue, current } = &mut self.stage else { return Ok(()) };
        if let Some(copy) = current {
            if copy.step(&self.target, progress)?.is_break() {
                *current = None;
            }
            return Ok(());
        }
        if let Some(number) = queue.pop_front() {
            let sealed = Sealed { source: index.reach(), target: self.before.as_ref().and_then(Index::reach) };
            *current = PackCopy::open(&self.source.disk, &self.target, number, sealed, self.options.link, progress)?;
            if current.is_none() && self.attempts < ATTEMPTS && index.refresh()? {
                // Repacked: its objects are elsewhere, as the index says now.
                self.attempts += 1;
                self.stage = Stage::Usage(Index::open(&self.source.disk)?, Usage::default());
            } else if current.is_none() {
                progress.problem(names::pack(number), "it is missing: its objects are not in the backup");
            }
            return Ok(());
        }
        packs::flush_directory(&self.target)?;
        index.copy_to(&self.target)?;
        target::complete(&self.source.disk, &self.target)?;
        packs::remove_unneeded(&self.source.disk, &self.target, needed, index.reach())?;
        let cleaner = Cleaner::new(&self.target, progress)?;
        self.stage = Stage::Clean { index: Index::open(&self.target)?, cleaner, shard: 0 };
        Ok(())
    }
}
