//! Entries of the old index whose records a walk through the packs has not met.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::ops::ControlFlow;

use super::place;
use crate::dir::{Dir, File};
use crate::disk::Disk;
use crate::error::{Code, Error, Finding, Result};
use crate::format::location::Location;
use crate::format::names;
use crate::id::ObjectId;
use crate::index::rebuild::Rebuild;
use crate::jobs::Progress;
use crate::loose;
use crate::pack::scrub::Scrub;

/// Looks at them one by one: an object that reads is kept, and one that does not stays in the index, lest its loss
/// pass for its absence.
pub(super) struct Keep<F> {
    /// Number of the entry that is read next.
    next: u64,
    /// Entries that have been read and not looked at.
    entries: VecDeque<(ObjectId, Location)>,
    /// One that is being looked at.
    scrub: Option<(ObjectId, Location, Scrub<F>)>,
}

impl<F> Default for Keep<F> {
    fn default() -> Self {
        Keep { next: 0, entries: VecDeque::new(), scrub: None }
    }
}

impl<F: File> Keep<F> {
    /// Does a piece of the work. Breaks after the last.
    pub(super) fn step<D: Dir<File = F>>(
        &mut self,
        disk: &Disk<D>,
        old: &mut Rebuild<D>,
        rebuild: &mut Rebuild<D>,
        progress: &mut Progress,
    ) -> Result<ControlFlow<()>> {
        let (mut objects, mut bytes) = (0, 0);
        while objects < disk.tuning.step_objects && bytes < disk.tuning.step_bytes {
            objects += 1;
            let judged = if let Some((id, location, mut scrub)) = self.scrub.take() {
                bytes += location.size.min(disk.tuning.step_bytes);
                match scrub.step() {
                    Ok(None) => {
                        self.scrub = Some((id, location, scrub));
                        continue;
                    }
                    done => Some((id, location, done.map(|_| scrub.problem()))),
                }
            } else if let Some((id, location)) = self.entries.pop_front() {
                if rebuild.lookup(&id)?.is_some() {
                    continue;
                }
                match open(disk, &id, &location) {
                    Ok(scrub) => {
                        self.scrub = Some((id, location, scrub));
                        None
                    }
                    Err(error) => Some((id, location, Err(error))),
                }
            } else {
                let page = old.entries(self.next, disk.tuning.step_objects as u64)?;
                self.next += page.len() as u64;
                self.entries.extend(page.iter().filter_map(|(id, location)| Some((*id, (*location)?))));
                if page.is_empty() {
                    return Ok(ControlFlow::Break(()));
                }
                None
            };
            if let Some((id, location, problem)) = judged {
                judge(disk, id, location, problem, rebuild, progress)?;
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Keeps an entry, and reports what is wrong with its object. One that is loose as well, and sound, is left out.
fn judge<D: Dir>(
    disk: &Disk<D>,
    id: ObjectId,
    location: Location,
    problem: Result<Option<String>>,
    rebuild: &mut Rebuild<D>,
    progress: &mut Progress,
) -> Result<()> {
    let problem = match problem {
        Ok(None) => return rebuild.tell(id, Some(location)),
        Ok(Some(problem)) | Err(Error::Corrupt(Finding { message: problem, .. })) => problem,
        Err(error) => format!("{error}"),
    };
    let is_loose = matches!(loose::is_sound(disk, &id), Ok(true));
    if !is_loose {
        rebuild.tell(id, Some(location))?;
    }
    let whose = format!("object {id}: ");
    let problem = problem.strip_prefix(&whose).unwrap_or(&problem);
    // What is wrong comes before what to do about it, which is something else here.
    let problem = problem.split_once(';').map_or(problem, |(problem, _)| problem);
    let remedy = if is_loose {
        "left out of the index, as its loose copy is sound"
    } else {
        "restore the pack from a copy, or add the object again"
    };
    progress.problem(place(&location), format!("{whose}{problem}; {remedy}"));
    Ok(())
}

/// Starts to read an object at a place.
fn open<D: Dir>(disk: &Disk<D>, id: &ObjectId, location: &Location) -> Result<Scrub<D::File>> {
    let path = names::pack(location.pack);
    let cannot = |what: &str| Error::corrupt(path.as_str(), format!("object {id}: {what}"));
    let file = match disk.open_read(&path) {
        Ok(file) => file,
        Err(Code::NotFound) => return Err(cannot("the pack is missing")),
        Err(code) => return Err(cannot(&format!("the pack does not open: {code}"))),
    };
    let len = file.metadata().map_err(|code| cannot(&format!("the pack cannot be examined: {code}")))?.len;
    Scrub::record(Arc::new(file), *id, *location, len, &disk.tuning)
}
