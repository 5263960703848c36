//! Loose objects.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use super::Site;
use crate::codec;
use crate::dir::{Dir, read_full_at};
use crate::disk::Disk;
use crate::error::{Context as _, Result};
use crate::format::FRAME;
use crate::format::names;
use crate::id::ObjectId;
use crate::jobs::Progress;
use crate::loose;
use crate::pack::scrub::Scrub;
use crate::read::Stored;

/// A shard that is being checked.
pub(super) struct Shard<D: Dir> {
    /// Objects still to check, last first; `None` before they are listed.
    ids: Option<Vec<ObjectId>>,
    /// One that takes more than a step, and its size.
    large: Option<(ObjectId, u64, Checked<D>)>,
}

type Checked<D> = Box<Scrub<<D as Dir>::File>>;

impl<D: Dir> Default for Shard<D> {
    fn default() -> Self {
        Shard { ids: None, large: None }
    }
}

impl<D: Dir> Shard<D> {
    /// Does a piece of the work. Breaks after the last.
    pub(super) fn step(&mut self, site: &Site<D>, shard: u8, progress: &mut Progress) -> ControlFlow<()> {
        let disk = &site.disk;
        if let Some((id, size, mut scrub)) = self.large.take() {
            match scrub.step() {
                Ok(None) => self.large = Some((id, size, scrub)),
                Ok(Some(sound)) => take(disk, &id, size, sound, progress),
                Err(error) => progress.failed(&names::loose(&id), error),
            }
            return ControlFlow::Continue(());
        }
        let Some(ids) = &mut self.ids else {
            match loose::list(&disk.dir, shard) {
                Ok(listed) => self.ids = Some(listed.into_iter().rev().collect()),
                Err(error) => {
                    progress.failed(&names::shard(shard), error);
                    return ControlFlow::Break(());
                }
            }
            return ControlFlow::Continue(());
        };
        let (mut contents, mut bytes) = (Vec::new(), 0);
        let (step_bytes, step_objects) = (disk.tuning.step_bytes, disk.tuning.step_objects);
        while bytes < step_bytes && contents.len() < step_objects {
            let Some(id) = ids.pop() else { break };
            match open(&disk.dir, &id) {
                Ok(Some(Opened::Small(content))) => {
                    bytes += content.len() as u64;
                    contents.push((id, content));
                }
                Ok(Some(Opened::Large(file, size))) => {
                    let scrub = Scrub::new(Stored::loose(id, Arc::new(file), size, &disk.tuning), None);
                    self.large = Some((id, size, Box::new(scrub)));
                    break;
                }
                // Packed and cleaned meanwhile.
                Ok(None) => {}
                Err(error) => progress.failed(&names::loose(&id), error),
            }
        }
        let (ids_read, contents): (Vec<ObjectId>, Vec<Vec<u8>>) = contents.into_iter().unzip();
        let digests = codec::sha256_many(&contents.iter().map(Vec::as_slice).collect::<Vec<_>>());
        for ((id, content), digest) in ids_read.iter().zip(&contents).zip(digests) {
            take(disk, id, content.len() as u64, digest == *id, progress);
        }
        if ids.is_empty() && self.large.is_none() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

enum Opened<F> {
    Small(Vec<u8>),
    Large(F, u64),
}

fn open<D: Dir>(dir: &D, id: &ObjectId) -> Result<Option<Opened<D::File>>> {
    let Some((file, size)) = loose::open(dir, id)? else { return Ok(None) };
    if size > FRAME as u64 {
        return Ok(Some(Opened::Large(file, size)));
    }
    let mut content = vec![0; size as usize];
    let read = read_full_at(&file, &mut content, 0).during("read", &names::loose(id))?;
    content.truncate(read);
    Ok(Some(Opened::Small(content)))
}

fn take<D: Dir>(disk: &Disk<D>, id: &ObjectId, size: u64, sound: bool, progress: &mut Progress) {
    if sound {
        progress.objects += 1;
        progress.bytes = progress.bytes.saturating_add(size);
        return;
    }
    // A second look: a damaged file is replaced when its object is added again.
    match loose::is_sound(disk, id) {
        Ok(true) => {}
        Ok(false) if matches!(loose::size(&disk.dir, id), Ok(None)) => {}
        Ok(false) => {
            progress.problem(names::loose(id), "its bytes do not match its ID; restore it from a copy, or add it again")
        }
        Err(error) => progress.failed(&names::loose(id), error),
    }
}
