//! Jobs: long operations on a container, done in steps.
//!
//! A job is a [`Work`], which does one bounded piece at a time, in the frame of [`Running`], which counts, ends it
//! after a failure, and gives up what it holds as soon as it is done.

mod backup;
mod clean;
mod delete;
mod fold;
mod gc;
mod import;
mod pack_loose;
mod reindex;
mod repack;
mod unlock;
mod verify;

use alloc::string::String;
use alloc::vec::Vec;
use core::mem;
use core::ops::ControlFlow;

pub use self::backup::BackupOptions;
pub use self::gc::{GcOptions, KeepList};
pub use self::repack::RepackOptions;
pub use self::verify::Part;
use crate::error::{Error, Finding, Result};

/// How far a job is. All numbers are totals since its start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// The job is done; a further step does nothing.
    pub finished: bool,
    /// Units of work done, out of `total`. The unit is the job's own.
    pub done: u64,
    /// Units of work in all.
    pub total: u64,
    /// Objects packed, removed, deleted, or checked.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Damage found in this step. What is damaged was left where it is.
    pub problems: Vec<Finding>,
    /// Found in this step: what is worth knowing, and no damage.
    pub notes: Vec<Finding>,
    /// Files that could not be examined in this step, for lack of permission for example. They may or may not be
    /// damaged.
    pub unread: Vec<Finding>,
}

impl Progress {
    /// The start of a job of `total` units.
    pub(crate) fn of(total: u64) -> Self {
        Progress { total, ..Progress::default() }
    }

    /// Takes out what was found, which belongs to one step.
    fn step(&mut self) -> Self {
        let (problems, notes) = (mem::take(&mut self.problems), mem::take(&mut self.notes));
        Progress { problems, notes, unread: mem::take(&mut self.unread), ..self.clone() }
    }

    pub(crate) fn problem(&mut self, file: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Finding { file: file.into(), message: message.into() });
    }

    pub(crate) fn note(&mut self, file: impl Into<String>, message: impl Into<String>) {
        self.notes.push(Finding { file: file.into(), message: message.into() });
    }

    /// Reports an error that keeps a file from being examined.
    pub(crate) fn failed(&mut self, file: &str, error: Error) {
        let circumstance = error.is_circumstance();
        let finding = error.into_finding(file);
        if circumstance { self.unread.push(finding) } else { self.problems.push(finding) }
    }
}

/// A long operation, done in steps that the caller drives. Dropped early, what its steps have committed stays.
///
/// ```
/// # use loosepack::dir::cap::CapDir;
/// # let folder = tempfile::tempdir()?;
/// # let dir = CapDir::open(folder.path())?;
/// # let store = loosepack::Container::create(dir, Default::default(), Default::default())?;
/// use loosepack::{Job as _, Part};
///
/// let mut job = store.verify(Part::default())?;
/// loop {
///     let progress = job.step()?;
///     assert!(progress.problems.is_empty());
///     if progress.finished {
///         break;
///     }
///     eprintln!("{} of {}", progress.done, progress.total);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Job {
    /// Does a bounded piece of the work.
    ///
    /// # Errors
    /// Those of the operation. After one the job is over: every further step fails.
    fn step(&mut self) -> Result<Progress>;

    /// Runs all remaining steps. The result contains the findings of all of them.
    ///
    /// # Errors
    /// Those of [`Job::step`].
    fn finish(&mut self) -> Result<Progress> {
        let mut found = Progress::default();
        loop {
            let mut step = self.step()?;
            found.problems.append(&mut step.problems);
            found.notes.append(&mut step.notes);
            found.unread.append(&mut step.unread);
            if step.finished {
                let Progress { problems, notes, unread, .. } = found;
                return Ok(Progress { problems, notes, unread, ..step });
            }
        }
    }
}

impl<J: Job + ?Sized> Job for alloc::boxed::Box<J> {
    fn step(&mut self) -> Result<Progress> {
        (**self).step()
    }
}

/// The steps of one kind of job.
trait Work {
    /// Does a bounded piece, and counts it. Breaks when nothing is left but [`Work::finish`].
    fn advance(&mut self, progress: &mut Progress) -> Result<ControlFlow<()>>;

    /// Runs once at the end.
    fn finish(self, _: &mut Progress) -> Result<()>
    where
        Self: Sized,
    {
        Ok(())
    }
}

/// A job, and how far it is.
struct Running<W> {
    /// Taken out for each step, so that a failure drops it, with the lock it may hold, and ends the job.
    work: Option<W>,
    progress: Progress,
}

impl<W: Work> Running<W> {
    fn new(work: W, progress: Progress) -> Self {
        Running { work: Some(work), progress }
    }
}

impl<W: Work> Job for Running<W> {
    fn step(&mut self) -> Result<Progress> {
        if !self.progress.finished {
            let mut work = self.work.take().ok_or(Error::WriterFailed)?;
            match work.advance(&mut self.progress)? {
                ControlFlow::Continue(()) => self.work = Some(work),
                ControlFlow::Break(()) => {
                    work.finish(&mut self.progress)?;
                    self.progress.done = self.progress.total;
                    self.progress.finished = true;
                }
            }
        }
        Ok(self.progress.step())
    }
}
