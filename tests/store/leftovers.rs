//! Leftovers of interrupted work.

use loosepack::{Code, Compression, Config, Container, Error, Job as _, Part};

use crate::sim::SimDir;
use crate::support::{clean, create, id, noise, open, options, pack, tiny, verify, with_tuning};
use crate::watch::{Call, Verdict, Watch};

/// The packs that have anything in them.
fn packs(dir: &SimDir) -> Vec<(String, Vec<u8>)> {
    let paths = dir.files().into_iter().filter(|path| path.starts_with("packs/"));
    paths.map(|path| (path.clone(), dir.bytes(&path))).filter(|(_, bytes)| !bytes.is_empty()).collect()
}

/// Two packs, the last of which is not full.
fn two_packs() -> SimDir {
    let dir = SimDir::new();
    let config = Config { pack_target: 500, ..Config::default() };
    let store = Container::create(dir.clone(), config, options()).unwrap();
    for seed in 0..2 {
        let mut writer = store.pack_writer(Compression::Never).unwrap();
        writer.add(&noise(450, seed)).unwrap();
        writer.finish().unwrap();
    }
    dir
}

fn write(dir: &SimDir) -> Result<(), Error> {
    let mut writer = Container::open(dir.clone(), options())?.pack_writer(Compression::Never)?;
    for seed in 10..15 {
        writer.add(&noise(300, seed))?;
    }
    writer.add_source(&mut &noise((1 << 20) + 5, 20)[..])?;
    writer.finish()
}

/// A pack that failed for want of room left 50 MB in the container on the full disk, and `clean` did not remove them.
#[test]
fn a_packer_that_fails_cuts_off_what_it_appended() {
    for code in [Code::NoSpace, Code::Io] {
        let start = two_packs();
        let mut failures = 0;
        for point in 0.. {
            let dir = start.fork();
            dir.fail_at(point, code);
            let failed = write(&dir);
            let Some((operation, path)) = dir.hit() else { break };
            if failed.is_err() && path.starts_with("packs/") {
                failures += 1;
                assert!(packs(&dir) == packs(&start), "{operation} of {path} failed with {code:?}");
            }
        }
        assert!(failures > 5, "{failures} failures");
    }
}

#[test]
fn a_pack_writer_that_is_given_up_leaves_nothing() {
    let start = two_packs();
    for tuning in [options().tuning, tiny()] {
        let dir = start.fork();
        with_tuning(tuning, || {
            let mut writer = open(dir.clone()).pack_writer(Compression::Never).unwrap();
            (0..3).for_each(|seed| assert!(writer.add(&noise(900_000, seed)).is_ok()));
            writer.commit().unwrap();
            let kept = packs(&dir);
            writer.add_source(&mut &noise((1 << 20) + 5, 20)[..]).unwrap();
            if tuning.commit_objects > 1 && tuning.commit_bytes > 1 << 21 {
                drop(writer);
                assert!(packs(&dir) == kept);
            }
        });
        assert_eq!(verify(&open(dir), Part::default()).2, []);
    }
}

#[test]
fn a_pack_job_that_is_given_up_leaves_nothing() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    (0..50).for_each(|seed| assert!(store.add(&noise(300, seed)).is_ok()));
    with_tuning(loosepack::Tuning { step_objects: 30, gather_objects: 1, pack_buffer: 1, ..options().tuning }, || {
        let mut job = open(dir.clone()).pack_loose(Compression::Never).unwrap();
        while packs(&dir).iter().all(|(_, bytes)| bytes.is_empty()) {
            assert!(!job.step().unwrap().finished);
        }
    });
    assert_eq!(packs(&dir), []);
    assert_eq!(verify(&open(dir), Part::default()).2, []);
}

/// A second packer that cannot see the cleaner might be at work. So cleaning, which needs no lock file, changes nothing
/// in the index.
#[test]
fn cleaning_without_a_mark_writes_nothing_but_removes() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    store.add(&noise(40, 1)).unwrap();
    assert_eq!(pack(&store, Compression::Never), Ok(vec![]));
    // As a packer leaves them in the middle of its work.
    dir.put("index/log-0.jsonl", &[dir.bytes("index/log-0.jsonl"), b"{\"put\":\"".to_vec()].concat());
    dir.put("index/run-7.jsonl", b"being written");
    let before: Vec<Vec<u8>> = ["index/log-0.jsonl", "index/run-7.jsonl"].map(|path| dir.bytes(path)).into();
    let watched = Watch::with(dir.clone(), |call, path, _| {
        assert!(!call.mutates() || !path.starts_with("index/") || matches!(call, Call::Sync | Call::SyncDir));
        Verdict::Pass
    });
    assert_eq!(clean(&open(watched)), Ok(1));
    assert_eq!(["index/log-0.jsonl", "index/run-7.jsonl"].map(|path| dir.bytes(path)).to_vec(), before);
}

/// Appending needs a lock file, or a packer whose host has no locks would work at the same time.
#[test]
fn packing_needs_room_for_a_mark() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    dir.full_from(1);
    let refused = store.pack_writer(Compression::Never).err();
    assert!(matches!(&refused, Some(Error::Io(failure)) if failure.code == Code::NoSpace), "{refused:?}");
    dir.full_from(1);
    assert!(store.clean().is_ok());
}

/// Its text tells a person who it is that works, or was killed.
#[test]
fn a_mark_without_locks_has_its_text() {
    let dir = SimDir::new().without_locks();
    create(dir.clone());
    let mut failed = Vec::new();
    for point in 0.. {
        let store = open(dir.clone()); // a handle that failed once may do less
        dir.fail_at(point, Code::NoSpace);
        let refused = store.clean().err();
        let Some((operation, path)) = dir.hit() else { break };
        if path == "lock/pack.file.json" && operation != "metadata" {
            assert!(matches!(refused, Some(Error::Io(_))) || operation == "remove_file", "{operation}: {refused:?}");
            failed.push(operation);
        }
        dir.heal();
        drop(store);
        let stays = dir.files().iter().any(|path| path == "lock/pack.file.json");
        assert_eq!(stays, operation == "remove_file", "after {operation} of {path}");
    }
    assert_eq!(failed, ["create_new", "set_len", "write_at", "remove_file"]);
}

#[test]
fn unlocking_without_a_directory_of_locks_finds_no_mark() {
    for locks in [true, false] {
        let dir = if locks { SimDir::new() } else { SimDir::new().without_locks() };
        let store = create(dir.clone());
        dir.remove("lock");
        assert_eq!(store.force_unlock(), Ok(None));
        let added = store.add(b"and all is well").unwrap();
        assert_eq!(added, id(b"and all is well"));
    }
}

/// A container that lost its `container.json`, or what else there is, is nobody's to make a new one of.
#[test]
fn only_what_an_interrupted_init_leaves_is_made_a_container() {
    let made = SimDir::new();
    create(made.clone());
    made.remove("container.json");
    let create = |dir: &SimDir| Container::create(dir.clone(), Config::default(), options()).map(drop);
    assert_eq!(create(&made.fork()), Ok(()));
    assert!(matches!(
        create(&{
            let dir = made.fork();
            create(&dir).unwrap();
            dir
        }),
        Err(Error::AlreadyExists(_))
    ));
    let object = format!("loose/ab/{}", "0".repeat(62));
    let things: [(&str, &[u8]); 10] = [
        (&object, b"object"),
        ("loose/ab/notes.txt", b"mine"),
        ("loose/notes.txt", b"mine"),
        ("packs/0", b"record"),
        ("packs/0", b""),
        ("index/run-0.jsonl", b"{}"),
        ("index/log-0.jsonl", b"{\"put\""),
        ("incoming/mine", b"mine"),
        ("incoming/container", b"mine"),
        ("notes.txt", b"mine"),
    ];
    for (path, bytes) in things {
        let dir = made.fork();
        dir.put(path, bytes);
        let before = dir.files();
        let refused = create(&dir);
        assert!(matches!(&refused, Err(Error::AlreadyExists(text)) if text.contains(path)), "{path}: {refused:?}");
        assert_eq!(dir.files(), before, "{path}: nothing is touched");
    }
}

/// A file written with a clock that was wrong by years stayed for years, unreported.
#[test]
fn unfinished_files_are_told_of_and_removed_when_nobody_can_be_writing_them() {
    const DAY: u64 = 24 * 3600 * 1_000_000_000;
    let dir = SimDir::new();
    let store = create(dir.clone());
    dir.advance(2 * DAY);
    dir.put("incoming/0123456789abcdef-0", b"written with a wrong clock");
    dir.set_back(2 * DAY);
    dir.put("incoming/0123456789abcdef-1", b"being written");
    let stats = store.stats().unwrap();
    assert_eq!((stats.unfinished, stats.unfinished_size), (2, 39));
    let mut job = store.clean().unwrap();
    let mut notes = Vec::new();
    loop {
        let progress = job.step().unwrap();
        notes.extend(progress.notes);
        if progress.finished {
            break;
        }
    }
    assert!(notes.len() == 1 && notes[0].message.starts_with("1 files of 13 bytes"), "{notes:?}");
    assert_eq!(store.stats().map(|stats| stats.unfinished), Ok(1));
    dir.advance(2 * DAY);
    assert_eq!(clean(&store), Ok(0));
    assert_eq!(store.stats().map(|stats| stats.unfinished), Ok(0));
}
