//! Collecting garbage: what no list names goes, and what is added meanwhile stays.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use loosepack::{
    Compression, Config, Container, Error, GcOptions, Job as _, KeepList, ObjectId, Options, Part, Tuning,
};

use crate::sim::SimDir;
use crate::support::{clean, create, folding, id, noise, open, options, pack, run, tiny, verify, with_tuning};
use crate::watch::{Verdict, Watch};

/// A day, in nanoseconds.
const DAY: u64 = 24 * 3600 * 1_000_000_000;

fn content(number: u64) -> Vec<u8> {
    noise(10 + number as usize % 90, number)
}

fn ids(numbers: impl Iterator<Item = u64>) -> Vec<ObjectId> {
    numbers.map(|number| id(&content(number))).collect()
}

/// Objects 0 to 39, of which the first half is packed, a quarter is packed and loose, and a quarter loose.
fn lived_in() -> SimDir {
    let dir = SimDir::new();
    let config = Config { pack_target: 600, ..Config::default() };
    let store = Container::create(dir.clone(), config, options()).unwrap();
    for number in 0..30 {
        store.add(&content(number)).unwrap();
        if number == 19 {
            pack(&store, Compression::Never).unwrap();
            clean(&store).unwrap();
        }
    }
    pack(&store, Compression::Never).unwrap();
    for number in 30..40 {
        store.add(&content(number)).unwrap();
    }
    dir.advance(DAY);
    dir
}

/// Collects; returns the objects deleted and their bytes. There must be no damage.
fn gc<D: loosepack::Dir + 'static>(store: &Container<D>, keep: &[ObjectId], options: GcOptions) -> (u64, u64) {
    let (progress, problems) = run(store.gc(keep.iter().copied().collect(), options).unwrap()).unwrap();
    assert_eq!((problems, progress.done), (vec![], progress.total));
    (progress.objects, progress.bytes)
}

#[test]
fn what_is_not_named_is_deleted() {
    for tuning in [Tuning::default(), tiny()] {
        with_tuning(tuning, || {
            let dir = lived_in();
            let keep = ids((0..40).filter(|number| number % 3 == 0).chain([77]));
            let (gone, bytes) = (0..40)
                .filter(|number| number % 3 != 0)
                .fold((0, 0), |(count, bytes), number| (count + 1, bytes + content(number).len() as u64));
            let before = dir.files().len();
            let dry = GcOptions { dry_run: true, ..GcOptions::default() };
            assert_eq!(gc(&open(dir.clone()), &keep, dry), (gone, bytes));
            assert_eq!(dir.files().len(), before);
            let store = open(dir.clone());
            assert_eq!(gc(&store, &keep, GcOptions::default()), (gone, bytes));
            for number in 0..40 {
                let found = store.get(&id(&content(number)));
                if number % 3 == 0 {
                    assert_eq!(found, Ok(content(number)));
                } else {
                    assert_eq!(found, Err(Error::NotFound(id(&content(number)))));
                }
            }
            assert_eq!(verify(&store, Part::default()).1, []);
            assert_eq!(gc(&store, &keep, GcOptions::default()), (0, 0));
            // What is deleted can be added again, and is not written again the next time.
            assert_eq!(store.add(&content(1)), Ok(id(&content(1))));
            let files = dir.files();
            store.add(&content(1)).unwrap();
            assert_eq!(dir.files(), files);
            assert_eq!(store.get(&id(&content(1))), Ok(content(1)));
        });
    }
}

#[test]
fn an_empty_list_deletes_everything() {
    let dir = lived_in();
    assert_eq!(gc(&open(dir.clone()), &[], GcOptions::default()).0, 40);
    assert_eq!(open(dir).objects(None, 100).unwrap(), []);
}

#[test]
fn young_objects_are_spared() {
    let dir = lived_in();
    let store = open(dir.clone());
    store.add(&content(50)).unwrap();
    dir.advance(DAY / 24);
    store.add(&content(51)).unwrap();
    dir.advance(DAY / 24);
    store.add(&content(52)).unwrap();
    // The last one was added in this very moment.
    let grace = GcOptions { grace: Duration::from_secs(90 * 60), ..GcOptions::default() };
    assert_eq!(gc(&store, &[], grace).0, 41);
    assert_eq!(store.contains(&ids(50..53)).unwrap(), [false, true, true]);
    assert_eq!(gc(&store, &[], GcOptions::default()).0, 1);
    dir.advance(DAY);
    assert_eq!(gc(&store, &[], GcOptions { grace: Duration::MAX, ..GcOptions::default() }).0, 0);
    assert_eq!(gc(&store, &[], GcOptions::default()).0, 1);
}

/// A collection runs with this at work before one of its operations, and then before the next, and so on.
fn meanwhile(other: fn(&SimDir), check: impl Fn(&SimDir)) {
    let run = |interrupted_at: Option<u64>| {
        let inner = lived_in();
        let counter = Rc::new(Cell::new(0));
        let (count, dir) = (counter.clone(), inner.clone());
        let watched = Watch::with(inner.clone(), move |_, _, _| {
            let now = count.get();
            count.set(now + 1);
            if interrupted_at == Some(now) {
                other(&dir);
            }
            Verdict::Pass
        });
        let store = Container::open(watched, options()).unwrap();
        // From here on the collection is at work.
        let mut job = store.gc(KeepList::default(), GcOptions::default()).unwrap();
        let first = counter.get();
        job.finish().unwrap();
        (inner, first, counter.get())
    };
    let (_, first, count) = run(None);
    assert!(count > first + 100);
    for moment in first..count {
        let dir = run(Some(moment)).0;
        check(&dir);
        assert_eq!(verify(&open(dir), Part::default()).1, [], "at operation {moment}");
    }
}

/// One object of each kind, and one that did not exist.
const ADDED: [u64; 4] = [3, 25, 35, 60];

fn are_there(dir: &SimDir) {
    let store = open(dir.clone());
    for number in ADDED {
        assert_eq!(store.get(&id(&content(number))), Ok(content(number)), "{number}");
    }
}

#[test]
fn what_is_added_while_it_runs_stays() {
    meanwhile(
        |dir| ADDED.iter().for_each(|number| assert!(open(dir.clone()).add(&content(*number)).is_ok())),
        are_there,
    );
}

#[test]
fn what_is_written_piece_by_piece_while_it_runs_stays() {
    let write = |dir: &SimDir| {
        for number in ADDED {
            let mut writer = open(dir.clone()).writer().unwrap();
            writer.write(&content(number)).unwrap();
            writer.finish().unwrap();
        }
    };
    meanwhile(write, are_there);
}

#[test]
fn what_is_added_in_a_batch_while_it_runs_stays() {
    let add = |dir: &SimDir| {
        open(dir.clone()).add_many(&ADDED.map(content)).unwrap();
    };
    meanwhile(add, are_there);
}

/// Whoever had looked before the collection started is told when it counts.
#[test]
fn a_batch_that_was_begun_before_a_collection_restores_what_went() {
    for others in [false, true] {
        let dir = lived_in();
        let store = open(dir.clone());
        let mut batch = store.batch().unwrap();
        // Packed, and new.
        for number in [3, 60] {
            batch.add(&content(number)).unwrap();
        }
        if others {
            // Loose: it goes with its bytes.
            batch.add(&content(35)).unwrap();
        }
        assert_eq!(gc(&open(dir.clone()), &[], GcOptions::default()).0, 40);
        let committed = batch.commit();
        if others {
            let Err(Error::Other(problem)) = committed else { panic!("{committed:?}") };
            assert!(problem.contains(&id(&content(35)).to_string()), "{problem}");
        } else {
            committed.unwrap();
            for number in [3, 60] {
                assert_eq!(open(dir.clone()).get(&id(&content(number))), Ok(content(number)));
            }
        }
    }
}

#[test]
fn a_collection_that_was_killed_is_ended_by_the_next_packer() {
    let start = lived_in();
    let re_add = |dir: &SimDir| Container::open(dir.clone(), options())?.add(&content(35)).map(drop);
    let work = |dir: &SimDir| -> Result<(), Error> {
        let store = Container::open(dir.clone(), options())?;
        let mut job = store.gc(KeepList::default(), GcOptions::default())?;
        for _ in 0..300 {
            job.step()?;
        }
        // Written anew while the collection is at work.
        re_add(dir)?;
        job.finish().map(drop)
    };
    let whole = start.fork();
    work(&whole).unwrap();
    let mut restored = 0;
    for point in 0..whole.operations() {
        let dir = start.fork();
        dir.crash_at(point);
        if work(&dir).is_ok() {
            continue;
        }
        let dir = dir.kill();
        // Whatever it had moved away is put back.
        let moved = dir.files().iter().filter(|path| path.starts_with("incoming/gc-")).count();
        restored += moved;
        let store = open(dir.clone());
        clean(&store).unwrap();
        assert!(!dir.files().iter().any(|path| path.starts_with("incoming/gc-")));
        let counts = dir.files().iter().any(|path| path == "lock/gc");
        assert!(!counts || dir.bytes("lock/gc").len().is_multiple_of(2), "no collection is at work");
        assert_eq!(verify(&store, Part::default()).1, []);
    }
    assert!(restored > 0, "one was killed with an object in its hands");
}

#[test]
fn folded_and_locked_as_deleting_is() {
    let dir = lived_in();
    let store = Container::open(dir.clone(), Options { tuning: folding(2), ..options() }).unwrap();
    let writer = store.pack_writer(Compression::Never).unwrap();
    assert!(matches!(store.gc(KeepList::default(), GcOptions::default()), Err(Error::Locked(_))));
    assert_eq!(gc(&store, &[], GcOptions { dry_run: true, ..GcOptions::default() }).0, 40);
    drop(writer);
    let keep = ids(10..20);
    assert_eq!(gc(&store, &keep, GcOptions::default()).0, 30);
    let mut sorted = keep;
    sorted.sort_unstable();
    assert_eq!(open(dir).objects(None, 100).unwrap(), sorted);
}

#[test]
fn packing_and_cleaning_at_once_needs_room_for_a_batch() {
    for tuning in [Tuning::default(), tiny()] {
        with_tuning(tuning, || {
            let dir = SimDir::new();
            let store = create(dir.clone());
            let contents: Vec<Vec<u8>> = (0..60).map(|seed| noise(100, seed)).collect();
            contents.iter().for_each(|content| assert!(store.add(content).is_ok()));
            pack(&store, Compression::Never).unwrap();
            for seed in 60..70 {
                store.add(&noise(100, seed)).unwrap();
            }
            let mut job = store.pack_and_clean(Compression::Auto).unwrap();
            let mut most = 0;
            let progress = loop {
                let progress = job.step().unwrap();
                assert_eq!(progress.problems, []);
                let stats = open(dir.clone()).stats().unwrap();
                most = most.max(stats.loose_objects + stats.packed_objects);
                if progress.finished {
                    break progress;
                }
            };
            drop(job);
            assert_eq!(progress.objects, 10);
            let stats = store.stats().unwrap();
            assert_eq!((stats.loose_objects, stats.packed_objects), (0, 70));
            if tuning == tiny() {
                assert!(most <= 130, "{most}: loose files go as they are packed");
            }
            for seed in 0..70 {
                assert_eq!(store.get(&id(&noise(100, seed))), Ok(noise(100, seed)));
            }
        });
    }
}

#[test]
fn packing_and_cleaning_at_once_leaves_what_is_damaged() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let ids: Vec<ObjectId> = (0..20).map(|seed| store.add(&noise(100, seed)).unwrap()).collect();
    let path = format!("loose/{}/{}", &ids[3].to_string()[..2], &ids[3].to_string()[2..]);
    dir.put(&path, b"damaged");
    let (progress, problems) = run(store.pack_and_clean(Compression::Never).unwrap()).unwrap();
    assert_eq!((progress.objects, problems.len()), (19, 1));
    assert_eq!(store.stats().unwrap().loose_objects, 1);
    assert_eq!(dir.bytes(&path), b"damaged");
}
