//! Acknowledgements of a handle with full durability survive a power cut, although somebody who flushes nothing, or was
//! killed before flushing, wrote the data first.

use loosepack::{Compression, Container, Durability, ObjectId, Options};

use crate::sim::{SimDir, Survival};
use crate::support::{clean, create, folding, id, noise, open, pack};

const CONTENT: &[u8] = b"acknowledged twice, flushed once";

/// A handle that flushes nothing, and folds its log at `log_entries` entries.
fn careless(dir: &SimDir, log_entries: usize) -> Container<SimDir> {
    let options = Options { durability: Durability::None, tuning: folding(log_entries), ..Options::default() };
    Container::open(dir.clone(), options).expect("it opens")
}

fn container() -> SimDir {
    let dir = SimDir::new();
    create(dir.clone());
    dir
}

/// After a power cut that leaves what was flushed and nothing else, the object reads.
fn survives(dir: &SimDir, acknowledged: &ObjectId, how: &str) {
    let after = dir.power_cut(Survival::Nothing, 1);
    let store = Container::open(after, Options::default()).unwrap_or_else(|error| panic!("{how}: {error}"));
    assert_eq!(store.get(acknowledged).as_deref(), Ok(CONTENT), "{how}");
}

fn write_to_packs(store: &Container<SimDir>, content: &[u8]) -> ObjectId {
    let mut writer = store.pack_writer(Compression::Never).expect("nobody else packs");
    let id = writer.add(content).expect("it can be added");
    writer.finish().expect("and committed");
    id
}

#[test]
fn a_loose_object_that_is_there_already() {
    let dir = container();
    careless(&dir, 8192).add(CONTENT).expect("it can be added");
    let acknowledged = open(dir.clone()).add(CONTENT).expect("it can be added");
    survives(&dir, &acknowledged, "add");
}

#[test]
fn a_loose_object_that_is_there_already_written_piece_by_piece() {
    let dir = container();
    careless(&dir, 8192).add(CONTENT).expect("it can be added");
    let mut writer = open(dir.clone()).writer().expect("it can be started");
    CONTENT.chunks(7).for_each(|piece| writer.write(piece).expect("it can be written"));
    survives(&dir, &writer.finish().expect("it can be added"), "writer");
}

#[test]
fn a_batch_of_few_and_of_many_that_are_there_already() {
    for more in [0, 20] {
        for barrier in [true, false] {
            let dir = container();
            let mut contents = vec![CONTENT.to_vec()];
            contents.extend((0..more).map(|seed| noise(30, seed)));
            careless(&dir, 8192).add_many(&contents).expect("they can be added");
            let handle = if barrier { dir.clone() } else { dir.without_barrier() };
            let acknowledged = open(handle).add_many(&contents).expect("they can be added");
            survives(&dir, &acknowledged[0], &format!("{more} more, barrier: {barrier}"));
        }
    }
}

#[test]
fn an_object_that_is_packed_already() {
    for log_entries in [8192, 1] {
        let dir = container();
        write_to_packs(&careless(&dir, log_entries), CONTENT);
        let acknowledged = write_to_packs(&open(dir.clone()), CONTENT);
        survives(&dir, &acknowledged, &format!("log of {log_entries}"));
    }
}

#[test]
fn an_object_whose_loose_copy_is_cleaned() {
    for log_entries in [8192, 1] {
        let dir = container();
        let acknowledged = open(dir.clone()).add(CONTENT).expect("it can be added");
        assert_eq!(pack(&careless(&dir, log_entries), Compression::Never), Ok(vec![]));
        assert_eq!(clean(&open(dir.clone())), Ok(1));
        survives(&dir, &acknowledged, &format!("log of {log_entries}"));
    }
}

#[test]
fn an_object_that_is_packed_after_a_fold_that_was_not_flushed() {
    let dir = container();
    write_to_packs(&careless(&dir, 1), b"scratch");
    let acknowledged = write_to_packs(&open(dir.clone()), CONTENT);
    survives(&dir, &acknowledged, "behind a fold");
}

type Add = fn(&Container<SimDir>) -> ObjectId;

#[test]
fn an_object_that_is_packed_already_and_added_loose() {
    for log_entries in [8192, 1] {
        for barrier in [true, false] {
            let ways: [Add; 4] = [
                |store| store.add(CONTENT).expect("it can be added"),
                |store| store.add_many(&[CONTENT]).expect("it can be added")[0],
                |store| store.add_source(&mut &CONTENT[..]).expect("it can be added"),
                |store| {
                    let mut writer = store.writer().expect("a writer can be made");
                    writer.write(CONTENT).expect("it writes");
                    writer.finish().expect("it can be added")
                },
            ];
            for (number, add) in ways.iter().enumerate() {
                let dir = container();
                // A handle that has proved another object of the same pack before.
                let dir = if barrier { dir } else { dir.without_barrier() };
                let long_lived = open(dir.clone());
                write_to_packs(&careless(&dir, log_entries), b"an earlier one");
                assert!(long_lived.contains(&[id(b"an earlier one")]).expect("it looks")[0]);
                long_lived.add(b"an earlier one").expect("it can be added");
                write_to_packs(&careless(&dir, log_entries), CONTENT);
                assert!(long_lived.contains(&[id(CONTENT)]).expect("it looks")[0]);
                let files = dir.files();
                let acknowledged = add(&long_lived);
                assert_eq!(dir.files(), files, "way {number} stores nothing");
                survives(&dir, &acknowledged, &format!("way {number}, log of {log_entries}, barrier: {barrier}"));
            }
        }
    }
}

/// The container itself was made by someone who flushes nothing.
#[test]
fn an_object_in_a_container_that_was_not_flushed() {
    let options = Options { durability: Durability::None, ..Options::default() };
    let ways: [Add; 3] = [
        |store| store.add(CONTENT).expect("it can be added"),
        |store| store.add_many(&[CONTENT]).expect("it can be added")[0],
        |store| write_to_packs(store, CONTENT),
    ];
    for (number, add) in ways.iter().enumerate() {
        for barrier in [true, false] {
            let dir = if barrier { SimDir::new() } else { SimDir::new().without_barrier() };
            Container::create(dir.clone(), loosepack::Config::default(), options.clone()).expect("it can be made");
            let acknowledged = add(&open(dir.clone()));
            survives(&dir, &acknowledged, &format!("way {number}, barrier: {barrier}"));
            assert!(!dir.files().iter().any(|path| path.starts_with("incoming/")), "no mark is left");
        }
    }
}

/// The number of a pack that was missing was used again, and the pack that came back from a copy took the place of the
/// one that had been acknowledged since.
#[test]
fn an_object_that_is_packed_while_a_pack_is_missing() {
    for log_entries in [8192, 1] {
        for rebuilt in [false, true] {
            let dir = container();
            let store = Container::open(dir.clone(), Options { tuning: folding(log_entries), ..Options::default() });
            let store = store.expect("it opens");
            let before = write_to_packs(&store, b"in the pack that is missing");
            let pack = dir.bytes("packs/0");
            dir.remove("packs/0");
            if rebuilt {
                let job = store.reindex().expect("nobody else packs");
                crate::support::run(job).expect("it is rebuilt");
            }
            let acknowledged = write_to_packs(&open(dir.clone()), CONTENT);
            dir.put("packs/0", &pack);
            let store = open(dir.clone());
            assert_eq!(store.get(&acknowledged).as_deref(), Ok(CONTENT), "log of {log_entries}, rebuilt: {rebuilt}");
            assert_eq!(store.get(&before).as_deref(), Ok(&b"in the pack that is missing"[..]));
        }
    }
}
