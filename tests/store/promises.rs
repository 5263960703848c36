//! The promises of a container, and the check that it keeps them, used after power cuts, kills and failures.

use std::collections::{BTreeMap, BTreeSet};

use loosepack::{Compression, Config, Container, Dir as _, Error, Finding, ObjectId, Options, Part, Result};

use crate::sim::{SimDir, Survival};
use crate::support::{clean, folding, id, pack, run, tuning, verify};
use crate::watch::Watch;

/// The directory of a copy with hard links.
pub(crate) const SNAPSHOT: &str = "snapshot";

pub(crate) type Store = Container<Watch<SimDir>>;

/// The promises made so far, and the states that may be found.
#[derive(Clone, Default)]
pub(crate) struct Known {
    /// The container was acknowledged.
    pub(crate) created: bool,
    /// Acknowledged objects.
    pub(crate) acked: BTreeMap<ObjectId, Vec<u8>>,
    /// All that were ever offered.
    pub(crate) offered: BTreeMap<ObjectId, Vec<u8>>,
    /// Objects whose deletion was acknowledged, and that were not offered again.
    pub(crate) deleted: BTreeSet<ObjectId>,
    /// The index was lost: who cannot open the container reindexes it.
    pub(crate) unindexed: bool,
    /// Promises of a copy with hard links, which is in [`SNAPSHOT`].
    pub(crate) snapshot: Option<Box<Known>>,
}

impl Known {
    pub(crate) fn offer(&mut self, bytes: &[u8]) {
        self.offered.insert(id(bytes), bytes.into());
        self.deleted.remove(&id(bytes));
    }

    /// Its deletion begins: from now on it may be there or not.
    pub(crate) fn give_up(&mut self, bytes: &[u8]) {
        self.acked.remove(&id(bytes));
    }

    /// Its deletion was acknowledged.
    pub(crate) fn gone(&mut self, bytes: &[u8]) {
        self.give_up(bytes);
        self.deleted.insert(id(bytes));
    }

    pub(crate) fn ack(&mut self, bytes: &[u8]) {
        self.offer(bytes);
        self.acked.insert(id(bytes), bytes.into());
    }
}

/// With a log that is folded early, so that some batches are folded into a run and some are not.
pub(crate) fn options() -> Options {
    Options { holder: "the sweep".into(), tuning: folding(tuning().log_entries.min(10)), ..Options::default() }
}

pub(crate) fn open(dir: &Watch<SimDir>) -> Result<Store> {
    Container::open(dir.clone(), options())
}

/// Opens a container, mended if it has to be.
pub(crate) fn open_mended(dir: &Watch<SimDir>, known: &Known) -> Result<Store> {
    match open(dir) {
        Err(Error::Corrupt(_)) if known.unindexed => {
            // A torn record is reported.
            let _ = reindex(dir)?;
            open(dir)
        }
        opened => opened,
    }
}

/// Rebuilds the index; returns the problems met.
pub(crate) fn reindex(dir: &Watch<SimDir>) -> Result<Vec<Finding>> {
    let store = Container::open_damaged(dir.clone(), options())?;
    Ok(run(store.reindex()?)?.1)
}

/// Nothing is damaged, whatever a crash has left.
fn check_soundness(store: &Store) -> Result<(), String> {
    match verify(store, Part::default()).1.first() {
        Some(problem) => Err(format!("verifying finds {problem}")),
        None => Ok(()),
    }
}

macro_rules! ensure {
    ($condition:expr, $($message:tt)*) => {
        if !$condition {
            return Err(format!($($message)*));
        }
    };
}

pub(crate) fn explain<T>(result: Result<T>, doing: &str) -> Result<T, String> {
    result.map_err(|error| format!("{doing}: {error} ({error:?})"))
}

/// Everything acknowledged reads right, and nothing reads wrong.
pub(crate) fn check_reads(store: &Store, known: &Known) -> Result<(), String> {
    for (id, bytes) in &known.offered {
        match store.get(id) {
            Ok(_) if known.deleted.contains(id) => return Err(format!("{id} was deleted and is there")),
            Ok(found) => ensure!(found == *bytes, "{id} reads wrong"),
            Err(Error::NotFound(_)) => ensure!(!known.acked.contains_key(id), "{id} was acknowledged and is gone"),
            Err(error) => return Err(format!("{id} does not read: {error}")),
        }
    }
    let acked: Vec<ObjectId> = known.acked.keys().copied().collect();
    let contained = explain(store.contains(&acked), "contains")?;
    ensure!(contained.iter().all(|present| *present), "contains denies an acknowledged object");
    let deleted: Vec<ObjectId> = known.deleted.iter().copied().collect();
    let contained = explain(store.contains(&deleted), "contains")?;
    ensure!(!contained.contains(&true), "contains has a deleted object");
    Ok(())
}

/// All that is listed reads right, and all that was acknowledged is listed; returns how many that are.
pub(crate) fn check_list(store: &Store, known: &Known) -> Result<u64, String> {
    let mut listed = Vec::new();
    loop {
        let page = explain(store.objects(listed.last(), 7), "objects")?;
        if page.is_empty() {
            break;
        }
        listed.extend(page);
    }
    ensure!(listed.is_sorted(), "the list is not sorted");
    for id in &listed {
        ensure!(known.offered.contains_key(id), "{id} is listed and was never offered");
        ensure!(!known.deleted.contains(id), "{id} was deleted and is listed");
        explain(store.get(id), "reading a listed object")?;
    }
    ensure!(known.acked.keys().all(|id| listed.binary_search(id).is_ok()), "an acknowledged object is not listed");
    Ok(listed.len() as u64)
}

/// Work with what a crash has left, as anyone would.
pub(crate) fn recover(dir: &Watch<SimDir>, known: &mut Known) -> Result<()> {
    let store = open_mended(dir, known)?;
    if matches!(dir.try_lock("unrelated"), Err(loosepack::Code::Unsupported)) {
        store.force_unlock()?;
    }
    let [added, packed] = [b"added after the crash".as_slice(), b"packed after the crash"];
    known.offer(added);
    store.add(added)?;
    known.ack(added);
    let problems = pack(&store, Compression::Always)?;
    if let Some(problem) = problems.into_iter().next() {
        return Err(Error::Corrupt(problem));
    }
    clean(&store)?;
    known.offer(packed);
    let mut writer = store.pack_writer(Compression::Never)?;
    writer.add(packed)?;
    writer.finish()?;
    known.ack(packed);
    Ok(())
}

/// A container that was not made to its end is made by the next who tries, and lasts.
fn complete(image: &SimDir) -> Result<(), String> {
    let store = explain(Container::create(image.clone(), Config::default(), options()), "making it again")?;
    let added = explain(store.add(b"in a container that was completed"), "adding")?;
    let after = image.power_cut(Survival::Nothing, 0);
    let store = explain(Container::open(after, options()), "opening what was completed")?;
    explain(store.get(&added), "reading what was added").map(drop)
}

/// Checks that a copy with hard links holds what it held when it was made, and nothing else.
fn check_snapshot(image: &SimDir, known: &Known) -> Result<(), String> {
    let Some(known) = &known.snapshot else { return Ok(()) };
    let store = explain(open(&Watch::new(image.inside(SNAPSHOT))), "opening the snapshot")?;
    check_reads(&store, known)?;
    let listed = check_list(&store, known)?;
    ensure!(listed == known.acked.len() as u64, "{listed} objects are in the snapshot");
    check_soundness(&store)
}

/// Checks that the promises hold in a directory after a crash, and in the copy with hard links, if there is one. Works in
/// both.
pub(crate) fn check(image: &SimDir, known: &Known) -> Result<(), String> {
    check_snapshot(image, known)?;
    let after = check_alone(image, known)?;
    check_snapshot(image, known).map_err(|problem| format!("after work in the original: {problem}"))?;
    if let Some(snapshot) = &known.snapshot {
        check_alone(&image.inside(SNAPSHOT), snapshot).map_err(|problem| format!("in the snapshot: {problem}"))?;
        let store = explain(open(&Watch::new(image.clone())), "opening the original again")?;
        check_reads(&store, &after)
            .and_then(|()| check_soundness(&store))
            .map_err(|problem| format!("after work in the snapshot: {problem}"))?;
    }
    Ok(())
}

/// Does the same for one container. Returns the promises after what was done in it.
fn check_alone(image: &SimDir, known: &Known) -> Result<Known, String> {
    let dir = Watch::new(image.clone());
    let store = match open_mended(&dir, known) {
        Err(Error::NoContainer) if !known.created => return complete(image).map(|()| known.clone()),
        opened => explain(opened, "open")?,
    };
    check_reads(&store, known)?;
    check_list(&store, known)?;
    check_soundness(&store)?;
    let mut known = known.clone();
    explain(recover(&dir, &mut known), "recovery")?;
    check_reads(&store, &known)?;
    let store = explain(open(&dir), "open after recovery")?;
    check_reads(&store, &known)?;
    let listed = check_list(&store, &known)?;
    let stats = explain(store.stats(), "stats")?;
    ensure!(stats.loose_objects == 0, "after pack and clean {} objects are loose", stats.loose_objects);
    ensure!(stats.packed_objects == listed, "stats counts {}, and {listed} are listed", stats.packed_objects);
    if !known.deleted.is_empty() {
        // Their records are still in the packs.
        explain(reindex(&dir), "reindex")?;
        check_reads(&explain(open(&dir), "open after reindex")?, &known)?;
    }
    Ok(known)
}
