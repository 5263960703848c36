//! Deleting: what is deleted is gone for everyone, can be added again, and does not come back by itself.

use loosepack::{Compression, Container, Error, Job as _, ObjectId, Options, Part};

use crate::sim::SimDir;
use crate::support::{clean, create, folding, id, noise, open, pack, run, tiny, verify, with_tuning};

/// A container with objects that are packed, packed and loose, and loose.
fn three_kinds() -> (SimDir, Container<SimDir>, [ObjectId; 3]) {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let (packed, both) = (store.add(b"packed").unwrap(), store.add(b"both").unwrap());
    pack(&store, Compression::Never).unwrap();
    clean(&store).unwrap();
    // Not by `add`, which knows that it is packed.
    dir.put(&format!("loose/{}/{}", &both.to_string()[..2], &both.to_string()[2..]), b"both");
    let loose = store.add(b"loose").unwrap();
    (dir, store, [packed, both, loose])
}

fn delete(store: &Container<SimDir>, ids: &[ObjectId]) -> (u64, u64) {
    let progress = store.delete(ids.to_vec()).unwrap().finish().unwrap();
    assert_eq!((progress.problems, progress.done), (vec![], progress.total));
    (progress.objects, progress.bytes)
}

#[test]
fn what_is_deleted_is_gone_for_every_handle() {
    let (dir, store, ids) = three_kinds();
    let reader = open(dir.clone());
    assert_eq!(reader.get(&ids[0]).as_deref(), Ok(b"packed".as_slice()));
    let mut reading = reader.reader(&ids[1]).unwrap();
    // Twice, and one that is absent: each counts once, or not.
    assert_eq!(delete(&store, &[ids[0], ids[1], ids[2], ids[1], id(b"absent")]), (3, 15));
    for store in [&store, &open(dir.clone())] {
        for id in ids {
            assert_eq!(store.get(&id), Err(Error::NotFound(id)));
            assert_eq!(store.info(&id), Err(Error::NotFound(id)));
        }
        assert_eq!(store.contains(&ids).unwrap(), [false; 3]);
        assert_eq!(store.objects(None, 10).unwrap(), []);
        let stats = store.stats().unwrap();
        assert_eq!((stats.packed_objects, stats.packed_size, stats.loose_objects), (0, 0, 0));
    }
    // A reader that was open before can read on.
    let mut bytes = [0; 4];
    assert_eq!(reading.read(&mut bytes), Ok(4));
    assert_eq!(delete(&store, &ids), (0, 0));
}

/// The handle through which it was deleted had it in its index, and read on from the pack.
#[test]
fn what_is_deleted_is_gone_for_a_handle_whose_index_has_it() {
    for log_entries in [1, 100] {
        let options = Options { tuning: folding(log_entries), ..Options::default() };
        let dir = SimDir::new();
        create(dir.clone());
        let (store, other) =
            (Container::open(dir.clone(), options.clone()).unwrap(), Container::open(dir.clone(), options).unwrap());
        let packed = store.add(b"packed").unwrap();
        pack(&store, Compression::Never).unwrap();
        clean(&store).unwrap();
        for store in [&store, &other] {
            assert_eq!(store.get(&packed).as_deref(), Ok(b"packed".as_slice()));
        }
        assert_eq!(delete(&store, &[packed]), (1, 6));
        assert_eq!(store.get(&packed), Err(Error::NotFound(packed)));
        assert_eq!(store.contains(&[packed]).unwrap(), [false]);
        // Another handle rereads its index when it counts or lists.
        assert_eq!(other.stats().unwrap().packed_objects, 0);
        assert_eq!(other.get(&packed), Err(Error::NotFound(packed)));
    }
}

#[test]
fn what_is_deleted_can_be_added_again_by_every_handle() {
    for way in ["add", "source", "writer", "batch", "pack"] {
        let (dir, store, ids) = three_kinds();
        // These have read an index that has the objects, and have one open.
        let other = open(dir.clone());
        assert_eq!(other.contains(&ids).unwrap(), [true; 3]);
        assert_eq!(other.add(b"packed").unwrap(), ids[0]);
        let (mut writer, mut batch) = (other.writer().unwrap(), other.batch().unwrap());
        writer.write(b"packed").unwrap();
        batch.add(b"packed").unwrap();
        assert_eq!(delete(&store, &ids).0, 3);
        match way {
            "add" => assert_eq!(other.add(b"packed").unwrap(), ids[0]),
            "source" => assert_eq!(other.add_source(&mut b"packed".as_slice()).unwrap(), ids[0]),
            "writer" => assert_eq!(writer.finish().unwrap(), ids[0]),
            "batch" => {
                batch.add(b"packed").unwrap();
                batch.commit().unwrap();
            }
            _ => {
                let mut writer = other.pack_writer(Compression::Never).unwrap();
                writer.add(b"packed").unwrap();
                writer.finish().unwrap();
            }
        }
        for store in [open(dir.clone()), store, other] {
            assert_eq!(store.get(&ids[0]).as_deref(), Ok(b"packed".as_slice()), "{way}");
            assert_eq!(store.get(&ids[2]), Err(Error::NotFound(ids[2])));
        }
    }
}

#[test]
fn what_is_deleted_does_not_come_back_when_the_index_is_folded_or_rebuilt() {
    for log_entries in [1, 3, 8192] {
        // The last reads the first line of a run in pieces.
        let tiny = loosepack::Tuning { log_entries, ..tiny() };
        for tuning in [folding(log_entries), tiny, loosepack::Tuning { chunk: 1, ..tiny }] {
            with_tuning(tuning, || {
                let dir = SimDir::new();
                let store = create(dir.clone());
                let contents: Vec<Vec<u8>> = (0..40).map(|seed| noise(30, seed)).collect();
                let ids = store.add_many(&contents).unwrap();
                pack(&store, Compression::Never).unwrap();
                assert_eq!(delete(&store, &ids[..25]).0, 25);
                clean(&store).unwrap();
                // Folds that merge everything into one run.
                for seed in 40..50 {
                    let mut writer = store.pack_writer(Compression::Never).unwrap();
                    writer.add(&noise(30, seed)).unwrap();
                    writer.finish().unwrap();
                }
                for _ in 0..2 {
                    run(store.reindex().unwrap()).unwrap();
                    let store = open(dir.clone());
                    let expected: Vec<bool> = (0..40).map(|number| number >= 25).collect();
                    assert_eq!(store.contains(&ids).unwrap(), expected);
                    assert_eq!(store.objects(None, 100).unwrap().len(), 25);
                    assert_eq!(store.stats().unwrap().packed_objects, 25);
                    let (progress, problems, notes) = verify(&store, Part::default());
                    assert_eq!((progress.objects, problems), (25, vec![]));
                    assert!(notes.iter().any(|note| note.message.contains("25 records")), "{notes:?}");
                    assert!(!notes.iter().any(|note| note.message.contains("reindex")), "{notes:?}");
                }
            });
        }
    }
}

#[test]
fn deleting_is_for_one_at_a_time_who_may_write() {
    let (dir, store, ids) = three_kinds();
    let writer = store.pack_writer(Compression::Never).unwrap();
    assert!(matches!(store.delete(ids.to_vec()).err(), Some(Error::Locked(_))));
    drop(writer);
    let mut job = store.delete(ids.to_vec()).unwrap();
    assert!(matches!(store.pack_writer(Compression::Never).err(), Some(Error::Locked(_))));
    job.finish().unwrap();
    store.pack_writer(Compression::Never).expect("a finished job has freed the lock");
    let options = Options { access: loosepack::Access::ReadOnly, ..Options::default() };
    let reader = Container::open(dir, options).unwrap();
    assert_eq!(reader.delete(ids.to_vec()).err(), Some(Error::ReadOnly));
}

#[test]
fn what_is_in_place_of_an_object_is_reported_and_stops_nothing() {
    let (dir, store, ids) = three_kinds();
    let path = format!("loose/{}/{}", &ids[2].to_string()[..2], &ids[2].to_string()[2..]);
    dir.remove(&path);
    loosepack::Dir::create_dir(&dir, &path).unwrap();
    let progress = store.delete(ids.to_vec()).unwrap().finish().unwrap();
    assert_eq!((progress.objects, progress.problems.len()), (2, 1));
    assert_eq!(progress.problems[0].file, path);
}
