//! Work that is interrupted: containers to start from, what is done to them, and what is promised on the way.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use loosepack::{
    Compression, Config, Container, Durability, Error, GcOptions, Job as _, Options, RepackOptions, Result, Sharing,
};

use crate::promises::{self, Known, SNAPSHOT, open, options};
use crate::sim::{SimDir, Survival};
use crate::support::{clean, folding, id, noise, pack, run, text};
use crate::watch::{Call, Verdict, Watch};

/// Something to do to a container, and the container it is done to.
pub(crate) struct Workload {
    pub(crate) start: SimDir,
    /// The first operation to crash at.
    pub(crate) from: u64,
    /// The last one, unless it is the end.
    pub(crate) until: Option<u64>,
    pub(crate) known: Known,
    pub(crate) run: Rc<Work>,
    /// Crash only at operations that change something: a crash at another is like one at the next that does.
    pub(crate) changes_only: bool,
    /// Some of it is only tried: what cannot be shown to be packed is stored loose, and what was not committed is cut
    /// off.
    pub(crate) tries: bool,
}

impl Workload {
    /// One of which some is only tried.
    pub(crate) fn tries(self) -> Self {
        Workload { tries: true, ..self }
    }
}

/// Work on a container, which may be interrupted.
pub(crate) type Work = dyn Fn(&Watch<SimDir>, &mut Known) -> Result<()>;

/// Small packs, so that they roll over.
pub(crate) const CONFIG: Config = Config { pack_target: 700, compression_level: 1, shared: Sharing::Umask };

pub(crate) fn unflushed() -> Options {
    Options { durability: Durability::None, ..options() }
}

pub(crate) fn small(number: u64) -> Vec<u8> {
    if number.is_multiple_of(3) {
        text(90 + 70 * number as usize, number)
    } else {
        noise(20 + 40 * number as usize, number)
    }
}

/// Counts of the syncs of a run.
#[derive(Default)]
pub(crate) struct Syncs {
    /// Start of what was last written to the log.
    pub(crate) last_line: RefCell<Vec<u8>>,
    /// The manifest was replaced.
    pub(crate) manifest: Cell<bool>,
    /// Syncs of incoming files so far, this one included.
    pub(crate) incoming: Cell<u64>,
    /// Syncs of the container's own directory so far, this one included.
    pub(crate) root: Cell<u64>,
    /// Syncs of everything at once so far, this one included.
    pub(crate) all: Cell<u64>,
}

impl Syncs {
    pub(crate) fn note(&self, call: Call, path: &str, bytes: &[u8]) {
        match call {
            // A write may come in pieces; the first one tells what it is.
            Call::Write if is_log(path) && [PUT, DELETE, COMMIT].iter().any(|start| bytes.starts_with(start)) => {
                *self.last_line.borrow_mut() = bytes.into();
            }
            Call::Rename if path == "index/manifest.json" => self.manifest.set(true),
            Call::Sync if path.starts_with("incoming/") => self.incoming.set(self.incoming.get() + 1),
            Call::SyncAll => self.all.set(self.all.get() + 1),
            Call::SyncDir if path == "." => self.root.set(self.root.get() + 1),
            _ => {}
        }
    }

    pub(crate) fn after_line(&self, start: &[u8]) -> bool {
        self.last_line.borrow().starts_with(start)
    }
}

/// Starts of lines of the log.
pub(crate) const PUT: &[u8] = b"{\"put\"";
pub(crate) const DELETE: &[u8] = b"{\"delete\"";
pub(crate) const COMMIT: &[u8] = b"{\"commit\"";

pub(crate) fn is_pack(path: &str) -> bool {
    path.starts_with("packs/")
}

pub(crate) fn is_log(path: &str) -> bool {
    path.starts_with("index/log")
}

pub(crate) fn empty() -> (SimDir, Known) {
    let dir = SimDir::new();
    Container::create(dir.clone(), CONFIG, options()).expect("a container can be made");
    (dir.power_cut(Survival::Everything, 0), Known { created: true, ..Known::default() })
}

/// A container with loose objects, some of them packed as well, and packed ones.
pub(crate) fn lived_in() -> (SimDir, Known) {
    let (dir, mut known) = empty();
    let store = Container::open(dir.clone(), options()).expect("it opens");
    for number in 0..5 {
        store.add(&small(number)).expect("an object can be added");
        known.ack(&small(number));
    }
    pack(&store, Compression::Auto).expect("they can be packed");
    clean(&store).expect("and cleaned");
    for number in 3..9 {
        store.add(&small(number)).expect("an object can be added");
        known.ack(&small(number));
    }
    (dir.power_cut(Survival::Everything, 0), known)
}

/// Loose objects, durable, that were packed by someone who syncs nothing and was killed at once.
pub(crate) fn packed_unflushed() -> (SimDir, Known) {
    let (dir, mut known) = empty();
    let store = Container::open(dir.clone(), options()).expect("it opens");
    for number in 0..4 {
        store.add(&small(number)).expect("an object can be added");
        known.ack(&small(number));
    }
    let store = Container::open(dir.clone(), unflushed()).expect("it opens");
    pack(&store, Compression::Never).expect("they can be packed");
    (dir.kill(), known)
}

pub(crate) fn add_some(dir: &Watch<SimDir>, known: &mut Known) -> Result<()> {
    let store = open(dir)?;
    // New ones, one twice, one that is loose and one that is packed already, one of no bytes.
    for content in [small(20), small(21), small(20), small(7), small(1), Vec::new()] {
        known.offer(&content);
        store.add(&content)?;
        known.ack(&content);
    }
    Ok(())
}

pub(crate) fn write_some(dir: &Watch<SimDir>, known: &mut Known) -> Result<()> {
    let store = open(dir)?;
    let content = noise(3000, 30);
    known.offer(&content);
    let (mut writer, mut other) = (store.writer()?, store.writer()?);
    for piece in content.chunks(1000) {
        writer.write(piece)?;
        other.write(piece)?;
    }
    let mut dropped = store.writer()?;
    dropped.write(b"never finished")?;
    drop(dropped);
    writer.finish()?;
    known.ack(&content);
    other.finish()?;
    Ok(())
}

/// Batches of loose objects: of many, of few, and one that is never committed.
pub(crate) fn add_batches(dir: &Watch<SimDir>, known: &mut Known) -> Result<()> {
    let store = open(dir)?;
    // New ones, some twice, one that is loose and one that is packed already.
    let many: Vec<Vec<u8>> = (400..412).chain([401, 7, 1, 400]).map(small_or_new).collect();
    for batch in [&many[..], &[small(26), small(27)]] {
        batch.iter().for_each(|content| known.offer(content));
        store.add_many(batch)?;
        batch.iter().for_each(|content| known.ack(content));
    }
    let mut dropped = store.batch()?;
    known.offer(b"not committed");
    dropped.add(b"not committed")?;
    Ok(())
}

fn small_or_new(number: u64) -> Vec<u8> {
    if number < 100 { small(number) } else { noise(30, number) }
}

/// The same batches where nothing syncs everything at once.
pub(crate) fn add_batches_one_by_one(dir: &Watch<SimDir>, known: &mut Known) -> Result<()> {
    add_batches(&dir.map(SimDir::without_barrier), known)
}

pub(crate) fn write_packs(dir: &Watch<SimDir>, known: &mut Known) -> Result<()> {
    let store = open(dir)?;
    let mut writer = store.pack_writer(Compression::Auto)?;
    for batch in [[40, 41, 42, 41], [43, 1, 7, 44]] {
        for number in batch {
            known.offer(&small(number));
            writer.add(&small(number))?;
        }
        writer.commit()?;
        batch.iter().for_each(|number| known.ack(&small(*number)));
    }
    known.offer(b"not committed");
    writer.add(b"not committed")?;
    drop(writer);
    Ok(())
}

pub(crate) fn write_one_batch(dir: &Watch<SimDir>, known: &mut Known) -> Result<()> {
    let store = open(dir)?;
    let mut writer = store.pack_writer(Compression::Never)?;
    let contents = [noise(100, 50), noise(1500, 51), noise(100, 52)];
    for content in &contents {
        known.offer(content);
        writer.add(content)?;
    }
    writer.finish()?;
    contents.iter().for_each(|content| known.ack(content));
    Ok(())
}

pub(crate) fn write_large(dir: &Watch<SimDir>, known: &mut Known) -> Result<()> {
    let store = open(dir)?;
    let mut writer = store.pack_writer(Compression::Auto)?;
    let (large, other) = (text((1 << 20) + 77, 60), noise((1 << 20) + 1, 61));
    for content in [&large, &other, &large] {
        known.offer(content);
        writer.add(content)?;
    }
    writer.finish()?;
    known.ack(&large);
    known.ack(&other);
    Ok(())
}

pub(crate) fn pack_and_clean(dir: &Watch<SimDir>, _known: &mut Known) -> Result<()> {
    let store = open(dir)?;
    if let Some(problem) = pack(&store, Compression::Always)?.into_iter().next() {
        return Err(Error::Corrupt(problem));
    }
    clean(&store).map(drop)
}

pub(crate) fn clean_only(dir: &Watch<SimDir>, _known: &mut Known) -> Result<()> {
    clean(&open(dir)?).map(drop)
}

/// Deletes objects: loose, packed, both, and absent; and puts some of them back, loose and to a pack.
pub(crate) fn delete_some(dir: &Watch<SimDir>, known: &mut Known) -> Result<()> {
    let store = open(dir)?;
    for numbers in [vec![0, 1, 3, 4, 7, 8, 99], vec![2, 99]] {
        let contents: Vec<Vec<u8>> = numbers.into_iter().map(small).collect();
        contents.iter().for_each(|content| known.give_up(content));
        store.delete(contents.iter().map(|content| id(content)).collect())?.finish()?;
        contents.iter().for_each(|content| known.gone(content));
        for content in &contents[..contents.len() / 2] {
            known.offer(content);
            store.add(content)?;
            known.ack(content);
        }
    }
    let mut writer = store.pack_writer(Compression::Never)?;
    known.offer(&small(7));
    writer.add(&small(7))?;
    writer.finish()?;
    known.ack(&small(7));
    Ok(())
}

/// Deletes loose objects alone, and packed ones alone.
pub(crate) fn delete_loose(dir: &Watch<SimDir>, known: &mut Known) -> Result<()> {
    delete(dir, known, &[5, 6, 7])
}

/// See [`delete_loose`].
pub(crate) fn delete_packed(dir: &Watch<SimDir>, known: &mut Known) -> Result<()> {
    delete(dir, known, &[0, 1])
}

fn delete(dir: &Watch<SimDir>, known: &mut Known, numbers: &[u64]) -> Result<()> {
    let contents: Vec<Vec<u8>> = numbers.iter().copied().map(small).collect();
    contents.iter().for_each(|content| known.give_up(content));
    open(dir)?.delete(contents.iter().map(|content| id(content)).collect())?.finish()?;
    contents.iter().for_each(|content| known.gone(content));
    Ok(())
}

/// Collects garbage, and adds some of it again.
pub(crate) fn collect_some(dir: &Watch<SimDir>, known: &mut Known) -> Result<()> {
    let store = open(dir)?;
    let garbage: Vec<Vec<u8>> = [0, 1, 3, 4, 7, 8].map(small).into();
    garbage.iter().for_each(|content| known.give_up(content));
    let keep = known.acked.keys().copied().collect();
    run(store.gc(keep, GcOptions::default())?)?;
    garbage.iter().for_each(|content| known.gone(content));
    for content in &garbage[2..5] {
        known.offer(content);
        store.add(content)?;
        known.ack(content);
    }
    Ok(())
}

/// A lived-in container a day later.
pub(crate) fn lived_in_yesterday() -> (SimDir, Known) {
    let (dir, known) = lived_in();
    dir.advance(24 * 3600 * 1_000_000_000);
    (dir, known)
}

/// Packs and cleans in one job.
pub(crate) fn pack_with_cleaning(dir: &Watch<SimDir>, _known: &mut Known) -> Result<()> {
    match run(open(dir)?.pack_and_clean(Compression::Always)?)?.1.into_iter().next() {
        Some(problem) => Err(Error::Corrupt(problem)),
        None => Ok(()),
    }
}

/// A lived-in container with much that is dead.
pub(crate) fn half_dead() -> (SimDir, Known) {
    let (dir, mut known) = lived_in();
    let store = Container::open(dir.clone(), options()).expect("it opens");
    let mut writer = store.pack_writer(Compression::Auto).expect("the pack lock is free");
    for number in 100..112 {
        writer.add(&small(number % 7 + 200)).expect("an object can be added");
        writer.add(&noise(60, number)).expect("an object can be added");
        known.ack(&small(number % 7 + 200));
        known.ack(&noise(60, number));
    }
    writer.finish().expect("and committed");
    let dead: Vec<Vec<u8>> = (0..3).map(small).chain((100..107).map(|number| noise(60, number))).collect();
    run(store.delete(dead.iter().map(|content| id(content)).collect()).expect("the pack lock is free"))
        .expect("they can be deleted");
    dead.iter().for_each(|content| known.gone(content));
    (dir.power_cut(Survival::Everything, 0), known)
}

/// Repacks what is a little dead, and adds objects that are moved meanwhile or gone.
pub(crate) fn repack_some(dir: &Watch<SimDir>, known: &mut Known) -> Result<()> {
    let store = open(dir)?;
    let options = RepackOptions { min_dead: Some(1), ..RepackOptions::default() };
    if let Some(problem) = run(store.repack(options)?)?.1.into_iter().next() {
        return Err(Error::Corrupt(problem));
    }
    for content in [small(1), noise(60, 108)] {
        known.offer(&content);
        store.add(&content)?;
        known.ack(&content);
    }
    Ok(())
}

/// Somebody who deleted loose objects was killed right before their removal became durable.
pub(crate) fn killed_deleting() -> (SimDir, Known) {
    let (dir, mut known) = lived_in();
    let at = |_: &Syncs, call, path: &str| call == Call::SyncDir && path.starts_with("loose/");
    (killed(&dir, |dir| delete_loose(dir, &mut known), at), known)
}

pub(crate) fn create(dir: &Watch<SimDir>, known: &mut Known) -> Result<()> {
    let store = Container::create(dir.clone(), CONFIG, options())?;
    known.created = true;
    known.offer(b"the first");
    store.add(b"the first")?;
    known.ack(b"the first");
    Ok(())
}

pub(crate) fn unlock_and_pack(dir: &Watch<SimDir>, known: &mut Known) -> Result<()> {
    open(dir)?.force_unlock()?;
    write_packs(dir, known)?;
    pack_and_clean(dir, known)
}

/// A lived-in container whose index has been lost. What was packed last is not durable, as its packer was killed.
pub(crate) fn unindexed() -> (SimDir, Known) {
    let (dir, mut known) = lived_in();
    known.offer(&noise(600, 90));
    let work = |dir: &Watch<SimDir>| {
        let mut writer = open(dir)?.pack_writer(Compression::Never)?;
        writer.add(&noise(600, 90))?;
        writer.finish()
    };
    let dir = killed(&dir, work, |_, call, path| call == Call::Sync && is_pack(path));
    for path in dir.files().into_iter().filter(|path| path.starts_with("index/")) {
        dir.remove(&path);
    }
    (dir, Known { unindexed: true, ..known })
}

/// The pack of a first packer that was killed before it wrote an index.
pub(crate) fn first_pack_unindexed() -> (SimDir, Known) {
    let (dir, known) = first_packer_killed();
    dir.remove("index/manifest.json");
    (dir, Known { unindexed: true, ..known })
}

pub(crate) fn reindex(dir: &Watch<SimDir>, _known: &mut Known) -> Result<()> {
    match promises::reindex(dir)?.into_iter().next() {
        Some(problem) => Err(Error::Corrupt(problem)),
        None => Ok(()),
    }
}

/// With runs in `incoming` on the way.
pub(crate) fn reindex_in_little_memory(dir: &Watch<SimDir>, _known: &mut Known) -> Result<()> {
    let options = Options { tuning: folding(0), ..options() };
    run(Container::open_damaged(dir.clone(), options)?.reindex()?).map(drop)
}

pub(crate) type Start = fn() -> (SimDir, Known);

pub(crate) fn workload(start: Start, run: impl Fn(&Watch<SimDir>, &mut Known) -> Result<()> + 'static) -> Workload {
    let (start, known) = start();
    Workload { start, from: 0, until: None, known, run: Rc::new(run), changes_only: false, tries: false }
}

pub(crate) fn nothing() -> (SimDir, Known) {
    (SimDir::new(), Known::default())
}

/// Folds the log into a run, appends to the new log, and folds that with the run.
pub(crate) fn fold(dir: &Watch<SimDir>, known: &mut Known) -> Result<()> {
    let store = open(dir)?;
    let mut writer = store.pack_writer(Compression::Never)?;
    for batch in [300..306, 306..308, 308..318] {
        let contents: Vec<Vec<u8>> = batch.map(|seed| noise(30, seed)).collect();
        for content in &contents {
            known.offer(content);
            writer.add(content)?;
        }
        writer.commit()?;
        contents.iter().for_each(|content| known.ack(content));
    }
    Ok(())
}

/// A container whose index has several runs, a log, and deletions in both.
pub(crate) fn several_runs() -> (SimDir, Known) {
    let (dir, mut known) = lived_in();
    let store = Container::open(dir.clone(), options()).expect("it opens");
    for batch in [500..530, 530..542, 542..545] {
        let contents: Vec<Vec<u8>> = batch.clone().map(|seed| noise(30, seed)).collect();
        let mut writer = store.pack_writer(Compression::Never).expect("the pack lock is free");
        writer.add_many(&contents).expect("objects can be added");
        writer.finish().expect("and committed");
        contents.iter().for_each(|content| known.ack(content));
        if batch.start > 500 {
            let dead = [noise(30, batch.start), noise(30, batch.start - 20), small(batch.start % 3)];
            run(store.delete(dead.iter().map(|content| id(content)).collect()).expect("the pack lock is free"))
                .expect("they can be deleted");
            dead.iter().for_each(|content| known.gone(content));
        }
    }
    (dir.power_cut(Survival::Everything, 0), known)
}

/// Merges all runs and the log into one run.
pub(crate) fn fold_all(dir: &Watch<SimDir>, _known: &mut Known) -> Result<()> {
    run(open(dir)?.fold()?).map(drop)
}

/// A packer was killed right before the sync that makes its fold durable.
pub(crate) fn killed_at_its_fold() -> (SimDir, Known) {
    let (dir, mut known) = lived_in();
    let at = |syncs: &Syncs, call, path: &str| call == Call::SyncDir && path == "index" && syncs.manifest.get();
    let image = killed(&dir, |dir| fold(dir, &mut known), at);
    (image, known)
}

/// A packer of loose objects was killed right before the sync of the run with their entries.
pub(crate) fn killed_packing_into_a_run() -> (SimDir, Known) {
    let (dir, known) = lived_in();
    let work = |dir: &Watch<SimDir>| {
        let store = Container::open(dir.clone(), Options { tuning: folding(1), ..options() })?;
        pack(&store, Compression::Never).map(drop)
    };
    let at = |syncs: &Syncs, call, path: &str| call == Call::SyncDir && path == "index" && syncs.manifest.get();
    (killed(&dir, work, at), known)
}

/// A copy by a tool that knows no empty directories.
pub(crate) fn without_shards() -> (SimDir, Known) {
    let (dir, known) = empty();
    for shard in 0..=255 {
        dir.remove(&format!("loose/{shard:02x}"));
    }
    (dir, known)
}

/// A copy without empty directories in which someone was killed who had just made what he needed, before it was
/// durable: shards, and `loose` and `packs` themselves, as no object was there.
pub(crate) fn killed_making_directories() -> (SimDir, Known) {
    let (dir, mut known) = without_shards();
    dir.remove("loose");
    dir.remove("packs");
    let at = |_: &Syncs, call, path: &str| call == Call::SyncDir && path == "loose";
    let dir = killed(&dir, |dir| add_some(dir, &mut known), at);
    let at = |_: &Syncs, call, path: &str| call == Call::SyncDir && path == ".";
    (killed(&dir, |dir| write_one_batch(dir, &mut known), at), known)
}

/// The directory as a process leaves it that runs `work` and is killed before the first call that `at` picks.
pub(crate) fn killed(
    dir: &SimDir,
    work: impl FnOnce(&Watch<SimDir>) -> Result<()>,
    at: impl Fn(&Syncs, Call, &str) -> bool + 'static,
) -> SimDir {
    let (syncs, victim) = (Syncs::default(), dir.clone());
    let watched = Watch::with(dir.clone(), move |call, path, bytes| {
        syncs.note(call, path, bytes);
        if at(&syncs, call, path) {
            victim.crash_at(0);
        }
        Verdict::Pass
    });
    assert!(work(&watched).is_err(), "who is killed does not succeed");
    dir.kill()
}

/// A packer whose host gives no locks was killed in the middle of its work.
pub(crate) fn packer_killed() -> (SimDir, Known) {
    let (dir, mut known) = lived_in();
    [70, 71].iter().for_each(|seed| known.offer(&noise(2000, *seed)));
    let work = |dir: &Watch<SimDir>| {
        let mut writer = open(dir)?.pack_writer(Compression::Never)?;
        writer.add(&noise(2000, 70))?;
        writer.add(&noise(2000, 71))?;
        writer.finish()
    };
    (killed(&dir.without_locks(), work, |_, call, path| call == Call::Sync && path == "packs/2"), known)
}

/// The first packer ever was killed before it synced anything.
pub(crate) fn first_packer_killed() -> (SimDir, Known) {
    let (dir, mut known) = empty();
    known.offer(&noise(300, 80));
    let work = |dir: &Watch<SimDir>| {
        let mut writer = open(dir)?.pack_writer(Compression::Never)?;
        writer.add(&noise(300, 80))?;
        writer.finish()
    };
    (killed(&dir, work, |_, call, path| call == Call::Sync && is_pack(path)), known)
}

/// A lived-in container of which a copy with hard links was made.
pub(crate) fn linked() -> (SimDir, Known) {
    with_snapshot(lived_in())
}

/// The same after a packer was killed in the middle of a batch: log and pack have bytes that do not count.
pub(crate) fn linked_after_a_kill() -> (SimDir, Known) {
    let (dir, mut known) = lived_in();
    let work = |dir: &Watch<SimDir>| write_packs(dir, &mut known);
    let at = |syncs: &Syncs, call, path: &str| call == Call::Sync && is_log(path) && syncs.after_line(PUT);
    let dir = killed(&dir, work, at);
    with_snapshot((dir, known))
}

fn with_snapshot((dir, known): (SimDir, Known)) -> (SimDir, Known) {
    dir.link_tree(SNAPSHOT);
    (dir, Known { snapshot: Some(Box::new(known.clone())), ..known })
}

/// All is packed and committed, only that the packer was killed before it synced its commit.
pub(crate) fn packer_killed_at_its_commit() -> (SimDir, Known) {
    let (dir, known) = lived_in();
    let work = |dir: &Watch<SimDir>| pack(&open(dir)?, Compression::Never).map(drop);
    (killed(&dir, work, |syncs, call, path| call == Call::Sync && is_log(path) && syncs.after_line(COMMIT)), known)
}

/// Cleaning after someone who packed and synced nothing. What such a one leaves does not survive a power cut, until
/// `clean` has synced it for him: hence the first crash point.
pub(crate) fn clean_the_unflushed() -> Workload {
    let mut workload = workload(packed_unflushed, clean_only);
    let dir = workload.start.fork();
    dir.heal();
    let cleaning = open(&Watch::new(dir.clone())).and_then(|store| store.clean());
    workload.from = dir.operations();
    drop(cleaning.expect("the pack lock is free"));
    workload
}
