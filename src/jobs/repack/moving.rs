//! Moving the objects of one pack.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::{Bound, ControlFlow};

use super::RepackOptions;
use crate::codec::{Checking, Decoding};
use crate::container::usage::PackInfo;
use crate::dir::Dir;
use crate::disk::Disk;
use crate::disk::regular;
use crate::error::{Code, Context as _, Error, Result};
use crate::format::FRAME;
use crate::format::location::Location;
use crate::format::names::{self, PACKS};
use crate::format::record;
use crate::id::ObjectId;
use crate::index::Trust;
use crate::jobs::Progress;
use crate::options::Compression;
use crate::pack::check::payload;
use crate::pack::scrub::Scrub;
use crate::pack::walk::{Record, Walk};
use crate::packer::Packer;
use crate::read::Stored;

/// A pack whose objects are being moved.
pub(super) struct Moving<D: Dir> {
    number: u32,
    path: String,
    file: Arc<D::File>,
    len: u64,
    /// Entries of the index that refer to the pack.
    entries: u64,
    stage: Stage<D>,
    /// Bytes of the pack that are counted as done.
    done: u64,
}

enum Stage<D: Dir> {
    /// From record to record, in the order of the pack.
    Walk(Walk<D::File>),
    /// Entries whose records the walk did not meet, or could not use, each by itself. After this id.
    Rest(Option<ObjectId>),
}

impl<D: Dir> Moving<D> {
    /// Opens a pack; `None` when it is missing, which is damage that `verify` reports.
    pub(super) fn open(disk: &Disk<D>, pack: PackInfo) -> Result<Option<Self>> {
        let (number, path) = (pack.number, names::pack(pack.number));
        let Some((file, found)) = regular::open(&disk.dir, &path)? else { return Ok(None) };
        let file = Arc::new(file);
        let stage = Stage::Walk(Walk::new(file.clone(), number, found.len, &disk.tuning));
        Ok(Some(Moving { number, path, file, len: found.len, entries: pack.objects, stage, done: 0 }))
    }

    /// Does a piece of the work. Breaks after the last.
    pub(super) fn step(
        &mut self,
        disk: &Disk<D>,
        packer: &mut Packer<D>,
        options: &RepackOptions,
        progress: &mut Progress,
    ) -> Result<ControlFlow<()>> {
        match &mut self.stage {
            Stage::Walk(walk) => {
                let records = walk.next();
                let position = walk.position();
                progress.done += position - self.done;
                self.done = position;
                match records {
                    Some(records) => self.move_records(disk, &records, packer, options, progress)?,
                    None => {
                        // What is left in the index is then what has not been moved.
                        packer.commit()?;
                        self.stage = Stage::Rest(None);
                    }
                }
            }
            Stage::Rest(_) if self.entries == 0 => {
                self.remove(disk, packer)?;
                return Ok(ControlFlow::Break(()));
            }
            Stage::Rest(after) => {
                let start = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
                let entries = packer.index().scan(start, Bound::Unbounded, disk.tuning.step_entries)?;
                let Some((last, _)) = entries.last() else {
                    packer.commit()?;
                    // Entries are left only if they were reported.
                    return Ok(ControlFlow::Break(()));
                };
                *after = Some(*last);
                for (id, location) in entries {
                    if location.pack == self.number {
                        self.move_alone(disk, &id, location, packer, options, progress)?;
                    }
                }
                if self.entries == 0 {
                    packer.commit()?;
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Moves those records of a window of the walk that count, and are sound.
    fn move_records(
        &mut self,
        disk: &Disk<D>,
        records: &[Record],
        packer: &mut Packer<D>,
        options: &RepackOptions,
        progress: &mut Progress,
    ) -> Result<()> {
        let ids: Vec<ObjectId> = records.iter().map(|record| record.id).collect();
        let told = packer.index().lookup_many(&ids, Trust::Quick)?;
        let live: Vec<&Record> = records
            .iter()
            .zip(told)
            .filter(|(record, told)| record.ends && *told == Some(record.location))
            .map(|(record, _)| record)
            .collect();
        let Stage::Walk(walk) = &self.stage else { return Ok(()) };
        let (mut small, mut payloads, mut large) = (Vec::new(), Vec::new(), Vec::new());
        for record in live {
            match walk.payload(record) {
                Some((start, bytes)) if record.location.size <= FRAME as u64 => {
                    if let Some(payload) = payload(record.id, record.location, start, bytes) {
                        small.push((*record, bytes));
                        payloads.push(payload);
                    }
                }
                _ => large.push(*record),
            }
        }
        let mut moved = Vec::with_capacity(small.len());
        if small.iter().any(|(record, _)| recodes(&record.location, options)) {
            let contents = Decoding::start(walk.window(), payloads).finish();
            for ((record, bytes), content) in small.into_iter().zip(contents) {
                let Some(content) = content else { continue };
                let Record { id, location, .. } = record;
                if recodes(&location, options) {
                    packer.move_small(id, &content, location)?;
                } else {
                    packer.copy_small(id, location.size, bytes, Some(location))?;
                }
                moved.push(location);
            }
        } else if !payloads.is_empty() {
            let sound = Checking::start(walk.window(), payloads).finish();
            for ((record, bytes), _) in small.into_iter().zip(sound).filter(|(_, sound)| *sound) {
                let Record { id, location, .. } = record;
                packer.copy_small(id, location.size, bytes, Some(location))?;
                moved.push(location);
            }
        }
        moved.iter().for_each(|location| self.count(location, progress));
        for Record { id, location, .. } in large {
            self.move_alone(disk, &id, location, packer, options, progress)?;
        }
        Ok(())
    }

    /// Moves an object by itself. One that is damaged is reported, and stays.
    fn move_alone(
        &mut self,
        disk: &Disk<D>,
        id: &ObjectId,
        location: Location,
        packer: &mut Packer<D>,
        options: &RepackOptions,
        progress: &mut Progress,
    ) -> Result<()> {
        let stored = match Stored::packed(*id, self.file.clone(), location, self.len, &disk.tuning) {
            Ok(stored) => stored,
            Err(error) => {
                self.leave(id, error, progress);
                return Ok(());
            }
        };
        let moved = if recodes(&location, options) {
            match Scrub::new(stored.clone(), Some(location)).finish() {
                Ok(None) => packer.move_large(stored, location).map(Ok)?,
                Ok(Some(_)) => Err(stored.mismatch()),
                Err(error) => Err(error),
            }
        } else if location.size <= FRAME as u64 && location.length <= 2 * FRAME as u64 {
            let mut bytes = vec![0; location.length as usize];
            match Scrub::new(stored.clone(), Some(location)).finish() {
                Ok(None) => match stored.read_payload(&mut bytes, 0) {
                    Ok(()) => packer.copy_small(*id, location.size, &bytes, Some(location)).map(Ok)?,
                    Err(error) => Err(error),
                },
                Ok(Some(_)) => Err(stored.mismatch()),
                Err(error) => Err(error),
            }
        } else {
            packer.copy_large(&stored, Some(location))?
        };
        match moved {
            Ok(()) => self.count(&location, progress),
            Err(error) => self.leave(id, error, progress),
        }
        Ok(())
    }

    fn count(&mut self, location: &Location, progress: &mut Progress) {
        self.entries = self.entries.saturating_sub(1);
        progress.objects += 1;
        progress.bytes = progress.bytes.saturating_add(record::length(location));
    }

    /// Reports an object that stays, and keeps its pack.
    fn leave(&self, id: &ObjectId, error: Error, progress: &mut Progress) {
        // On the walk it may only be the header that is damaged: the object gets another chance.
        if matches!(self.stage, Stage::Walk(_)) {
            return;
        }
        let mut problem = error.into_finding(&self.path);
        problem.message.push_str(&format!("; object {id} keeps this pack from being removed"));
        progress.problems.push(problem);
    }

    /// Removes the pack, which no entry refers to any more.
    fn remove(&self, disk: &Disk<D>, packer: &mut Packer<D>) -> Result<()> {
        // The index that tells of the other places is durable before the bytes at the old ones are gone.
        packer.commit()?;
        match disk.remove_file(&self.path) {
            Ok(()) | Err(Code::NotFound) => {}
            // A reader has it open: left for the next repack.
            Err(Code::Busy | Code::Access) if cfg!(windows) => return Ok(()),
            Err(code) => return Err(code).during("remove", &self.path),
        }
        disk.flush.dir(&disk.dir, PACKS)
    }
}

/// Returns whether a payload is made anew when it is moved.
fn recodes(location: &Location, options: &RepackOptions) -> bool {
    match options.compression {
        None => false,
        Some(Compression::Never) => location.compressed(),
        Some(Compression::Always | Compression::Auto) => !location.compressed() || options.level.is_some(),
    }
}
