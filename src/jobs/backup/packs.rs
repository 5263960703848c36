//! Copying packs.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use crate::dir::{Dir, File, Kind, read_full_at, write_all_at};
use crate::disk::{Disk, regular, small_file};
use crate::error::{Code, Context as _, Error, Result};
use crate::format::location::Place;
use crate::format::names::{self, PACKS};
use crate::jobs::Progress;
use crate::pack::place::record_end;

/// The last places that the index of each side has, or ever had, an entry for. Packs before them never change, and the
/// last ones not before them.
#[derive(Clone, Copy)]
pub(super) struct Sealed {
    pub(super) source: Option<Place>,
    pub(super) target: Option<Place>,
}

/// A pack that is being copied.
pub(super) struct PackCopy<D: Dir> {
    path: String,
    from: D::File,
    to: D::File,
    /// Where it goes on.
    position: u64,
    /// Bytes of the target that may be the same already: of a backup that was stopped. They are compared, as what was
    /// not flushed may be torn.
    there: u64,
    /// Bytes that are copied.
    wanted: u64,
    buffer: Vec<u8>,
}

impl<D: Dir> PackCopy<D> {
    /// Opens a pack; `None` when it is missing.
    pub(super) fn open(
        source: &Disk<D>,
        target: &Disk<D>,
        number: u32,
        sealed: Sealed,
        link: bool,
        progress: &mut Progress,
    ) -> Result<Option<Self>> {
        let path = names::pack(number);
        let Some((from, found)) = regular::open(&source.dir, &path)? else { return Ok(None) };
        let wanted = known(&from, number, found.len, sealed.source)?;
        let mut to = target.open_write(&path);
        let is_new = matches!(to, Err(Code::NotFound));
        let full = sealed.source.is_some_and(|(last, _)| number < last);
        if is_new {
            if link && full && source.dir.link(&path, &target.dir, &path).is_ok() {
                to = target.open_write(&path);
            } else {
                to = target.create_new(&path);
            }
        }
        let to = to.during("open", &path)?;
        let there = to.metadata().during("examine", &path)?.len;
        let position = if is_new { there } else { known(&to, number, there, sealed.target)? };
        if position > wanted || !end_alike(&from, &to, position, &path, target.tuning.chunk)? {
            return Err(other_bytes(&path));
        }
        progress.done = progress.done.saturating_add(position);
        let buffer = vec![0; target.tuning.chunk];
        Ok(Some(PackCopy { path, from, to, position, there, wanted, buffer }))
    }

    /// Copies a piece. Breaks when it is complete and durable.
    pub(super) fn step(&mut self, target: &Disk<D>, progress: &mut Progress) -> Result<ControlFlow<()>> {
        let mut left = target.tuning.step_bytes;
        while left > 0 && self.position < self.wanted {
            let piece = usize::try_from(self.wanted - self.position).unwrap_or(usize::MAX).min(self.buffer.len());
            let bytes = &mut self.buffer[..piece];
            if read_full_at(&self.from, bytes, self.position).during("read", &self.path)? < piece {
                return Err(Error::corrupt(&*self.path, "it became shorter while it was copied"));
            }
            if self.position >= self.there || !same(&self.to, bytes, self.position, &self.path)? {
                write_all_at(&self.to, bytes, self.position).during("write", &self.path)?;
                progress.bytes = progress.bytes.saturating_add(piece as u64);
            }
            self.position += piece as u64;
            progress.done = progress.done.saturating_add(piece as u64);
            left = left.saturating_sub(piece as u64);
        }
        progress.total = progress.total.max(progress.done);
        if self.position < self.wanted {
            return Ok(ControlFlow::Continue(()));
        }
        if self.there > self.wanted {
            // What a backup copied that was stopped, and a packer has cut off and replaced since.
            self.to.set_len(self.wanted).during("cut", &self.path)?;
        }
        target.flush.file(&self.to, &self.path)?;
        Ok(ControlFlow::Break(()))
    }
}

/// How many bytes of a pack of this length its index knows: all of one before the last, and up to the end of the last
/// record of that; none of later ones.
fn known(file: &impl File, number: u32, len: u64, last: Option<Place>) -> Result<u64> {
    let Some(last) = last.filter(|(last, _)| *last >= number) else { return Ok(0) };
    if number < last.0 {
        return Ok(len);
    }
    // A record whose header is damaged does not tell its end: then all of it is copied, and compared the next time.
    Ok(record_end(file, last)?.unwrap_or(len).min(len))
}

fn same(file: &impl File, bytes: &[u8], position: u64, path: &str) -> Result<bool> {
    let mut there = vec![0; bytes.len()];
    let read = read_full_at(file, &mut there, position).during("read", path)?;
    Ok(read == bytes.len() && there == bytes)
}

/// The error for a target that is no earlier version of the source.
pub(super) fn other_course() -> Error {
    let problem = "the backup has what this container never had: it was made of another copy of it, or before an older \
                   version was restored; back up to a new directory";
    Error::AlreadyExists(problem.into())
}

/// The error for a pack that ends otherwise in the target.
fn other_bytes(path: &str) -> Error {
    let problem = "is another one in the backup than here: one of the two is damaged, which `verify` of each tells, or \
                   the backup was made of another copy of this container, or before an older version was restored; \
                   back up to a new directory";
    Error::AlreadyExists(format!("{path} {problem}"))
}

/// Returns whether the last bytes before a position are the same in both.
fn end_alike(from: &impl File, to: &impl File, position: u64, path: &str, chunk: usize) -> Result<bool> {
    let len = position.min(chunk as u64) as usize;
    let mut bytes = vec![0; len];
    let read = read_full_at(from, &mut bytes, position - len as u64).during("read", path)?;
    Ok(read == len && same(to, &bytes, position - len as u64, path)?)
}

/// Makes the entries of the target's packs durable.
pub(super) fn flush_directory<D: Dir>(target: &Disk<D>) -> Result<()> {
    target.flush.dir(&target.dir, PACKS)
}

/// Removes packs of the target that were repacked in the source since the last backup.
pub(super) fn remove_unneeded<D: Dir>(
    source: &Disk<D>,
    target: &Disk<D>,
    needed: &VecDeque<u32>,
    last: Option<Place>,
) -> Result<()> {
    for entry in small_file::list(&target.dir, PACKS)? {
        let Some(number) = names::pack_number(&entry.name).filter(|_| entry.kind == Kind::File) else { continue };
        let path = names::pack(number);
        let known = last.is_some_and(|(last, _)| number <= last);
        if !known || needed.contains(&number) || !matches!(source.metadata(&path), Err(Code::NotFound)) {
            continue;
        }
        match target.remove_file(&path) {
            Ok(()) | Err(Code::NotFound | Code::Busy | Code::Access) => {}
            Err(code) => return Err(code).during("remove", &path),
        }
    }
    Ok(())
}
