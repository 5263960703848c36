//! Packs, compared with the index.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use core::ops::ControlFlow;

use super::entries::{Search, look_again};
use super::index::Entries;
use super::met::Met;
use super::{INDEX_UNIT, Part, Site};
use crate::dir::{Dir, File as _, Kind};
use crate::disk::Disk;
use crate::disk::small_file;
use crate::error::{Code, Error, IoFailure, Result};
use crate::format::location::Location;
use crate::format::names::{self, PACKS};
use crate::id::ObjectId;
use crate::index::Trust;
use crate::jobs::Progress;
use crate::pack::check::Inspection;
use crate::pack::walk::Record;

/// All packs.
pub(super) struct Packs<D: Dir> {
    queue: VecDeque<u32>,
    entries: Entries,
    lengths: BTreeMap<u32, u64>,
    current: Option<Pack<D>>,
}

impl<D: Dir> Packs<D> {
    /// `entries`: how many the index has of each pack.
    pub(super) fn new(site: &Site<D>, entries: Entries, progress: &mut Progress) -> Self {
        // Looked at after the index was read, so that each pack is as long as the index says, or is damaged.
        let (lengths, unread) = lengths(site, progress).unwrap_or_else(|error| {
            progress.failed(PACKS, error);
            (BTreeMap::new(), BTreeSet::new())
        });
        let packs = lengths.keys().chain(entries.keys()).copied();
        let mut queue: Vec<u32> = packs.filter(|pack| !unread.contains(pack)).collect();
        queue.sort_unstable();
        queue.dedup();
        Packs { queue: queue.into(), entries, lengths, current: None }
    }

    /// Does a piece of the work. Breaks after the last.
    pub(super) fn step(&mut self, site: &mut Site<D>, part: &Part, progress: &mut Progress) -> ControlFlow<()> {
        if let Some(mut pack) = self.current.take() {
            match pack.step(site, progress) {
                ControlFlow::Continue(()) => self.current = Some(pack),
                ControlFlow::Break(()) => progress.done = (unit(pack.number) + 1).min(progress.total),
            }
            return ControlFlow::Continue(());
        }
        let Some(number) = self.queue.pop_front() else { return ControlFlow::Break(()) };
        if part.has(unit(number)) {
            let entries = self.entries.get(&number).copied().unwrap_or(0);
            let pack = Pack::new(site, number, entries, self.lengths.get(&number).copied(), progress);
            self.current = Some(pack);
        }
        ControlFlow::Continue(())
    }
}

/// Returns the number of units in the packs as they are now. Packs that cannot be listed are reported later.
pub(super) fn total<D: Dir>(disk: &Disk<D>) -> u64 {
    let listed = small_file::list(&disk.dir, PACKS).unwrap_or_default();
    let last = listed.iter().filter_map(|entry| names::pack_number(&entry.name)).max();
    last.map_or(INDEX_UNIT + 1, |last| unit(last) + 1)
}

fn unit(pack: u32) -> u64 {
    INDEX_UNIT + 1 + u64::from(pack)
}

/// Returns the lengths of the packs, and those packs that cannot be examined, which are reported here.
fn lengths<D: Dir>(site: &Site<D>, progress: &mut Progress) -> Result<(BTreeMap<u32, u64>, BTreeSet<u32>)> {
    let (mut lengths, mut unread) = (BTreeMap::new(), BTreeSet::new());
    for entry in small_file::list(&site.disk.dir, PACKS)? {
        let Some(number) = names::pack_number(&entry.name) else { continue };
        let path = names::pack(number);
        match site.disk.open_read(&path).and_then(|file| file.metadata()) {
            Ok(found) if found.kind == Kind::File => drop(lengths.insert(number, found.len)),
            Ok(_) => progress.problem(path, "there is something else in place of the pack"),
            // It was repacked meanwhile, or the index has entries for it, which are checked later.
            Err(Code::NotFound) => {}
            Err(code) => {
                if tell_unopened(&path, code, progress) {
                    unread.insert(number);
                }
            }
        }
    }
    Ok((lengths, unread))
}

/// Tells of a pack that does not open; whether that says nothing of the pack itself.
fn tell_unopened(path: &str, code: Code, progress: &mut Progress) -> bool {
    let error = Error::Io(IoFailure { operation: "open".into(), path: path.into(), code });
    let circumstance = error.is_circumstance();
    progress.failed(path, error);
    circumstance
}

/// A pack that is being checked.
struct Pack<D: Dir> {
    number: u32,
    /// Number of index entries for this pack, and of those whose records were found.
    entries: u64,
    found: u64,
    met: Met,
    stage: Stage<D>,
    /// Not yet compared with the index.
    batch: Vec<(Record, bool)>,
    /// Records of deleted objects.
    deleted: Unreferenced,
    /// Other records that no entry of the index refers to.
    orphans: Unreferenced,
}

/// Records that no entry of the index refers to.
#[derive(Default)]
struct Unreferenced {
    records: u64,
    bytes: u64,
    /// Number of records that contain their objects.
    sound: u64,
}

impl Unreferenced {
    fn add(&mut self, record: &Record, sound: bool) {
        self.records += 1;
        self.bytes += record.length();
        self.sound += u64::from(sound);
    }
}

enum Stage<D: Dir> {
    Walk(Box<Inspection<D::File>>),
    /// Which entries have no record.
    Search(Search),
}

impl<D: Dir> Pack<D> {
    fn new(site: &Site<D>, number: u32, mut entries: u64, length: Option<u64>, progress: &mut Progress) -> Self {
        let path = names::pack(number);
        let stage = match length.map(|length| (site.disk.open_read(&path), length)) {
            Some((Ok(file), length)) => {
                Stage::Walk(Box::new(Inspection::new(Arc::new(file), number, length, &site.disk.tuning)))
            }
            Some((Err(code), _)) if code != Code::NotFound => {
                if tell_unopened(&path, code, progress) {
                    // Nothing of it can be looked at.
                    entries = 0;
                }
                Stage::Search(Search::all(number))
            }
            _ => Stage::Search(Search::all(number)),
        };
        let met = Met::new(site.disk.tuning.met_bytes);
        Pack {
            number,
            entries,
            found: 0,
            met,
            stage,
            batch: Vec::new(),
            deleted: Unreferenced::default(),
            orphans: Unreferenced::default(),
        }
    }

    /// Does a piece of the work. Breaks after the last.
    fn step(&mut self, site: &mut Site<D>, progress: &mut Progress) -> ControlFlow<()> {
        let inspection = match &mut self.stage {
            Stage::Walk(inspection) => inspection,
            Stage::Search(_) if self.found == self.entries => return ControlFlow::Break(()),
            Stage::Search(search) => return search.step(site, progress),
        };
        let records = inspection.next();
        let unreadable = inspection.take_unreadable();
        progress.problems.extend(unreadable.into_iter().map(|unreadable| unreadable.damage(self.number)));
        if let Some(records) = records {
            self.batch.extend(records);
            if self.batch.len() >= site.disk.tuning.remembered {
                self.compare(site, progress);
            }
            return ControlFlow::Continue(());
        }
        let unused = inspection.walk().unused();
        self.compare(site, progress);
        self.tell_unreferenced(unused, progress);
        let met = mem::replace(&mut self.met, Met::new(0));
        self.stage = Stage::Search(Search::unmet(self.number, met, self.found));
        ControlFlow::Continue(())
    }

    /// Compares what has been found with the index.
    fn compare(&mut self, site: &mut Site<D>, progress: &mut Progress) {
        let batch = mem::take(&mut self.batch);
        let ids: Vec<ObjectId> = batch.iter().map(|(record, _)| record.id).collect();
        let told = site.index.as_mut().map(|index| index.lookup_many(&ids, Trust::Quick));
        let told = match told.transpose() {
            Ok(told) => told,
            Err(error) => {
                progress.failed(names::INDEX, error);
                site.index = None;
                None
            }
        };
        let Some(told) = told else {
            for (record, sound) in batch {
                self.take_unknown(&record, sound, progress);
            }
            return;
        };
        let mut orphans = Vec::new();
        for ((record, sound), told) in batch.into_iter().zip(told) {
            let at = |place: &Location| (place.pack, place.offset) == (self.number, record.location.offset);
            let Some(told) = told.filter(at) else {
                orphans.push((record, sound));
                continue;
            };
            if !self.met.remembers(told.offset) {
                // Looked at by itself, when its entry is.
                continue;
            }
            self.found += 1;
            self.met.insert(told.offset);
            if sound && record.ends && told == record.location {
                progress.objects += 1;
                progress.bytes = progress.bytes.saturating_add(told.size);
                continue;
            }
            look_again(site, &record.id, &told, false, progress);
        }
        // Records whose commit came after the index was read are no orphans.
        let ids: Vec<ObjectId> = orphans.iter().map(|(record, _)| record.id).collect();
        let now = match site.index_now().map(|index| index.told_of(&ids, Trust::Quick)) {
            Some(Ok(now)) => now,
            _ => alloc::vec![None; ids.len()],
        };
        for ((record, sound), now) in orphans.into_iter().zip(now) {
            if now == Some(Some(record.location)) {
                continue;
            }
            let unreferenced = if now == Some(None) { &mut self.deleted } else { &mut self.orphans };
            unreferenced.add(&record, sound);
        }
    }

    /// A record of which no index tells whether it counts.
    fn take_unknown(&mut self, record: &Record, sound: bool, progress: &mut Progress) {
        if sound {
            progress.objects += 1;
            progress.bytes = progress.bytes.saturating_add(record.location.size);
            return;
        }
        let note =
            "does not match its ID: torn by a crash before it was committed, or damaged, which only an index shows";
        let file = format!("{} at byte {}", names::pack(self.number), record.location.offset);
        progress.note(file, format!("a record of object {} {note}", record.id));
    }

    fn tell_unreferenced(&self, unused: u64, progress: &mut Progress) {
        let Unreferenced { records, bytes, .. } = self.deleted;
        if records > 0 {
            progress
                .note(names::pack(self.number), format!("{records} records of {bytes} bytes are of deleted objects"));
        }
        let Unreferenced { records, bytes, sound } = self.orphans;
        if records + unused > 0 {
            let remedy = match sound {
                0 => String::new(),
                sound => format!("; `reindex` brings back the {sound} that are sound"),
            };
            let note = format!(
                "{records} records of {bytes} bytes have no entry in the index, and {unused} bytes are no record: left by \
                 packers that were killed, damaged, or being written{remedy}"
            );
            progress.note(names::pack(self.number), note);
        }
    }
}
