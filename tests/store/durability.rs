//! What a handle of full durability acknowledges survives a power cut, although somebody who flushes nothing, or was killed
//! before it could, wrote it first.

use loosepack::{Compression, Container, Durability, ObjectId, Options, PackWriter};

use crate::sim::{SimDir, Survival};
use crate::support::{clean, create, folding, noise, open, pack};

const CONTENT: &[u8] = b"acknowledged twice, flushed once";

/// A handle that flushes nothing, which folds its log at so many entries.
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
    let mut writer = PackWriter::open(store, Compression::Never).expect("nobody else packs");
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
