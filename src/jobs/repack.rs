//! Repacking: moving what is in use out of packs that are partly dead or small, and removing these packs.
//!
//! One pack after the other, so that the disk needs room for one more pack: its objects are checked and appended to
//! another pack, the index is told, and then the pack is removed. Packs that stay are not touched. A crash leaves dead
//! bytes, or a pack that no entry refers to: the next repack takes them.

mod choice;
mod moving;

use alloc::collections::VecDeque;
use alloc::format;
use core::ops::ControlFlow;

use self::moving::Moving;
use super::{Job, Progress, Running, Work};
use crate::container::Container;
use crate::container::usage::{PackInfo, Usage};
use crate::dir::Dir;
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::format::names;
use crate::index::Index;
use crate::options::Compression;
use crate::packer::Packer;

/// Which packs to repack, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RepackOptions {
    /// Repack packs of which at least this percentage is dead, 0 to 100. `None`: 25, or all packs when `compression` is
    /// given.
    pub min_dead: Option<u8>,
    /// When to compress what is moved. `None`: payloads stay as they are.
    pub compression: Option<Compression>,
    /// Compress anew, with this zlib level (1 to 9), what is compressed already. `None`: compressed payloads stay as
    /// they are, unless `compression` is [`Compression::Never`].
    pub level: Option<u8>,
    /// Only find out what there is to do.
    pub dry_run: bool,
}

/// Moves what is in use.
struct Repack<D: Dir> {
    options: RepackOptions,
    target: u64,
    disk: Disk<D>,
    stage: Stage<D>,
    /// None in a dry run.
    packer: Option<Packer<D>>,
}

enum Stage<D: Dir> {
    /// Adding up how much of each pack is in use.
    Usage(Index<D>, Usage),
    Moving {
        /// Packs that were chosen.
        queue: VecDeque<PackInfo>,
        current: Option<Moving<D>>,
    },
}

impl<D: Dir> Container<D> {
    /// Starts to free the dead bytes of packs: of each pack that is dead enough, the objects in use are checked and
    /// moved to another pack, and the pack is removed. Small packs are merged. Others may read and add meanwhile. An
    /// object that is damaged stays where it is, with its pack, and is reported.
    ///
    /// The disk needs room for one more pack. The units of progress are bytes of the packs that were chosen; it counts
    /// objects that were moved and the bytes of their records, so that what is freed is about the difference. In a dry
    /// run it counts those that would be moved, and has a note on each pack.
    ///
    /// # Errors
    /// [`Error::Locked`] when a packer is at work, unless it is a dry run; [`Error::InvalidArgument`] when an option is
    /// out of its range; those of opening the index.
    pub fn repack(&self, options: RepackOptions) -> Result<impl Job + use<D>> {
        options.check()?;
        let mut packer = None;
        if !options.dry_run {
            let mut opened = Packer::new(self, options.compression.unwrap_or(Compression::Never))?;
            options.level.into_iter().for_each(|level| opened.set_level(level));
            packer = Some(opened);
        }
        let stage = Stage::Usage(Index::open(&self.disk)?, Usage::default());
        let (disk, target) = (self.disk.clone(), self.config.pack_target);
        Ok(Running::new(Repack { options, target, disk, stage, packer }, Progress::default()))
    }
}

impl RepackOptions {
    fn check(&self) -> Result<()> {
        if let Some(percent) = self.min_dead.filter(|percent| *percent > 100) {
            return Err(Error::InvalidArgument(format!("a pack is never {percent} percent dead: give 0 to 100")));
        }
        if let Some(level) = self.level.filter(|level| !(1..=9).contains(level)) {
            return Err(Error::InvalidArgument(format!("{level} is not a zlib level: give 1 to 9")));
        }
        if self.level.is_some() && !matches!(self.compression, Some(Compression::Always | Compression::Auto)) {
            return Err(Error::InvalidArgument("a level needs a compression that is `always` or `auto`".into()));
        }
        Ok(())
    }
}

impl<D: Dir> Work for Repack<D> {
    fn advance(&mut self, progress: &mut Progress) -> Result<ControlFlow<()>> {
        match &mut self.stage {
            Stage::Usage(index, usage) => {
                if usage.read(index, self.disk.tuning.step_entries)? {
                    return Ok(ControlFlow::Continue(()));
                }
                let packs = core::mem::take(usage).finish(&self.disk)?;
                let chosen = choice::choose(&packs, self.target, &self.options);
                progress.total = chosen.iter().map(|pack| pack.size).fold(0, u64::saturating_add);
                let Some(packer) = &mut self.packer else {
                    chosen.iter().for_each(|pack| would_move(pack, progress));
                    return Ok(ControlFlow::Break(()));
                };
                if chosen.last().map(|pack| pack.number) == choice::last(&packs) {
                    packer.start_pack()?;
                }
                self.stage = Stage::Moving { queue: chosen.into(), current: None };
            }
            Stage::Moving { queue, current } => {
                let Some(packer) = &mut self.packer else { return Ok(ControlFlow::Break(())) };
                let Some(moving) = current else {
                    let Some(pack) = queue.pop_front() else { return Ok(ControlFlow::Break(())) };
                    *current = Moving::open(&self.disk, pack)?;
                    return Ok(ControlFlow::Continue(()));
                };
                if moving.step(&self.disk, packer, &self.options, progress)?.is_break() {
                    *current = None;
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Counts what a repack would move.
fn would_move(pack: &PackInfo, progress: &mut Progress) {
    progress.objects += pack.objects;
    progress.bytes = progress.bytes.saturating_add(pack.live);
    let PackInfo { size, objects, .. } = *pack;
    let note = format!("{} of its {size} bytes are dead; {objects} objects would be moved", pack.dead());
    progress.note(names::pack(pack.number), note);
}
