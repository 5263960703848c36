//! Writers: batches, several at once, dropped ones, and objects that are added more than once.

use crate::objects::{contents, reads_right};
use crate::sim::SimDir;
use crate::support::{clean, create, id, noise, pack, text};
use crate::watch::Watch;
use loosepack::Compression;

const MIB: usize = 1 << 20;

#[test]
fn an_object_is_stored_once_however_it_comes() {
    let (small, large) = (noise(3000, 9), noise(MIB + 5, 9));
    let dir = SimDir::new();
    let store = create(dir.clone());
    for content in [&small, &large] {
        let loose = || dir.files().iter().filter(|path| path.starts_with("loose/")).count();
        let before = loose();
        store.add(content).unwrap();
        store.add(content).unwrap();
        assert_eq!(loose(), before + 1, "loose and loose are one file");

        pack(&store, Compression::Never).unwrap();
        let packed = dir.bytes("packs/0");
        pack(&store, Compression::Never).unwrap();
        assert_eq!(dir.bytes("packs/0"), packed, "packed and packed again are one record");
        clean(&store).unwrap();
        store.add(content).unwrap();
        assert_eq!(store.objects(None, 10).unwrap().iter().filter(|found| **found == id(content)).count(), 1);
        pack(&store, Compression::Never).unwrap();
        let mut writer = store.pack_writer(Compression::Always).unwrap();
        writer.add(content).unwrap();
        writer.add_source(&mut content.as_slice()).unwrap();
        writer.finish().unwrap();
        assert!(dir.bytes("packs/0") == packed, "what is packed already leaves no byte, nor does an abandoned copy");
        assert_eq!(store.get(&id(content)).as_ref(), Ok(content));
    }
    assert_eq!(dir.files().iter().filter(|path| path.starts_with("incoming/")).count(), 0, "copies leave no file");
}

#[test]
fn the_same_object_twice_in_one_pack_call_is_one_record() {
    for content in [noise(3000, 9), noise(MIB + 5, 9), text(2 * MIB, 9)] {
        for commit_between in [false, true] {
            let (once, twice) = (SimDir::new(), SimDir::new());
            for (dir, times) in [(&once, 1), (&twice, 3)] {
                let store = create(dir.clone());
                let mut writer = store.pack_writer(Compression::Auto).unwrap();
                for _ in 0..times {
                    writer.add(&content).unwrap();
                    if commit_between {
                        writer.commit().unwrap();
                    }
                }
                writer.finish().unwrap();
                assert_eq!(store.get(&id(&content)).as_ref(), Ok(&content));
                assert_eq!(store.stats().unwrap().packed_objects, 1);
            }
            assert!(once.bytes("packs/0") == twice.bytes("packs/0"), "copies leave no byte in the pack");
            assert_eq!(once.bytes("index/log-0.jsonl"), twice.bytes("index/log-0.jsonl"), "nor in the log");
        }
    }
}

#[test]
fn an_object_after_an_abandoned_copy_is_right() {
    let store = create(SimDir::new());
    let (large, next) = (noise(MIB + 5, 1), noise(2000, 2));
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    for content in [&large, &large, &next, &large] {
        writer.add(content).unwrap();
    }
    writer.finish().unwrap();
    assert_eq!(store.get(&id(&next)), Ok(next), "the next record starts where the abandoned one did");
    assert_eq!(store.get(&id(&large)), Ok(large));
}

#[test]
fn a_writer_dropped_early_leaves_nothing() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let before = dir.files();
    let mut writer = store.writer().unwrap();
    writer.write(b"some bytes").unwrap();
    assert_eq!(dir.files().len(), before.len() + 1, "what is being written is in `incoming`");
    drop(writer);
    assert_eq!(dir.files(), before, "a dropped writer takes its file along");
    assert_eq!(store.objects(None, 10), Ok(vec![]));
}

#[test]
fn many_writers_at_once_do_not_mix() {
    let store = create(SimDir::new());
    let contents: Vec<Vec<u8>> = (0..20).map(|seed| noise(5000, seed % 10)).collect();
    let mut writers: Vec<_> = contents.iter().map(|_| store.writer().unwrap()).collect();
    for start in (0..5000).step_by(1000) {
        for (writer, content) in writers.iter_mut().zip(&contents) {
            writer.write(&content[start..start + 1000]).unwrap();
        }
    }
    for (writer, content) in writers.into_iter().zip(&contents) {
        assert_eq!(writer.finish(), Ok(id(content)));
        assert_eq!(store.get(&id(content)).as_ref(), Ok(content));
    }
}

#[test]
fn many_packed_objects_commit_by_themselves() {
    let store = create(SimDir::new());
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    for number in 0_u64..140_000 {
        writer.add(&number.to_le_bytes()).unwrap();
    }
    drop(writer);
    let packed = store.stats().unwrap().packed_objects;
    assert!(100_000 < packed && packed < 140_000, "a bounded number is lost with a writer, not {packed} kept");
    assert_eq!(store.get(&id(&7_u64.to_le_bytes())), Ok(7_u64.to_le_bytes().into()));
}

#[test]
fn objects_that_are_added_together_are_as_if_added_one_by_one() {
    for dir in [SimDir::new(), SimDir::new().without_barrier()] {
        let watched = Watch::new(dir.clone());
        let store = create(watched.clone());
        store.add(b"there before").unwrap();
        let mut contents = contents();
        contents.extend([b"there before".to_vec(), contents[3].clone(), contents[30].clone()]);
        let ids = store.add_many(&contents).unwrap();
        assert_eq!(ids, contents.iter().map(|content| id(content)).collect::<Vec<_>>());
        assert!(watched.seen().most_open.get() <= 3, "one file is open at a time, beside two indexes");
        reads_right(&store, &contents);
        let files = dir.files();
        assert!(!files.iter().any(|path| path.starts_with("incoming/")), "nothing is left of writing: {files:?}");
        assert_eq!(store.add_many::<Vec<u8>>(&[]), Ok(Vec::new()));
    }
}

#[test]
fn a_batch_shows_its_objects_when_it_is_committed() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let mut batch = store.batch().unwrap();
    let small = batch.add(b"small").unwrap();
    let large = batch.add_source(&mut &noise(MIB, 5)[..]).unwrap();
    assert_eq!(large, id(&noise(MIB, 5)));
    assert_eq!(store.contains(&[small, large]), Ok(vec![false, false]));
    batch.commit().unwrap();
    assert_eq!(store.contains(&[small, large]), Ok(vec![true, true]));
    let dropped = batch.add(b"dropped").unwrap();
    drop(batch);
    assert_eq!(store.contains(&[dropped]), Ok(vec![false]));
    assert!(!dir.files().iter().any(|path| path.starts_with("incoming/")), "a dropped batch leaves nothing");
}

#[test]
fn a_batch_heals_a_damaged_object() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let object = store.add(b"sound").unwrap();
    let path = dir.files().into_iter().find(|path| path.starts_with("loose/")).unwrap();
    dir.put(&path, b"SOUND");
    assert_eq!(store.add_many(&[b"sound"]), Ok(vec![object]));
    assert_eq!(store.get(&object).unwrap(), b"sound");
}
