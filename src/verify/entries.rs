//! Entries of the index, one by one: where a pack was found to lack some of those the index tells of.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Bound;

use super::Site;
use crate::dir::{Dir, File as _};
use crate::disk::Disk;
use crate::error::{Code, Context as _, Error, Result};
use crate::id::ObjectId;
use crate::index::Location;
use crate::index::check::damage;
use crate::layout;
use crate::loose;
use crate::pack::check::{Inspection, Scrub};
use crate::pack::walk::record_at;
use crate::packing::Progress;

/// The search for entries of a pack that have no record.
pub(super) struct Search<D: Dir> {
    number: u32,
    /// The pack and its length, when walking through it tells; else each entry is looked at.
    pack: Option<(Arc<D::File>, u64)>,
    after: Option<ObjectId>,
    stage: Stage<D>,
}

enum Stage<D: Dir> {
    /// Gathers entries of the pack.
    Gather(Vec<Entry>),
    /// Ticks off those that have a record.
    Tick(Vec<Entry>, Box<Inspection<D::File>>),
    /// Looks at the others.
    Look { page: Vec<Entry>, unmet: bool },
}

/// An entry, and whether its record has been found.
type Entry = (ObjectId, Location, bool);

impl<D: Dir> Search<D> {
    /// Walk through the pack again.
    pub(super) fn again(file: Arc<D::File>, number: u32, len: u64) -> Self {
        Search { number, pack: Some((file, len)), after: None, stage: Stage::Gather(Vec::new()) }
    }

    /// Look at all entries, as the pack is missing or cannot be walked through.
    pub(super) fn one_by_one(number: u32) -> Self {
        Search { number, pack: None, after: None, stage: Stage::Gather(Vec::new()) }
    }

    /// Do a piece of the work; whether it was the last.
    pub(super) fn step(&mut self, site: &mut Site<D>, progress: &mut Progress) -> bool {
        let Some(index) = &mut site.index else { return true };
        match &mut self.stage {
            Stage::Gather(page) => {
                let start = self.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
                let entries = match index.scan(start, Bound::Unbounded, site.disk.tuning.step_entries) {
                    Ok(entries) => entries,
                    Err(error) => {
                        progress.problems.push(damage(layout::INDEX, error));
                        site.index = None;
                        return true;
                    }
                };
                self.after = entries.last().map(|(id, _)| *id).or(self.after);
                let number = self.number;
                let of_pack = entries.iter().filter(|(_, location)| location.pack == number);
                page.extend(of_pack.map(|(id, location)| (*id, *location, false)));
                let end = entries.is_empty();
                if page.len() >= site.disk.tuning.remembered || end && !page.is_empty() {
                    let page = core::mem::take(page);
                    self.stage = match &self.pack {
                        Some((file, len)) => {
                            Stage::Tick(page, Box::new(Inspection::new(file.clone(), number, *len, &site.disk.tuning)))
                        }
                        None => Stage::Look { page, unmet: false },
                    };
                    return false;
                }
                end
            }
            Stage::Tick(page, inspection) => {
                match inspection.next() {
                    Ok(Some(records)) => {
                        for (record, _) in records {
                            if let Ok(place) = page.binary_search_by_key(&record.id, |(id, ..)| *id)
                                && page[place].1.offset == record.location.offset
                            {
                                page[place].2 = true;
                            }
                        }
                        return false;
                    }
                    Ok(None) => {
                        page.retain(|(_, _, found)| !found);
                        self.stage = Stage::Look { page: core::mem::take(page), unmet: true };
                    }
                    // Each by itself tells which of them it is.
                    Err(_) => self.stage = Stage::Look { page: core::mem::take(page), unmet: false },
                }
                false
            }
            Stage::Look { page, unmet } => {
                let some = page.split_off(page.len().saturating_sub(site.disk.tuning.step_objects));
                let done = page.is_empty();
                for (id, location, _) in some {
                    look_again(site, &id, &location, *unmet, progress);
                }
                if done {
                    self.stage = Stage::Gather(Vec::new());
                }
                false
            }
        }
    }
}

/// Look at an entry of the index by itself, if the index still has it, and report what is wrong. `unmet`: a walk through
/// the pack did not come by its record.
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
        Err(Error::Corrupt(damage)) => damage.problem,
        Err(error) => format!("{error}"),
    };
    // A pack may have been replaced while it was looked at.
    if !site.is_still_at(id, location) {
        return;
    }
    let file = format!("{} at byte {}", layout::pack(location.pack), location.offset);
    let whose = format!("object {id}: ");
    let problem = problem.strip_prefix(&whose).unwrap_or(&problem);
    let copy =
        if matches!(loose::is_sound(&site.disk, id), Ok(true)) { "; there is a sound loose file of it" } else { "" };
    progress.problem(file, format!("{whose}{problem}{copy}"));
}

/// What is wrong with an entry, if anything.
fn examine<D: Dir>(disk: &Disk<D>, id: &ObjectId, location: &Location) -> Result<Option<String>> {
    let path = layout::pack(location.pack);
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
