//! The index log: read to its last commit line, appended to batch by batch.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::dir::{Dir, File, read_full_at, write_all_at};
use crate::disk::Disk;
use crate::disk::flush::Flush;
use crate::disk::regular;
use crate::error::{Context as _, Error, Result};
use crate::format::location::{Location, Totals};
use crate::format::log_line::{self, Commit, Crc, Line};
use crate::format::names;
use crate::format::run_line::Entry;
use crate::id::ObjectId;

/// A batch has less: it is read into memory before its commit line tells whether it counts. A packer commits after
/// about 2^17 objects, whose lines have less than 32 MiB.
const BATCH_MAX: u64 = 128 << 20;

/// A log that is being read.
pub(super) struct Log<F> {
    path: String,
    file: F,
    /// Bytes that are read at once.
    chunk: usize,
    committed: Committed,
}

/// Up to where the log counts.
#[derive(Debug, Clone)]
struct Committed {
    /// Bytes up to and with the last commit line.
    end: u64,
    /// Lines up to there.
    lines: u64,
    /// The totals in that line.
    totals: Totals,
    /// Bytes of that line.
    commit: Vec<u8>,
}

impl<F: File> Log<F> {
    /// Opens a log; `None` when there is none. `totals`: what everything adds up to before its first batch.
    pub(super) fn open<D: Dir<File = F>>(disk: &Disk<D>, number: u32, totals: Totals) -> Result<Option<Self>> {
        let path = names::log(number);
        let (opened, chunk) = (regular::open(&disk.dir, &path)?, disk.tuning.chunk);
        Ok(opened.map(|(file, _)| Log {
            path,
            file,
            chunk,
            committed: Committed { end: 0, lines: 0, totals, commit: Vec::new() },
        }))
    }

    pub(super) fn totals(&self) -> Totals {
        self.committed.totals
    }

    /// Returns whether the last commit line that was read is still there. After a failed flush a packer takes its batch
    /// back, and the next one may write another of the same length in its place. A commit line identifies its batch, so
    /// comparing it is enough.
    pub(super) fn is_the_same(&self) -> Result<bool> {
        let mut found = vec![0; self.committed.commit.len()];
        let start = self.committed.end - found.len() as u64;
        let read = read_full_at(&self.file, &mut found, start).during("read", &self.path)?;
        Ok(read == found.len() && found == self.committed.commit)
    }

    /// How long the log is, compared to what counted of it when it was last read.
    pub(super) fn growth(&self) -> Result<Ordering> {
        Ok(self.file.metadata().during("examine", &self.path)?.len.cmp(&self.committed.end))
    }

    /// Reads the batches committed since, and passes their entries to `apply` in order. Returns whether there were any.
    /// An entry without a location means that the object is no longer packed.
    ///
    /// Bytes after the last commit line are ignored: they are being written, or were abandoned. Damage before a commit
    /// line is reported, because the line is written only after its batch is durable.
    pub(super) fn read_on(&mut self, mut apply: impl FnMut(ObjectId, Option<Location>)) -> Result<bool> {
        let before = self.committed.end;
        // A packer may have cut and rewritten the part that was just being read: a second read then succeeds.
        self.read_committed(&mut apply).or_else(|_| self.read_committed(&mut apply))?;
        Ok(self.committed.end > before)
    }

    fn read_committed(&mut self, apply: &mut impl FnMut(ObjectId, Option<Location>)) -> Result<()> {
        let mut batch = Batch::default();
        let (mut position, mut lines) = (self.committed.end, self.committed.lines);
        let mut buffer = Vec::new();
        loop {
            let kept = buffer.len();
            buffer.resize(kept + self.chunk, 0);
            let read =
                read_full_at(&self.file, &mut buffer[kept..], position + kept as u64).during("read", &self.path)?;
            buffer.truncate(kept + read);
            let mut used = 0;
            while let Some(len) = buffer[used..].iter().position(|byte| *byte == b'\n') {
                let text = &buffer[used..=used + len];
                used += len + 1;
                lines += 1;
                match batch.take(text) {
                    Took::Nothing => {}
                    Took::Commit(commit) => {
                        batch.entries.drain(..).for_each(|(id, location)| apply(id, location));
                        batch = Batch::default();
                        let end = position + used as u64;
                        self.committed = Committed { end, lines, totals: commit.totals, commit: text.to_vec() };
                    }
                    Took::Damage => return Err(self.damage(lines)),
                }
            }
            position += used as u64;
            buffer.drain(..used);
            if read == 0 {
                return if log_line::was_commit(&buffer) { Err(self.damage(lines + 1)) } else { Ok(()) };
            }
            if position - self.committed.end > BATCH_MAX {
                return Err(Error::corrupt(
                    &*self.path,
                    "more bytes follow its last commit line than a packer can leave",
                ));
            }
            if buffer.len() > log_line::LINE_MAX {
                // Not a line of ours; only that it is none is remembered of it.
                batch.damaged = true;
                position += buffer.len() as u64;
                buffer.clear();
            }
        }
    }

    /// The error for damage in the batch after the last good one; `last` is the number of its last line.
    fn damage(&self, last: u64) -> Error {
        let problem = format!("the batch of lines from here to line {last} is damaged: `reindex` rebuilds the index");
        Error::corrupt(format!("{}:{}", self.path, self.committed.lines + 1), problem)
    }

    /// Returns whether the last commit line that was read of another log is at the same place of this one.
    pub(super) fn has_commit_of<G>(&self, other: &Log<G>) -> Result<bool> {
        let mut found = vec![0; other.committed.commit.len()];
        let start = other.committed.end - found.len() as u64;
        let read = read_full_at(&self.file, &mut found, start).during("read", &self.path)?;
        Ok(read == found.len() && found == other.committed.commit && other.committed.end <= self.committed.end)
    }

    /// The file, its path, and how many of its bytes count.
    pub(super) fn counting(&self) -> (&F, &str, u64) {
        (&self.file, &self.path, self.committed.end)
    }

    /// Makes durable what counts.
    pub(super) fn flush(&self, flush: &Flush) -> Result<()> {
        flush.file(&self.file, &self.path)
    }

    /// Opens the log for appending, and cuts uncommitted bytes; `None` if it must not be changed because it has a second
    /// name. The pack lock must be held, and everything committed must have been read and be durable.
    pub(super) fn writer<D: Dir<File = F>>(&self, disk: &Disk<D>) -> Result<Option<LogWriter<F>>> {
        let file = disk.open_write(&self.path).during("open", &self.path)?;
        let found = file.metadata().during("examine", &self.path)?;
        if found.is_linked() {
            return Ok(None);
        }
        if found.len > self.committed.end {
            file.set_len(self.committed.end).during("cut", &self.path)?;
        }
        Ok(Some(LogWriter { file, flush: disk.flush.clone() }))
    }
}

/// The lines since the last commit line.
#[derive(Default)]
struct Batch {
    entries: Vec<Entry>,
    lines: u64,
    crc: Crc,
    damaged: bool,
}

enum Took {
    Nothing,
    Commit(Commit),
    Damage,
}

impl Batch {
    fn take(&mut self, text: &[u8]) -> Took {
        match log_line::parse(text) {
            Some(Line::Commit(commit)) => {
                if self.damaged || !log_line::commit_holds(&commit, text, &self.crc, self.lines) {
                    return Took::Damage;
                }
                return Took::Commit(commit);
            }
            Some(Line::Put(id, location)) => self.entries.push((id, Some(location))),
            Some(Line::Delete(id)) => self.entries.push((id, None)),
            None if log_line::was_commit(text) => return Took::Damage,
            None => self.damaged = true,
        }
        self.lines += 1;
        self.crc.update(text);
        Took::Nothing
    }
}

/// A log that is being appended to.
pub(super) struct LogWriter<F> {
    file: F,
    flush: Flush,
}

impl<F: File> LogWriter<F> {
    /// Returns whether the log has got a second name since it was opened, so that it must not be changed any more.
    pub(super) fn is_linked(&self, log: &Log<F>) -> Result<bool> {
        Ok(self.file.metadata().during("examine", &log.path)?.is_linked())
    }

    /// Appends a batch of entries, after which everything adds up to `totals`.
    pub(super) fn append(
        &mut self,
        log: &mut Log<F>,
        entries: impl ExactSizeIterator<Item = Entry>,
        totals: Totals,
    ) -> Result<()> {
        let lines = entries.len() as u64;
        let mut batch = Vec::with_capacity(entries.len() * log_line::LINE_MAX);
        for (id, location) in entries {
            match location {
                Some(location) => log_line::put(&mut batch, &id, &location),
                None => log_line::delete(&mut batch, &id),
            }
        }
        let mut crc = Crc::new();
        crc.update(&batch);
        let commit = log_line::commit(&crc, lines, &totals);

        // The batch is durable before its commit line is written: so a batch that does not match its commit line is
        // damage, never the trace of a power cut.
        let start = log.committed.end;
        write_all_at(&self.file, &batch, start).during("write", &log.path)?;
        self.flush.file(&self.file, &log.path)?;
        let commit_start = start + batch.len() as u64;
        write_all_at(&self.file, &commit, commit_start).during("write", &log.path)?;
        // COMMIT: of everything that is packed. Cut at by `store::crash`.
        self.flush.file(&self.file, &log.path).inspect_err(|_| {
            // It may be lost in a power cut though everyone reads it, and a later flush that succeeds proves nothing:
            // so it is taken back, lest someone removes loose objects on its account.
            let _ = self.file.set_len(start);
        })?;
        log.committed = Committed {
            end: commit_start + commit.len() as u64,
            lines: log.committed.lines + lines + 1,
            totals,
            commit,
        };
        Ok(())
    }
}
