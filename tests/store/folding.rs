//! Folding: in memory that does not grow with the runs, the same bytes in whatever sizes, and no damage taken over.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use loosepack::{Compression, Config, Container, Error, ObjectId, Options, Part, Stats, Tuning};

use crate::crafted::filters_length;
use crate::sim::SimDir;
use crate::support::{create, id, open, run, tiny, verify, with_tuning};
use crate::watch::{Call, Verdict, Watch};
use crate::workloads::several_runs;

fn contents(numbers: std::ops::Range<u32>) -> Vec<Vec<u8>> {
    numbers.map(|number| number.to_le_bytes().to_vec()).collect()
}

/// Each batch becomes a run, or part of one.
fn folding(tuning: Tuning) -> Options {
    Options { tuning: Tuning { log_entries: 1, ..tuning }, ..Options::default() }
}

fn add<D: loosepack::Dir>(dir: D, options: &Options, numbers: std::ops::Range<u32>) -> loosepack::Result<()> {
    let mut writer = Container::open(dir, options.clone())?.pack_writer(Compression::Never)?;
    writer.add_many(&contents(numbers))?;
    writer.finish()
}

fn files(dir: &SimDir, start: &str) -> BTreeMap<String, Vec<u8>> {
    let paths = dir.files().into_iter().filter(|path| path.starts_with(start));
    paths.map(|path| (path.clone(), dir.bytes(&path))).collect()
}

#[test]
fn a_run_is_the_same_however_the_lines_behind_its_entries_were_gathered() {
    let usual = Tuning::default();
    let mut runs = Vec::new();
    for tuning in [
        usual,
        Tuning { list_bytes: 0, ..usual },
        Tuning { list_bytes: 38, chunk: 1, ..usual },
        Tuning { list_bytes: 60, chunk: 10, fences: 0, cold_fences: 3, ..usual },
        Tuning { list_bytes: 500, chunk: 3000, ..usual },
    ] {
        let dir = SimDir::new();
        create(dir.clone());
        for numbers in [0..700, 600..1300, 1000..1064] {
            add(dir.clone(), &folding(tuning), numbers).unwrap();
        }
        assert_eq!(files(&dir, "incoming/"), BTreeMap::new(), "nothing is left with {tuning:?}");
        let (_, problems, _) = verify(&Container::open(dir.clone(), folding(tuning)).unwrap(), Part::default());
        assert_eq!(problems, []);
        runs.push(files(&dir, "index/run-"));
    }
    assert!(runs[0].values().next().unwrap().len() > 100_000);
    runs.iter().for_each(|other| assert!(*other == runs[0]));
}

#[test]
fn folding_verifying_and_rebuilding_move_little_at_once() {
    let dir = SimDir::new();
    // The most bytes of one read or write of a file of the index or in `incoming`.
    let most = Rc::new(RefCell::new((0, String::new())));
    let log = most.clone();
    let watch = Watch::with(dir.clone(), move |call, path, bytes| {
        let index = path.starts_with("index/") || path.starts_with("incoming/");
        if index && matches!(call, Call::Read | Call::Write) && bytes.len() > log.borrow().0 {
            *log.borrow_mut() = (bytes.len(), format!("{call:?} of {path}"));
        }
        Verdict::Pass
    });
    let small = Tuning {
        chunk: 1000,
        list_bytes: 1000,
        fences: 100,
        step_objects: 50,
        step_entries: 50,
        remembered: 50,
        ..Tuning::default()
    };
    let options = folding(small);
    Container::create(watch.clone(), Config::default(), options.clone()).unwrap();
    add(watch.clone(), &options, 0..24_000).unwrap();
    add(watch.clone(), &options, 24_000..48_000).unwrap();
    let store = Container::open(watch.clone(), options).unwrap();
    let (_, problems, _) = verify(&store, Part::default());
    assert_eq!(problems, []);
    let (_, problems) = run(store.reindex().unwrap()).unwrap();
    assert_eq!(problems, []);
    assert_eq!(store.stats().unwrap().packed_objects, 48_000);
    // All fences have 20 KB. Two blocks, which are read for an id that one of them starts with, have less than 16.
    let (bytes, call) = most.take();
    assert!(bytes < 16_000, "{call}: {bytes} bytes");
}

#[test]
fn a_fold_takes_over_no_damage() {
    let fresh = SimDir::new();
    create(fresh.clone());
    let options = folding(Tuning { cold_fences: 3, list_bytes: 40, chunk: 8000, ..Tuning::default() });
    add(fresh.clone(), &options, 0..300).unwrap();
    let (path, sound) = files(&fresh, "index/run-").pop_first().unwrap();
    let lines_end = sound.len() - (5 * 27 + 14) - filters_length(5);
    let lines = (256..lines_end).step_by(101);
    let mut at_the_end = 0;
    for at in (0..256).chain(lines_end..sound.len() - filters_length(5)).chain(lines) {
        for change in [1, 2] {
            let (dir, mut bytes) = (fresh.fork(), sound.clone());
            bytes[at] ^= change;
            dir.put(&path, &bytes);
            let before = (files(&dir, "index/"), files(&dir, "container.json"));
            // More than half of the run: it is merged.
            let failed = add(dir.clone(), &options, 1000..1200).expect_err("a byte is wrong");
            match &failed {
                Error::Corrupt(damage) => assert!(damage.file.starts_with(&path), "byte {at}: {failed}"),
                _ => panic!("byte {at}: {failed}"),
            }
            at_the_end += u64::from(failed.to_string().contains("the line of its"));
            let manifest = |files: &BTreeMap<String, Vec<u8>>| files["index/manifest.json"].clone();
            assert_eq!(manifest(&files(&dir, "index/")), manifest(&before.0), "byte {at}: nothing is published");
            assert_eq!(dir.bytes(&path), bytes, "byte {at}: the run is still there");
            assert_eq!(files(&dir, "incoming/"), BTreeMap::new(), "byte {at}: nothing is left");
        }
    }
    assert!(at_the_end > 50, "{at_the_end} were found by the checksums of the lines behind the entries");
    // Filters are made anew: damaged ones do no harm.
    for at in (sound.len() - filters_length(5)..sound.len()).step_by(7) {
        let (dir, mut bytes) = (fresh.fork(), sound.clone());
        bytes[at] ^= 1;
        dir.put(&path, &bytes);
        add(dir.clone(), &options, 1000..1200).unwrap();
        let (_, problems, _) = verify(&Container::open(dir, options.clone()).unwrap(), Part::default());
        assert_eq!(problems, [], "byte {at}");
    }
}

#[test]
fn fences_that_were_altered_while_a_run_was_written_are_not_published() {
    let dir = SimDir::new();
    create(dir.clone());
    let other = dir.clone();
    let watch = Watch::with(dir.clone(), move |call, path, _| {
        // Cut before it is copied.
        if call == Call::Read && path.starts_with("incoming/") {
            other.put(path, b"{\"fences\":[");
        }
        Verdict::Pass
    });
    let failed = with_tuning(Tuning::default(), || {
        add(watch, &folding(Tuning { list_bytes: 40, ..Tuning::default() }), 0..1000).expect_err("a file was altered")
    });
    assert!(matches!(&failed, Error::Corrupt(damage) if damage.file.starts_with("incoming/")), "{failed}");
    assert!(!dir.bytes("index/manifest.json").windows(10).any(|part| part == b"\"runs\":[1]"));
    assert_eq!(files(&dir, "incoming/"), BTreeMap::new());
}

#[test]
fn the_job_merges_everything_into_one_run() {
    for tuning in [Tuning::default(), tiny()] {
        with_tuning(tuning, || {
            let (dir, known) = several_runs();
            assert!(files(&dir, "index/run-").len() > 1);
            assert!(files(&dir, "index/log-").values().all(|log| !log.is_empty()));
            let ids: Vec<ObjectId> = known.acked.keys().chain(&known.deleted).copied().collect();
            let answers = |store: &Container<SimDir>| {
                let infos: Vec<_> = ids.iter().map(|id| store.info(id)).collect();
                // Fewer files have fewer first lines.
                let stats = Stats { index_size: 0, ..store.stats().unwrap() };
                (infos, store.contains(&ids), store.objects(None, usize::MAX), stats)
            };
            // It has the old files open.
            let (store, reader) = (open(dir.clone()), open(dir.clone()));
            let before = answers(&reader);
            let (progress, problems) = run(store.fold().unwrap()).unwrap();
            assert_eq!((progress.done, progress.total, problems), (1, 1, Vec::new()));
            assert_eq!(progress.objects, before.3.packed_objects);
            let once = files(&dir, "index/");
            assert_eq!(files(&dir, "index/run-").len(), 1);
            assert!(files(&dir, "index/log-").values().all(Vec::is_empty));
            for store in [&store, &reader, &open(dir.clone())] {
                assert!(answers(store) == before);
                known.acked.iter().for_each(|(id, bytes)| assert_eq!(store.get(id).as_ref(), Ok(bytes)));
                assert_eq!(verify(store, Part::default()).1, []);
            }
            run(store.fold().unwrap()).unwrap();
            assert_eq!(files(&dir, "index/"), once, "there is nothing to merge any more");
            // The run still has the deletions: the records are in the packs.
            run(store.reindex().unwrap()).unwrap();
            let gone: Vec<ObjectId> = known.deleted.iter().copied().collect();
            assert_eq!(open(dir.clone()).contains(&gone).unwrap(), vec![false; gone.len()]);
        });
    }
}

#[test]
fn the_job_takes_the_pack_lock_and_makes_a_run_of_a_log_alone() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    run(store.fold().unwrap()).unwrap();
    assert_eq!(files(&dir, "index/run-").len(), 0, "there is nothing to merge");
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    assert!(matches!(store.fold().err(), Some(Error::Locked(_))));
    writer.add(b"packed").unwrap();
    writer.finish().unwrap();
    run(store.fold().unwrap()).unwrap();
    assert_eq!(files(&dir, "index/run-").len(), 1);
    assert_eq!(open(dir).get(&id(b"packed")).as_deref(), Ok(b"packed".as_slice()));
}
