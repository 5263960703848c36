//! The import: their objects, in the order of their places, through batches to the packs of ours.

mod adding;
mod batch;
mod commit;
mod loose;
mod packed;
mod removal;

use std::collections::BTreeSet;
use std::mem;
use std::sync::Mutex;
use std::thread;

use loosepack::store::Adder;
use loosepack::{Code, Durability, Finding, ObjectId, Store};

use self::adding::{Adding, Shared};
use self::batch::{Batch, Outcome};
use self::commit::Pending;
use crate::config::Config;
use crate::index::{Index, Row};
use crate::key::{Hash, Key};
use crate::layout::{INDEX, PACKS, Place, loose_path};
use crate::source::{Object, Opened, SMALL};
use crate::{Counts, Error, Import, Report};

pub(super) fn import(
    store: &dyn Store,
    adder: &mut dyn Adder,
    import: &Import<'_>,
    report: &mut dyn Report,
) -> Result<Counts, Error> {
    let place = Place::open(import.dir)?;
    let config = Config::read(&place.dir, &place.name)?;
    if config.hash != Hash::Sha256 && !import.rehash {
        return Err(Error::Other(format!(
            "{} names its objects by their SHA-1, but loosepack by their SHA-256: with --rehash they are imported \
             under other names, which are written down",
            place.name
        )));
    }
    if import.remove && store.durability()? != Durability::Full {
        let problem = "objects can be moved only to a container that flushes what it acknowledges";
        return Err(Error::Other(problem.into()));
    }
    let mut index = Index::open(&place, import.dir, import.remove)?;
    let total = index.snapshot()?;
    let mut loose = 0;
    place.each_loose(config.hash, config.prefix, |_| {
        loose += 1;
        Ok(())
    })?;
    // In a container without objects there is nothing to look for.
    let stats = store.stats()?;
    let resuming = stats.packed_objects + stats.loose_objects > 0;
    let counts = Counts { total: total + loose, ..Counts::default() };
    let shared: Shared<'_> = Mutex::new(adder);
    thread::scope(|scope| {
        let mut importing = Importing {
            place: &place,
            config,
            import,
            store,
            adding: Adding::start(scope, &shared, import.compress),
            report,
            counts,
            skip: resuming && !import.remove && !import.rehash,
            batch: Batch::default(),
            pending: Vec::new(),
            pending_bytes: 0,
            source: None,
            failures: 0,
        };
        importing.all(&mut index)
    })
}

struct Importing<'a, 's, 'w> {
    place: &'a Place,
    config: Config,
    import: &'a Import<'a>,
    store: &'a dyn Store,
    adding: Adding<'s, 'w>,
    report: &'a mut dyn Report,
    counts: Counts,
    /// Objects that our container has are not read.
    skip: bool,
    /// Small objects, not yet handed over.
    batch: Batch,
    /// Handed over, and not committed.
    pending: Vec<Pending>,
    pending_bytes: u64,
    /// The pack that objects come from; `None`: loose files.
    source: Option<String>,
    /// Objects of that pack that could not be imported.
    failures: u64,
}

impl Importing<'_, '_, '_> {
    /// In the order of their readers: index, loose objects, index. An object is packed before its loose file is removed.
    fn all(&mut self, index: &mut Index<'_>) -> Result<Counts, Error> {
        if self.import.remove {
            removal::finish_removed(self.place, &index.packs()?)?;
        }
        // While objects are removed, nobody else changes it.
        self.packed(index, !self.import.remove)?;
        // Many loose objects are packed as well.
        self.commit()?;
        self.skip = !self.import.remove && !self.import.rehash;
        self.loose()?;
        self.commit()?;
        if index.changed()? {
            self.counts.total += index.snapshot()?;
            self.packed(index, false)?;
            self.commit()?;
        }
        self.tell_leftovers(&index.packs()?)?;
        Ok(self.counts)
    }

    /// Takes an object that a file holds. The inner result is about the object.
    fn object(&mut self, file: &mut Opened, row: &Row) -> Result<Result<(), String>, Error> {
        let Row { key, compressed, size, offset, length, .. } = *row;
        if !compressed && size != length {
            return Ok(Err(format!("it has {size} bytes, but {length} in its pack")));
        }
        if let Err(problem) = file.ask(offset, length) {
            return Ok(Err(problem));
        }
        if size > SMALL || length > SMALL {
            return self.large(file.object(row), key, size);
        }
        match file.bytes(offset, length) {
            Ok(bytes) => self.batch.push(key, size, compressed, bytes),
            Err(problem) => return Ok(Err(problem)),
        }
        if self.batch.is_full() { self.flush().map(Ok) } else { Ok(Ok(())) }
    }

    /// Adds an object that is not handled in memory.
    fn large(&mut self, object: Object, key: Key, size: u64) -> Result<Result<(), String>, Error> {
        let added = self.adding.adder().add_source(Box::new(object));
        match added {
            Ok(id) => {
                self.added(key, id, size);
                self.commit_if_many().map(Ok)
            }
            Err(error) if self.adding.adder().check().is_ok() => Ok(Err(error.to_string())),
            Err(error) => Err(self.adding.cause(error)),
        }
    }

    fn added(&mut self, key: Key, id: ObjectId, size: u64) {
        self.counts.objects += 1;
        self.counts.bytes += size;
        self.pending.push(Pending { key, id, loose: self.source.is_none() });
        self.pending_bytes += size;
    }

    fn problem(&mut self, key: &Key, problem: &str) {
        self.problem_of(Some(key), problem);
    }

    /// Reports a problem of an object, or of a row that names none.
    fn problem_of(&mut self, key: Option<&Key>, problem: &str) {
        self.counts.problems += 1;
        self.failures += 1;
        let finding = match (key, &self.source) {
            (Some(key), None) => Finding { file: loose_path(key, self.config.prefix), message: problem.into() },
            (Some(key), Some(pack)) => Finding { file: pack.clone(), message: format!("object {key}: {problem}") },
            (None, _) => Finding { file: INDEX.into(), message: problem.into() },
        };
        self.report.problem(&finding);
    }

    /// Hands over the small objects. What comes of them is told by the next time, or by [`Importing::settle`].
    fn flush(&mut self) -> Result<(), Error> {
        let outcome = self.adding.add(mem::take(&mut self.batch))?;
        self.handed_over(outcome)
    }

    /// Hands over the small objects, and waits for all of them.
    fn settle(&mut self) -> Result<(), Error> {
        self.flush()?;
        let outcome = self.adding.wait()?;
        self.handed_over(outcome)
    }

    fn handed_over(&mut self, Outcome { added, damaged }: Outcome) -> Result<(), Error> {
        for (key, id, size) in added {
            self.added(key, id, size);
        }
        for key in damaged {
            self.problem(&key, "its bytes do not match its hash key");
        }
        self.commit_if_many()
    }

    /// Tells of files that are neither objects nor needed.
    fn tell_leftovers(&mut self, packs: &BTreeSet<i64>) -> Result<(), Error> {
        let mut unknown = 0;
        self.place.each_name(PACKS, |name| {
            let number = name.parse::<i64>().ok().filter(|number| number.to_string() == name);
            unknown += u64::from(number.is_some_and(|number| !packs.contains(&number)));
            Ok(())
        })?;
        if unknown > 0 {
            let message = format!("{unknown} of its files are in no row of the index, and were not read");
            self.report.note(&Finding { file: PACKS.into(), message });
        }
        Ok(())
    }
}

fn cannot_read(code: Code) -> String {
    format!("cannot be read: {code}")
}
