//! Checking index entries one by one, for packs that turned out to lack some of their records.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::{Bound, ControlFlow};

use super::Site;
use super::met::Met;
use crate::dir::{Dir, File as _};
use crate::disk::Disk;
use crate::error::{Code, Context as _, Error, Result};
use crate::format::location::Location;
use crate::format::names;
use crate::id::ObjectId;
use crate::jobs::Progress;
use crate::loose;
use crate::pack::place::{has_header, record_at};
use crate::pack::scrub::Scrub;

/// The search for entries of a pack that have no record.
pub(super) struct Search {
    number: u32,
    /// Entries that a walk through the pack has met, and their number; without a walk, each entry is looked up in the
    /// pack.
    met: Option<(Met, u64)>,
    /// Entries at places where something was met.
    at_met: u64,
    /// More entries than were met are at such places: of each, the header tells whether it was the one.
    ask_headers: bool,
    after: Option<ObjectId>,
    /// Entries that were not met, last first.
    unmet: Vec<(ObjectId, Location)>,
}

impl Search {
    /// Looks at entries of a pack that a walk through it has not met.
    pub(super) fn unmet(number: u32, met: Met, found: u64) -> Self {
        Search { met: Some((met, found)), ..Search::all(number) }
    }

    /// Looks at all entries, as the pack is missing or does not open.
    pub(super) fn all(number: u32) -> Self {
        Search { number, met: None, at_met: 0, ask_headers: false, after: None, unmet: Vec::new() }
    }

    /// Does a piece of the work. Breaks after the last.
    pub(super) fn step<D: Dir>(&mut self, site: &mut Site<D>, progress: &mut Progress) -> ControlFlow<()> {
        let tuning = site.disk.tuning.clone();
        if !self.unmet.is_empty() {
            let (mut objects, mut bytes) = (0, 0);
            while objects < tuning.step_objects
                && bytes < tuning.step_bytes
                && let Some((id, location)) = self.unmet.pop()
            {
                let unmet = self.met.as_ref().is_some_and(|(met, _)| met.remembers(location.offset));
                look_again(site, &id, &location, unmet, progress);
                (objects, bytes) = (objects + 1, bytes + location.size);
            }
            return ControlFlow::Continue(());
        }
        let Some(index) = &mut site.index else { return ControlFlow::Break(()) };
        let start = self.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let entries = match index.scan(start, Bound::Unbounded, tuning.step_entries) {
            Ok(entries) => entries,
            Err(error) => {
                progress.failed(names::INDEX, error);
                site.index = None;
                return ControlFlow::Break(());
            }
        };
        self.after = entries.last().map(|(id, _)| *id).or(self.after);
        for (id, location) in entries.iter().rev().filter(|(_, location)| location.pack == self.number) {
            let met = self.met.as_ref().filter(|(met, _)| met.remembers(location.offset));
            let at_met = met.is_some_and(|(met, _)| met.contains(location.offset));
            self.at_met += u64::from(at_met);
            // A record that was checked before is not checked again.
            let is_unmet = if self.ask_headers { at_met && !has_its_header(&site.disk, id, location) } else { !at_met };
            if is_unmet {
                self.unmet.push((*id, *location));
            }
        }
        if entries.is_empty() && !self.ask_headers && self.met.as_ref().is_some_and(|(_, found)| self.at_met > *found) {
            // Several entries share a place, as in a damaged index, or in that of another container.
            (self.ask_headers, self.after) = (true, None);
            return ControlFlow::Continue(());
        }
        if entries.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Returns whether the record of an object is at a place, as far as its header tells. Where that cannot be read, a
/// look at the object tells.
fn has_its_header<D: Dir>(disk: &Disk<D>, id: &ObjectId, location: &Location) -> bool {
    let file = disk.open_read(&names::pack(location.pack));
    file.is_ok_and(|file| matches!(has_header(&file, id, location), Ok(true)))
}

/// Looks at an entry of the index by itself, if the index still has it, and reports what is wrong. `unmet`: a walk
/// through the pack did not come by its record.
pub(super) fn look_again<D: Dir>(
    site: &mut Site<D>,
    id: &ObjectId,
    location: &Location,
    unmet: bool,
    progress: &mut Progress,
) {
    if !site.is_still_at(id, location) {
        return;
    }
    let problem = match examine(&site.disk, id, location) {
        Ok(None) if unmet => "its bytes are right, but its record lies within another one".into(),
        Ok(None) => {
            progress.objects += 1;
            progress.bytes = progress.bytes.saturating_add(location.size);
            return;
        }
        Ok(Some(problem)) => problem,
        Err(Error::Corrupt(finding)) => finding.message,
        Err(error) if error.is_circumstance() => return progress.failed(&names::pack(location.pack), error),
        Err(error) => format!("{error}"),
    };
    // A pack may have been replaced while it was looked at.
    if !site.is_still_at(id, location) {
        return;
    }
    let file = format!("{} at byte {}", names::pack(location.pack), location.offset);
    let whose = format!("object {id}: ");
    let problem = problem.strip_prefix(&whose).unwrap_or(&problem);
    let copy = if matches!(loose::is_sound(&site.disk, id), Ok(true)) { "; a loose copy is sound" } else { "" };
    progress.problem(file, format!("{whose}{problem}{copy}"));
}

/// Returns what is wrong with an entry, if anything.
fn examine<D: Dir>(disk: &Disk<D>, id: &ObjectId, location: &Location) -> Result<Option<String>> {
    let path = names::pack(location.pack);
    let file = match disk.open_read(&path) {
        Ok(file) => Arc::new(file),
        Err(Code::NotFound) => return Ok(Some("the pack is missing; restore it from a copy".into())),
        Err(code) => return Err(code).during("open", &path),
    };
    let len = file.metadata().during("examine", &path)?.len;
    let problem = Scrub::record(file.clone(), *id, *location, len, &disk.tuning)?.finish()?;
    let Some(problem) = problem else {
        let record = record_at(&*file, id, location)?;
        return Ok(record.err().map(|problem| format!("its bytes are right, but {problem}")));
    };
    Ok(Some(problem))
}
