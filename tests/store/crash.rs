//! The sweep: a power cut at every operation, and what must be true afterwards.
//!
//! A workload runs once to count its operations. Then, for each of them, it runs again and is cut off there; what
//! survives is decided by several policies and seeds; and the container is opened, read, and worked with. The tests at
//! the end check the checker: each leaves one sync out and wants the sweep to notice.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use loosepack::{
    Compression, Config, Container, Dir as _, Durability, Error, File as _, ObjectId, Options, PackWriter, Result,
};

use crate::sim::{SimDir, Survival};
use crate::support::{Rng, clean, id, noise, pack, text};
use crate::watch::{Call, Verdict, Watch};

type Store = Container<Watch<SimDir>>;

/// What has been promised so far, and what may be found.
#[derive(Clone, Default)]
pub(crate) struct Known {
    /// The container was acknowledged.
    created: bool,
    /// Acknowledged objects.
    acked: BTreeMap<ObjectId, Vec<u8>>,
    /// All that were ever offered.
    offered: BTreeMap<ObjectId, Vec<u8>>,
}

impl Known {
    fn offer(&mut self, bytes: &[u8]) {
        self.offered.insert(id(bytes), bytes.into());
    }

    fn ack(&mut self, bytes: &[u8]) {
        self.offer(bytes);
        self.acked.insert(id(bytes), bytes.into());
    }
}

struct Workload {
    start: SimDir,
    /// The first operation to crash at.
    from: u64,
    known: Known,
    run: fn(&Watch<SimDir>, &mut Known) -> Result<()>,
}

/// Small packs, so that they roll over.
const CONFIG: Config = Config { pack_target: 700, compression_level: 1 };

fn options() -> Options {
    Options { holder: "the sweep".into(), ..Options::default() }
}

fn unflushed() -> Options {
    Options { durability: Durability::None, ..options() }
}

fn open(dir: &Watch<SimDir>) -> Result<Store> {
    Container::open(dir.clone(), options())
}

fn small(number: u64) -> Vec<u8> {
    if number % 3 == 0 { text(90 + 70 * number as usize, number) } else { noise(20 + 40 * number as usize, number) }
}

/// Policies and seeds; fewer where a check is dear.
fn survivals(seeds: u64) -> Vec<(Survival, u64)> {
    let mut all = vec![(Survival::Nothing, 0), (Survival::Everything, 0)];
    for seed in 0..seeds {
        all.extend([(Survival::Torn, seed), (Survival::Prefix, seed)]);
    }
    all
}

macro_rules! ensure {
    ($condition:expr, $($message:tt)*) => {
        if !$condition {
            return Err(format!($($message)*));
        }
    };
}

fn explain<T>(result: Result<T>, doing: &str) -> Result<T, String> {
    result.map_err(|error| format!("{doing}: {error} ({error:?})"))
}

/// Everything acknowledged reads right, and nothing reads wrong.
fn check_reads(store: &Store, known: &Known) -> Result<(), String> {
    for (id, bytes) in &known.offered {
        match store.get(id) {
            Ok(found) => ensure!(found == *bytes, "{id} reads wrong"),
            Err(Error::NotFound(_)) => ensure!(!known.acked.contains_key(id), "{id} was acknowledged and is gone"),
            Err(error) => return Err(format!("{id} does not read: {error}")),
        }
    }
    let acked: Vec<ObjectId> = known.acked.keys().copied().collect();
    let contained = explain(store.contains(&acked), "contains")?;
    ensure!(contained.iter().all(|present| *present), "contains denies an acknowledged object");
    Ok(())
}

/// All that is listed reads right, and all that was acknowledged is listed; returns how many that are.
fn check_list(store: &Store, known: &Known) -> Result<u64, String> {
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
        explain(store.get(id), "reading a listed object")?;
    }
    ensure!(known.acked.keys().all(|id| listed.binary_search(id).is_ok()), "an acknowledged object is not listed");
    Ok(listed.len() as u64)
}

/// Work with what a crash has left, as anyone would.
fn recover(dir: &Watch<SimDir>, known: &mut Known) -> Result<()> {
    let store = open(dir)?;
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
    let mut writer = PackWriter::open(&store, Compression::Never)?;
    writer.add(packed)?;
    writer.finish()?;
    known.ack(packed);
    Ok(())
}

/// What must hold of a directory after a crash. The directory is worked with.
fn check(image: &SimDir, known: &Known) -> Result<(), String> {
    let dir = Watch::new(image.clone());
    let store = match open(&dir) {
        Err(Error::NoContainer) if !known.created => return Ok(()),
        opened => explain(opened, "open")?,
    };
    check_reads(&store, known)?;
    check_list(&store, known)?;
    let mut known = known.clone();
    explain(recover(&dir, &mut known), "recovery")?;
    check_reads(&store, &known)?;
    let store = explain(open(&dir), "open after recovery")?;
    check_reads(&store, &known)?;
    let listed = check_list(&store, &known)?;
    let stats = explain(store.stats(), "stats")?;
    ensure!(stats.loose_objects == 0, "after pack and clean {} objects are loose", stats.loose_objects);
    ensure!(stats.packed_objects == listed, "stats counts {}, and {listed} are listed", stats.packed_objects);
    Ok(())
}

struct Swept {
    points: u64,
    images: u64,
}

/// Cut the workload off everywhere; the first broken promise is the error. `wrap` stands between store and disk.
fn sweep(workload: &Workload, seeds: u64, wrap: &dyn Fn(SimDir) -> Watch<SimDir>) -> Result<Swept, String> {
    let whole = workload.start.fork();
    whole.heal();
    explain((workload.run)(&wrap(whole.clone()), &mut workload.known.clone()), "the workload by itself")?;
    let count = whole.operations();
    let mut swept = Swept { points: 0, images: 0 };
    // One more than there are operations: the power cut right after the last acknowledgement.
    for point in workload.from..=count {
        let dir = workload.start.fork();
        dir.crash_at(point);
        let mut known = workload.known.clone();
        let result = (workload.run)(&wrap(dir.clone()), &mut known);
        // A crash in the last operation may go unnoticed: removing the packer's mark is not reported.
        if result.is_ok() && point + 1 < count {
            return Err(format!("a crash at operation {point} of {count} was not noticed"));
        }
        let at = || format!("crash point {point} of {count}, at {:?}", dir.hit());
        for (survival, seed) in survivals(seeds) {
            let image = dir.power_cut(survival, seed ^ point << 8);
            // The second crash is sampled: where the first one was rotates through the operations of the recovery.
            let again = seed == 0 && (point + survival as u64) % 4 == 0;
            let checked = if again { recover_twice(&image, &known, point) } else { Ok(()) };
            let checked = checked.and_then(|()| check(&image, &known));
            checked.map_err(|problem| format!("{}, {survival:?} seed {seed}: {problem}", at()))?;
            swept.images += 1;
        }
        check(&dir.kill(), &known).map_err(|problem| format!("{}, killed: {problem}", at()))?;
        swept.points += 1;
    }
    Ok(swept)
}

/// Crash again, somewhere within the recovery.
fn recover_twice(image: &SimDir, known: &Known, point: u64) -> Result<(), String> {
    let whole = image.fork();
    whole.heal();
    if let Err(error) = recover(&Watch::new(whole.clone()), &mut known.clone()) {
        let harmless = !known.created && error == Error::NoContainer;
        return if harmless { Ok(()) } else { Err(format!("recovery: {error}")) };
    }
    let mut rng = Rng::new(point);
    let dir = image.fork();
    dir.crash_at(rng.below(whole.operations()));
    let mut known = known.clone();
    let _ = recover(&Watch::new(dir.clone()), &mut known);
    for survival in [Survival::Nothing, Survival::Torn] {
        check(&dir.power_cut(survival, point), &known)
            .map_err(|problem| format!("second crash at {:?}, {survival:?}: {problem}", dir.hit()))?;
    }
    Ok(())
}

/// The workload survives every crash.
fn survives(workload: &Workload, seeds: u64) {
    match sweep(workload, seeds, &Watch::new) {
        Ok(swept) => {
            assert_ne!(swept.points, 0, "the sweep has something to sweep");
            println!("{} crash points, {} images", swept.points, swept.images);
        }
        Err(problem) => panic!("{problem}"),
    }
}

/// A sweep in which one sync is left out finds a broken promise.
fn is_noticed(workload: &Workload, left_out: impl Fn(&Syncs, Call, &str) -> bool + Copy + 'static) {
    let used = std::rc::Rc::new(Cell::new(0_u64));
    let counter = used.clone();
    let wrap = move |dir| {
        let syncs = Syncs::default();
        let counter = counter.clone();
        Watch::with(dir, move |call, path, bytes| {
            syncs.note(call, path, bytes);
            let skip = matches!(call, Call::Sync | Call::SyncDir) && left_out(&syncs, call, path);
            counter.set(counter.get() + u64::from(skip));
            if skip { Verdict::Pretend } else { Verdict::Pass }
        })
    };
    let swept = sweep(workload, 12, &wrap);
    assert_ne!(used.get(), 0, "there is such a sync to leave out");
    match swept {
        Ok(swept) => panic!("no promise broke at {} crash points: the sync is not needed, or not checked", swept.points),
        Err(problem) => println!("noticed: {problem}"),
    }
}

/// What is known of the syncs of a run.
#[derive(Default)]
struct Syncs {
    /// Start of what was last written to the log.
    last_line: RefCell<Vec<u8>>,
    /// Syncs of sandbox files so far, this one included.
    sandbox: Cell<u64>,
    /// Syncs of the container's own directory so far, this one included.
    root: Cell<u64>,
}

impl Syncs {
    fn note(&self, call: Call, path: &str, bytes: &[u8]) {
        match call {
            Call::Write if path.starts_with("index/log") => *self.last_line.borrow_mut() = bytes.into(),
            Call::Sync if path.starts_with("sandbox/") => self.sandbox.set(self.sandbox.get() + 1),
            Call::SyncDir if path == "." => self.root.set(self.root.get() + 1),
            _ => {}
        }
    }

    fn after_line(&self, start: &[u8]) -> bool {
        self.last_line.borrow().starts_with(start)
    }
}

/// What lines of the log start with.
const PUT: &[u8] = b"{\"put\"";
const COMMIT: &[u8] = b"{\"commit\"";

fn is_pack(path: &str) -> bool {
    path.starts_with("packs/")
}

fn is_log(path: &str) -> bool {
    path.starts_with("index/log")
}

fn empty() -> (SimDir, Known) {
    let dir = SimDir::new();
    Container::create(dir.clone(), CONFIG, options()).expect("a container can be made");
    (dir.power_cut(Survival::Everything, 0), Known { created: true, ..Known::default() })
}

/// A container with loose objects, some of them packed as well, and packed ones.
fn lived_in() -> (SimDir, Known) {
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
fn packed_unflushed() -> (SimDir, Known) {
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

fn add_some(dir: &Watch<SimDir>, known: &mut Known) -> Result<()> {
    let store = open(dir)?;
    // New ones, one twice, one that is loose and one that is packed already, one of no bytes.
    for content in [small(20), small(21), small(20), small(7), small(1), Vec::new()] {
        known.offer(&content);
        store.add(&content)?;
        known.ack(&content);
    }
    Ok(())
}

fn write_some(dir: &Watch<SimDir>, known: &mut Known) -> Result<()> {
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

fn write_packs(dir: &Watch<SimDir>, known: &mut Known) -> Result<()> {
    let store = open(dir)?;
    let mut writer = PackWriter::open(&store, Compression::Auto)?;
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

fn write_one_batch(dir: &Watch<SimDir>, known: &mut Known) -> Result<()> {
    let store = open(dir)?;
    let mut writer = PackWriter::open(&store, Compression::Never)?;
    let contents = [noise(100, 50), noise(1500, 51), noise(100, 52)];
    for content in &contents {
        known.offer(content);
        writer.add(content)?;
    }
    writer.finish()?;
    contents.iter().for_each(|content| known.ack(content));
    Ok(())
}

fn write_large(dir: &Watch<SimDir>, known: &mut Known) -> Result<()> {
    let store = open(dir)?;
    let mut writer = PackWriter::open(&store, Compression::Auto)?;
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

fn pack_and_clean(dir: &Watch<SimDir>, _known: &mut Known) -> Result<()> {
    let store = open(dir)?;
    pack(&store, Compression::Always)?;
    clean(&store)?;
    Ok(())
}

fn clean_only(dir: &Watch<SimDir>, _known: &mut Known) -> Result<()> {
    clean(&open(dir)?).map(drop)
}

fn create(dir: &Watch<SimDir>, known: &mut Known) -> Result<()> {
    let store = Container::create(dir.clone(), CONFIG, options())?;
    known.created = true;
    known.offer(b"the first");
    store.add(b"the first")?;
    known.ack(b"the first");
    Ok(())
}

fn unlock_and_pack(dir: &Watch<SimDir>, known: &mut Known) -> Result<()> {
    open(dir)?.force_unlock()?;
    write_packs(dir, known)?;
    pack_and_clean(dir, known)
}

type Start = fn() -> (SimDir, Known);

fn workload(start: Start, run: fn(&Watch<SimDir>, &mut Known) -> Result<()>) -> Workload {
    let (start, known) = start();
    Workload { start, from: 0, known, run }
}

fn nothing() -> (SimDir, Known) {
    (SimDir::new(), Known::default())
}

/// As a copy is that a tool made which knows no empty directories.
fn without_shards() -> (SimDir, Known) {
    let (dir, known) = empty();
    for shard in 0..=255 {
        dir.remove(&format!("loose/{shard:02x}"));
    }
    (dir, known)
}

/// The directory as a process leaves it that runs `work` and is killed before the first call that `at` picks.
fn killed(
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
fn packer_killed() -> (SimDir, Known) {
    let (dir, mut known) = lived_in();
    [70, 71].iter().for_each(|seed| known.offer(&noise(2000, *seed)));
    let work = |dir: &Watch<SimDir>| {
        let mut writer = PackWriter::open(&open(dir)?, Compression::Never)?;
        writer.add(&noise(2000, 70))?;
        writer.add(&noise(2000, 71))?;
        writer.finish()
    };
    (killed(&dir.without_locks(), work, |_, call, path| call == Call::Sync && path == "packs/2"), known)
}

/// The first packer ever was killed before it synced anything.
fn first_packer_killed() -> (SimDir, Known) {
    let (dir, mut known) = empty();
    known.offer(&noise(300, 80));
    let work = |dir: &Watch<SimDir>| {
        let mut writer = PackWriter::open(&open(dir)?, Compression::Never)?;
        writer.add(&noise(300, 80))?;
        writer.finish()
    };
    (killed(&dir, work, |_, call, path| call == Call::Sync && is_pack(path)), known)
}

/// All is packed and committed, only that the packer was killed before it synced its commit.
fn packer_killed_at_its_commit() -> (SimDir, Known) {
    let (dir, known) = lived_in();
    let work = |dir: &Watch<SimDir>| pack(&open(dir)?, Compression::Never).map(drop);
    (killed(&dir, work, |syncs, call, path| call == Call::Sync && is_log(path) && syncs.after_line(COMMIT)), known)
}

/// Cleaning after someone who packed and synced nothing. What such a one leaves does not survive a power cut, until
/// `clean` has synced it for him: hence the first crash point.
fn clean_the_unflushed() -> Workload {
    let mut workload = workload(packed_unflushed, clean_only);
    let dir = workload.start.fork();
    dir.heal();
    let cleaning = open(&Watch::new(dir.clone())).and_then(|store| loosepack::Clean::new(&store));
    workload.from = dir.operations();
    drop(cleaning.expect("the packer's place is free"));
    workload
}

#[test]
fn creating_a_container_survives_every_crash() {
    survives(&workload(nothing, create), 2);
}

#[test]
fn adding_survives_every_crash() {
    survives(&workload(lived_in, add_some), 3);
}

#[test]
fn adding_where_empty_directories_were_lost_survives_every_crash() {
    survives(&workload(without_shards, add_some), 2);
}

#[test]
fn incremental_writing_survives_every_crash() {
    survives(&workload(lived_in, write_some), 3);
}

#[test]
fn writing_to_packs_survives_every_crash() {
    survives(&workload(lived_in, write_packs), 4);
}

#[test]
fn writing_to_the_first_packs_survives_every_crash() {
    survives(&workload(empty, write_one_batch), 4);
}

#[test]
fn continuing_after_a_killed_packer_survives_every_crash() {
    survives(&workload(first_packer_killed, write_one_batch), 4);
}

#[test]
fn writing_large_objects_to_packs_survives_every_crash() {
    survives(&workload(empty, write_large), 1);
}

#[test]
fn packing_and_cleaning_survive_every_crash() {
    survives(&workload(lived_in, pack_and_clean), 2);
}

#[test]
fn cleaning_after_a_packer_that_did_not_flush_survives_every_crash() {
    survives(&clean_the_unflushed(), 2);
}

#[test]
fn cleaning_after_a_packer_killed_at_its_commit_survives_every_crash() {
    survives(&workload(packer_killed_at_its_commit, clean_only), 2);
}

#[test]
fn unlocking_after_a_killed_packer_survives_every_crash() {
    survives(&workload(packer_killed, unlock_and_pack), 2);
}

#[test]
fn short_reads_and_writes_survive_every_crash() {
    for seed in 0..3 {
        let mut all = workload(lived_in, |dir, known| {
            add_some(dir, known)?;
            write_packs(dir, known)
        });
        all.start = all.start.short(seed);
        survives(&all, 1);
    }
}

#[test]
fn leaving_out_the_sync_of_a_loose_file_is_noticed() {
    is_noticed(&workload(lived_in, add_some), |_, call, path| call == Call::Sync && path.starts_with("sandbox/"));
}

#[test]
fn leaving_out_the_sync_of_a_shard_is_noticed() {
    is_noticed(&workload(lived_in, add_some), |_, call, path| call == Call::SyncDir && path.starts_with("loose/"));
}

#[test]
fn leaving_out_the_sync_of_a_new_shard_is_noticed() {
    is_noticed(&workload(without_shards, add_some), |_, call, path| call == Call::SyncDir && path == "loose");
}

#[test]
fn leaving_out_the_sync_of_a_pack_is_noticed() {
    is_noticed(&workload(lived_in, write_packs), |_, call, path| call == Call::Sync && is_pack(path));
}

#[test]
fn leaving_out_the_sync_of_a_full_pack_is_noticed() {
    is_noticed(&workload(empty, write_one_batch), |_, call, path| call == Call::Sync && path == "packs/0");
}

#[test]
fn leaving_out_the_sync_of_the_directory_of_packs_is_noticed() {
    is_noticed(&workload(empty, write_one_batch), |_, call, path| call == Call::SyncDir && path == "packs");
}

#[test]
fn leaving_out_the_sync_of_the_directory_of_packs_after_a_kill_is_noticed() {
    is_noticed(&workload(first_packer_killed, write_one_batch), |_, call, path| {
        call == Call::SyncDir && path == "packs"
    });
}

#[test]
fn leaving_out_the_sync_of_a_batch_is_noticed() {
    is_noticed(&workload(lived_in, write_packs), |syncs, _, path| is_log(path) && syncs.after_line(PUT));
}

#[test]
fn leaving_out_the_sync_of_a_commit_is_noticed() {
    is_noticed(&workload(lived_in, write_packs), |syncs, _, path| is_log(path) && syncs.after_line(COMMIT));
}

#[test]
fn leaving_out_the_sync_of_packs_before_cleaning_is_noticed() {
    is_noticed(&clean_the_unflushed(), |_, call, path| call == Call::Sync && is_pack(path));
}

#[test]
fn leaving_out_the_sync_of_the_directory_of_packs_before_cleaning_is_noticed() {
    is_noticed(&clean_the_unflushed(), |_, call, path| call == Call::SyncDir && path == "packs");
}

#[test]
fn leaving_out_the_sync_of_the_log_before_cleaning_is_noticed() {
    is_noticed(&workload(packer_killed_at_its_commit, clean_only), |_, call, path| call == Call::Sync && is_log(path));
}

#[test]
fn leaving_out_the_sync_of_a_new_manifest_is_noticed() {
    is_noticed(&workload(nothing, create), |syncs, call, path| {
        call == Call::Sync && path.starts_with("sandbox/") && syncs.sandbox.get() == 1
    });
}

#[test]
fn leaving_out_the_sync_of_a_new_container_file_is_noticed() {
    is_noticed(&workload(nothing, create), |syncs, call, path| {
        call == Call::Sync && path.starts_with("sandbox/") && syncs.sandbox.get() == 2
    });
}

#[test]
fn leaving_out_the_sync_of_a_new_index_directory_is_noticed() {
    is_noticed(&workload(nothing, create), |_, call, path| call == Call::SyncDir && path == "index");
}

#[test]
fn leaving_out_the_sync_of_new_shards_is_noticed() {
    is_noticed(&workload(nothing, create), |_, call, path| call == Call::SyncDir && path == "loose");
}

#[test]
fn leaving_out_the_first_sync_of_a_new_container_is_noticed() {
    is_noticed(&workload(nothing, create), |syncs, call, path| {
        call == Call::SyncDir && path == "." && syncs.root.get() == 1
    });
}

#[test]
fn leaving_out_the_last_sync_of_a_new_container_is_noticed() {
    is_noticed(&workload(nothing, create), |syncs, call, path| {
        call == Call::SyncDir && path == "." && syncs.root.get() == 2
    });
}
