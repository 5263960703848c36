//! The implementations of `Dir` that can run here, held to the suite, and `SimDir`'s own promises.

use std::cell::RefCell;

use loosepack::dir::cap::CapDir;
use loosepack::{Code, Dir, File};

use crate::conformance;
use crate::sim::{SimDir, Survival};
use crate::watch::Watch;

#[test]
fn cap_dir_conforms() {
    let made = RefCell::new(Vec::new());
    let make = || {
        let temporary = tempfile::tempdir().expect("there is room for a temporary directory");
        let dir = CapDir::open(temporary.path()).expect("it can be opened");
        made.borrow_mut().push(temporary);
        dir
    };
    #[cfg(unix)]
    let plant = |target: &str, link: &str| {
        let made = made.borrow();
        let root = made.last().expect("one was made").path();
        std::os::unix::fs::symlink(target, root.join(link)).expect("a link can be made");
    };
    #[cfg(unix)]
    let symlink: Option<conformance::Link<'_>> = Some(&plant);
    #[cfg(not(unix))]
    let symlink: Option<conformance::Link<'_>> = None;
    let hard_link = |target: &str, link: &str| {
        let made = made.borrow();
        let root = made.last().expect("one was made").path();
        std::fs::hard_link(root.join(target), root.join(link)).expect("a link can be made");
    };
    // Windows tells the number of names of open files only.
    conformance::run(make, symlink, if cfg!(unix) { Some(&hard_link) } else { None });
}

fn sim_conforms(make: impl Fn() -> SimDir) {
    let made = RefCell::new(SimDir::new());
    let make = || {
        let dir = make();
        made.replace(dir.clone());
        dir
    };
    let symlink = |_: &str, link: &str| made.borrow().plant_symlink(link);
    let hard_link = |target: &str, link: &str| made.borrow().plant_link(target, link);
    conformance::run(make, Some(&symlink), Some(&hard_link));
}

#[test]
fn sim_dir_conforms() {
    sim_conforms(SimDir::new);
}

#[test]
fn sim_dir_with_short_reads_and_writes_conforms() {
    for seed in 0..4 {
        sim_conforms(|| SimDir::new().short(seed));
    }
}

#[test]
fn sim_dir_without_locks_conforms() {
    sim_conforms(|| SimDir::new().without_locks());
}

#[test]
fn a_watched_directory_conforms() {
    conformance::run(|| Watch::new(SimDir::new()), None, None);
}

/// A directory with a durable file, a file that was renamed over it, and one whose data only was synced.
fn unsettled() -> SimDir {
    let dir = SimDir::new();
    dir.create_new("target").unwrap().write_at(b"old", 0).unwrap();
    dir.open_write("target").unwrap().sync().unwrap();
    dir.sync_dir(".").unwrap();
    let file = dir.create_new("new").unwrap();
    file.write_at(b"new bytes", 0).unwrap();
    dir.rename("new", "target").unwrap();
    let synced = dir.create_new("synced").unwrap();
    synced.write_at(b"synced", 0).unwrap();
    synced.sync().unwrap();
    dir
}

#[test]
fn a_power_cut_loses_what_was_not_synced() {
    let image = unsettled().power_cut(Survival::Nothing, 0);
    assert_eq!(image.files(), ["target"], "an entry that was not synced is gone, its data synced or not");
    assert_eq!(image.bytes("target"), b"old", "an unsynced rename is undone");
}

#[test]
fn a_power_cut_may_lose_nothing() {
    let image = unsettled().power_cut(Survival::Everything, 0);
    assert_eq!(image.files(), ["synced", "target"]);
    assert_eq!(image.bytes("target"), b"new bytes");
}

#[test]
fn a_power_cut_tears_and_reorders() {
    let images: Vec<SimDir> = (0..200).map(|seed| unsettled().power_cut(Survival::Torn, seed)).collect();
    let target: Vec<Vec<u8>> = images.iter().map(|image| image.bytes("target")).collect();
    for expected in [&b"old"[..], b"", b"new", b"\0\0\0\0bytes", b"new bytes"] {
        assert!(target.iter().any(|bytes| bytes == expected), "no seed leaves {expected:?}");
    }
    assert!(
        images.iter().all(|image| !image.files().contains(&"synced".into()) || image.bytes("synced") == b"synced"),
        "synced data is whole when its entry survives"
    );
}

#[test]
fn a_power_cut_in_order_keeps_a_prefix() {
    let mut seen = Vec::new();
    for seed in 0..200 {
        let image = unsettled().power_cut(Survival::Prefix, seed);
        let files = image.files();
        let target = image.bytes("target");
        if files.contains(&"synced".into()) {
            assert_eq!(target, b"new bytes", "what came before what survived has survived");
        }
        seen.push((files.join(" "), target));
    }
    seen.sort();
    seen.dedup();
    assert!(seen.len() > 3, "different seeds cut at different moments: {seen:?}");
}

#[test]
fn a_failed_sync_saves_nothing_and_a_second_one_neither() {
    let dir = SimDir::new();
    let file = dir.create_new("file").unwrap();
    dir.sync_dir(".").unwrap();
    file.write_at(b"lost", 0).unwrap();
    dir.fail_at(0, Code::Io);
    assert_eq!(file.sync(), Err(Code::Io));
    assert_eq!(file.sync(), Ok(()));
    assert_eq!(dir.bytes("file"), b"lost", "it stays visible");
    assert_eq!(dir.power_cut(Survival::Everything, 0).bytes("file"), b"", "it is not durable");
}

#[test]
fn a_crash_fails_everything_and_frees_locks() {
    let dir = unsettled();
    let lock = dir.try_lock("lock").unwrap();
    dir.crash_at(1);
    assert!(dir.metadata("target").is_ok());
    for _ in 0..3 {
        assert_eq!(dir.metadata("target"), Err(Code::Io));
        assert_eq!(dir.sync_dir("."), Err(Code::Io));
    }
    for image in [dir.power_cut(Survival::Everything, 0), dir.kill()] {
        assert!(image.try_lock("lock").is_ok(), "the dead hold no locks");
    }
    assert_eq!(dir.kill().power_cut(Survival::Nothing, 0).files(), ["target"], "a kill syncs nothing");
    drop(lock);
}
