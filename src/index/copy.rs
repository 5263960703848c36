//! Copying the index, as a handle has read it, to another container.

use alloc::vec;
use alloc::vec::Vec;

use super::writer::remove_unnamed;
use super::{Index, read_manifest};
use crate::dir::{Dir, File, read_full_at, write_all_at};
use crate::disk::{Disk, small_file};
use crate::error::{Context as _, Error, Result};
use crate::format::location::Place;
use crate::format::names::{INDEX, MANIFEST};

impl<D: Dir> Index<D> {
    /// The last place that an entry has, or ever had.
    pub(crate) fn reach(&self) -> Option<Place> {
        self.reach
    }

    /// Returns whether this index may be what became of another one of the same container: it knows whatever that knows
    /// of the files that both have.
    pub(crate) fn continues<T: Dir>(&self, before: &Index<T>) -> Result<bool> {
        if self.reach < before.reach {
            return Ok(false);
        }
        for (number, run) in before.manifest.runs.iter().zip(&before.runs) {
            let here = self.manifest.runs.iter().position(|here| here == number);
            if here.is_some_and(|here| !self.runs[here].is_like(run)) {
                return Ok(false);
            }
        }
        if self.manifest.log == before.manifest.log { self.log.has_commit_of(&before.log) } else { Ok(true) }
    }

    /// Makes a directory's index a copy of this one, as it was read. Everything that it has entries for must be durable
    /// there. Takes the place of an earlier copy at once; files that no longer count are removed.
    pub(crate) fn copy_to<T: Dir>(&self, target: &Disk<T>) -> Result<()> {
        // A run that an earlier copy has counts as it is: it never changes.
        let before = read_manifest(&target.dir).map_or(Vec::new(), |manifest| manifest.runs);
        for (number, run) in self.manifest.runs.iter().zip(&self.runs) {
            if before.contains(number) {
                continue;
            }
            let len = run.file().metadata().during("examine", run.path())?.len;
            copy(run.file(), run.path(), len, target)?;
        }
        let (log, path, len) = self.log.counting();
        copy(log, path, len, target)?;
        let Disk { dir, flush, .. } = target;
        flush.dir(dir, INDEX)?;
        small_file::replace(dir, MANIFEST, &self.manifest.encode(), flush)?;
        // COMMIT: of a backup after the first. Cut at by `store::crash`.
        flush.dir(dir, INDEX)?;
        remove_unnamed(dir, &self.manifest)
    }
}

/// Copies the first `len` bytes of a file to one of the same path, which appears whole.
fn copy<T: Dir>(file: &impl File, path: &str, len: u64, target: &Disk<T>) -> Result<()> {
    let (temporary, copy) = small_file::create_incoming(&target.dir)?;
    let copied = (|| {
        let (mut buffer, mut position) = (vec![0; target.tuning.chunk], 0);
        while position < len {
            let piece = usize::try_from(len - position).unwrap_or(usize::MAX).min(buffer.len());
            let bytes = &mut buffer[..piece];
            if read_full_at(file, bytes, position).during("read", path)? < piece {
                return Err(Error::corrupt(path, "it became shorter while it was copied"));
            }
            write_all_at(&copy, bytes, position).during("write", &temporary)?;
            position += piece as u64;
        }
        target.flush.file(&copy, &temporary)?;
        target.rename(&temporary, path).during("rename to", path)
    })();
    if copied.is_err() {
        let _ = target.remove_file(&temporary);
    }
    copied
}
