//! Missing things: directories that a copy has lost, room on the disk for a lock file.

use loosepack::{Code, Compression, Container, Options, Part};

use crate::sim::{SimDir, Survival};
use crate::support::{clean, create, noise, open, pack, verify};

/// A copy by a tool that knows no empty directories: git, or one for object storage.
fn without_empty_directories(dir: &SimDir) {
    let files = dir.files();
    for shard in 0..=255 {
        let shard = format!("loose/{shard:02x}");
        if !files.iter().any(|file| file.starts_with(&shard)) {
            dir.remove(&shard);
        }
    }
    for path in ["loose", "incoming", "packs", "lock"] {
        if !files.iter().any(|file| file.starts_with(&format!("{path}/"))) {
            dir.remove(path);
        }
    }
}

#[test]
fn a_copy_without_empty_directories_is_worked_with() {
    for (loose, packed) in [(false, false), (true, false), (false, true), (true, true)] {
        for locks in [true, false] {
            let dir = SimDir::new();
            let store = create(dir.clone());
            if packed {
                let mut writer = store.pack_writer(Compression::Never).expect("nobody else packs");
                writer.add(&noise(40, 1)).expect("it can be added");
                writer.finish().expect("and committed");
            }
            if loose {
                store.add(&noise(40, 2)).expect("it can be added");
            }
            drop(store);
            for path in dir.files().into_iter().filter(|path| path.starts_with("lock/")) {
                dir.remove(&path);
            }
            without_empty_directories(&dir);
            let dir = if locks { dir } else { dir.without_locks() };

            let store = open(dir.clone());
            store.stats().expect("it is counted");
            assert_eq!(verify(&store, Part::default()).1, [], "nothing is damaged");
            let added = store.add(&noise(40, 3)).expect("it can be added");
            let packer = store.pack_writer(Compression::Never);
            let mut writer = packer.expect("the lock can be taken");
            let written = writer.add(&noise(40, 4)).expect("it can be added");
            writer.finish().expect("and committed");
            let after = open(dir.power_cut(Survival::Nothing, 1));
            assert!(after.get(&added).is_ok() && after.get(&written).is_ok(), "what was made anew is durable");
            assert_eq!(pack(&store, Compression::Never), Ok(vec![]));
            assert_eq!(clean(&store), Ok(1 + u64::from(loose)));
        }
    }
    let dir = SimDir::new();
    create(dir.clone());
    without_empty_directories(&dir);
    assert_eq!(clean(&open(dir)), Ok(0));
}

/// Cleaning would have freed half of the disk, and was refused for want of room for the 60 bytes of its lock file.
#[test]
fn cleaning_works_on_a_full_disk() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    store.add(&noise(40, 1)).expect("it can be added");
    assert_eq!(pack(&store, Compression::Never), Ok(vec![]));
    for point in 3..6 {
        let dir = dir.fork();
        let store = open(dir.clone());
        dir.full_from(point);
        assert_eq!(clean(&store), Ok(1), "full from operation {point} on");
    }
}

/// A packer that was refused had held the lock for an instant, so that a third one was refused as well.
#[test]
fn being_refused_takes_no_lock() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let _cleaning = store.clean().expect("nobody else packs");
    let before = dir.operations();
    assert!(open(dir.clone()).clean().is_err());
    dir.fail_at(u64::MAX, Code::Io);
    assert!(store.clean().is_err());
    assert!(dir.operations() < 5 && before > 0, "{} operations", dir.operations());
}

/// `reindex` was refused and named `unlock --force`, which opened the index, and failed.
#[test]
fn unlocking_needs_no_index() {
    let dir = SimDir::new().without_locks();
    create(dir.clone());
    dir.put("lock/pack.file.json", b"{}");
    dir.remove("index/manifest.json");
    let store = Container::open_damaged(dir, Options::default()).expect("it opens");
    assert!(store.force_unlock().expect("it is unlocked").is_some());
}
