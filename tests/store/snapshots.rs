//! Copies with hard links, as `cp -al` makes them: work in one of two containers changes no byte of the other.

use std::collections::BTreeMap;
use std::path::Path;

use loosepack::dir::cap::CapDir;
use loosepack::{Compression, Config, Container, Dir, Job as _, Options, Part};

use crate::promises::SNAPSHOT;
use crate::sim::SimDir;
use crate::support::{clean, create, id, noise, open, options, pack, text, tiny, tuning, verify, with_tuning};
use crate::watch::{Call, Verdict, Watch};
use crate::workloads::{PUT, Syncs, is_log, killed, linked_after_a_kill, lived_in, small};

/// All files and their bytes.
fn contents(dir: &SimDir) -> BTreeMap<String, Vec<u8>> {
    let own = |path: &String| !path.starts_with(SNAPSHOT);
    dir.files().into_iter().filter(own).map(|path| (path.clone(), dir.bytes(&path))).collect()
}

type Work<D> = (&'static str, fn(&Container<D>));

/// Everything that writes.
fn work<D: Dir>() -> Vec<Work<D>> {
    vec![
        ("add", |store| drop(store.add_many(&[noise(40, 900), text(3000, 901), small(1)]).unwrap())),
        ("add to packs", |store| {
            let mut writer = store.pack_writer(Compression::Auto).unwrap();
            (910..920).for_each(|seed| assert!(writer.add(&noise(90, seed)).is_ok()));
            writer.commit().unwrap();
            writer.add(&noise((1 << 20) + 9, 921)).unwrap();
            writer.finish().unwrap();
        }),
        ("give up a pack writer", |store| {
            let mut writer = store.pack_writer(Compression::Never).unwrap();
            (930..940).for_each(|seed| assert!(writer.add(&noise(200, seed)).is_ok()));
        }),
        ("pack and clean", |store| {
            assert_eq!(pack(store, Compression::Always), Ok(vec![]));
            clean(store).unwrap();
        }),
        ("delete", |store| {
            let ids = (0..6).map(|number| id(&small(number))).collect();
            assert!(store.delete(ids).unwrap().finish().unwrap().objects > 0);
        }),
        ("reindex", |store| assert_eq!(store.reindex().unwrap().finish().unwrap().problems, [])),
        ("unlock", |store| drop(store.force_unlock().unwrap())),
    ]
}

/// The snapshot's log grew with that of the original, and had entries for packs that only the original has.
#[test]
fn work_in_one_of_two_linked_containers_changes_no_byte_of_the_other() {
    for tuning in [tuning(), tiny()] {
        with_tuning(tuning, || {
            let linked = || {
                let (dir, _) = lived_in();
                dir.link_tree(SNAPSHOT);
                dir
            };
            for start in [linked(), linked_after_a_kill().0] {
                for (what, run) in work() {
                    let dir = start.fork();
                    let snapshot = dir.inside(SNAPSHOT);
                    let before = contents(&snapshot);
                    run(&open(dir.clone()));
                    assert!(contents(&snapshot) == before, "{what} in the original");
                    assert_eq!(verify(&open(snapshot.clone()), Part::default()).1, []);
                    let before = contents(&dir);
                    run(&open(snapshot));
                    assert!(contents(&dir) == before, "{what} in the snapshot");
                    assert_eq!(verify(&open(dir), Part::default()).1, []);
                }
            }
        });
    }
}

/// It had opened the log before it got its second name.
#[test]
fn a_packer_that_is_at_work_when_the_snapshot_is_made_leaves_it_alone() {
    let dir = SimDir::new();
    let mut writer = create(dir.clone()).pack_writer(Compression::Never).unwrap();
    writer.add(&noise(300, 1)).unwrap();
    writer.commit().unwrap();
    dir.link_tree(SNAPSHOT);
    let snapshot = dir.inside(SNAPSHOT);
    let before = contents(&snapshot);
    for seed in 2..5 {
        writer.add(&noise(300, seed)).unwrap();
        writer.commit().unwrap();
    }
    writer.add(&noise(300, 5)).unwrap();
    drop(writer);
    assert!(contents(&snapshot) == before);
    assert_eq!(open(snapshot).stats().unwrap().packed_objects, 1);
    assert_eq!(open(dir.clone()).stats().unwrap().packed_objects, 4);
    assert_eq!(verify(&open(dir.clone()), Part::default()).1, []);
    assert_eq!(dir.files().iter().filter(|path| path.starts_with("packs/")).count(), 2, "one pack more, and no more");
}

/// One more pack and one more run for each snapshot would be too many if they came with each batch.
#[test]
fn after_a_snapshot_the_log_and_the_last_pack_grow_again() {
    let dir = SimDir::new();
    create(dir.clone());
    let write = |seed| {
        let mut writer = open(dir.clone()).pack_writer(Compression::Never).unwrap();
        writer.add(&noise(20, seed)).unwrap();
        writer.finish().unwrap();
    };
    write(0);
    dir.link_tree(SNAPSHOT);
    write(1);
    let before = dir.files();
    (2..9).for_each(write);
    assert_eq!(dir.files(), before);
}

/// The lock file that a killed packer left is taken over by the next one, who writes its own name into it.
#[test]
fn a_lock_file_with_two_names_is_replaced() {
    let (dir, _) = lived_in();
    let add = |dir: &Watch<SimDir>| {
        let mut writer = Container::open(dir.clone(), options())?.pack_writer(Compression::Never)?;
        writer.add(b"one more")?;
        writer.finish()
    };
    let dir = killed(&dir, add, |syncs: &Syncs, call, path: &str| {
        call == Call::Sync && is_log(path) && syncs.after_line(PUT)
    });
    dir.link_tree(SNAPSHOT);
    let snapshot = dir.inside(SNAPSHOT);
    let before = contents(&snapshot);
    assert!(before.contains_key("lock/pack.os.json"));
    let holder = Options { holder: "another, with a longer name".into(), ..options() };
    let mut writer = Container::open(dir.clone(), holder).unwrap().pack_writer(Compression::Never).unwrap();
    assert!(contents(&snapshot) == before);
    assert!(String::from_utf8(dir.bytes("lock/pack.os.json")).unwrap().contains("longer name"));
    writer.add(b"one more").unwrap();
    writer.finish().unwrap();
    assert!(contents(&snapshot) == before);
}

/// A source that gets a second name while it is read has not changed.
#[test]
fn a_source_may_get_another_name_while_it_is_read() {
    let dir = SimDir::new();
    dir.put("file", &noise(5000, 1));
    let linking = dir.clone();
    let watched = Watch::with(dir, move |call, path, _| {
        if call == Call::Read && path == "file" && !linking.files().contains(&"other".into()) {
            linking.plant_link("file", "other");
        }
        Verdict::Pass
    });
    let store = create(SimDir::new());
    let added = store.add_source(&mut loosepack::source::file_in(watched, "file".into()));
    assert_eq!(added, Ok(id(&noise(5000, 1))));
}

/// Links all files of a directory of the machine.
fn link_tree(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            link_tree(&entry.path(), &target);
        } else {
            std::fs::hard_link(entry.path(), target).unwrap();
        }
    }
}

fn on_disk(path: &Path, into: &mut BTreeMap<std::path::PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            on_disk(&entry.path(), into);
        } else {
            into.insert(entry.path(), std::fs::read(entry.path()).unwrap());
        }
    }
}

#[test]
fn a_snapshot_on_a_real_disk_stays_as_it_was() {
    for (what, run) in work() {
        let temporary = tempfile::tempdir().unwrap();
        let [original, snapshot] = ["original", "snapshot"].map(|name| temporary.path().join(name));
        std::fs::create_dir(&original).unwrap();
        let config = Config { pack_target: 5000, ..Config::default() };
        let store = Container::create(CapDir::open(&original).unwrap(), config, options()).unwrap();
        (0..6).for_each(|number| assert!(store.add(&small(number)).is_ok()));
        pack(&store, Compression::Auto).unwrap();
        link_tree(&original, &snapshot);
        for (one, other) in [(&original, &snapshot), (&snapshot, &original)] {
            let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
            on_disk(other, &mut before);
            run(&Container::open(CapDir::open(one).unwrap(), options()).unwrap());
            on_disk(other, &mut after);
            assert!(after == before, "{what}");
            let other = Container::open(CapDir::open(other).unwrap(), options()).unwrap();
            assert_eq!(verify(&other, Part::default()).1, [], "{what}");
        }
    }
}
