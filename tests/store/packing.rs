//! Holding the pack lock: packing, cleaning, and the locks between them.

use loosepack::{Compression, Config, Container, Dir as _, Durability, Error, Job as _, ObjectId, Options, Placement};

use crate::sim::SimDir;
use crate::support::{clean, create, id, noise, open, pack, run, text};

const HOUR: u64 = 3600 * 1_000_000_000;

fn path_of(id: &ObjectId) -> String {
    let hex = id.to_string();
    format!("loose/{}/{}", &hex[..2], &hex[2..])
}

fn held_by(dir: &SimDir, holder: &str) -> Container<SimDir> {
    Container::open(dir.clone(), Options { holder: holder.into(), ..Options::default() }).unwrap()
}

/// The text of the error with which someone is turned away.
#[track_caller]
fn locked<T>(result: loosepack::Result<T>) -> String {
    match result {
        Err(Error::Locked(text)) => text,
        Err(error) => panic!("failed otherwise: {error}"),
        Ok(_) => panic!("the pack lock was not taken"),
    }
}

fn small_packs(pack_target: u64) -> (SimDir, Container<SimDir>) {
    let dir = SimDir::new();
    let config = Config { pack_target, ..Config::default() };
    let store = Container::create(dir.clone(), config, Options::default()).unwrap();
    (dir, store)
}

#[test]
fn a_damaged_loose_object_is_reported_and_left_and_the_rest_packed() {
    for size in [1000, (1 << 20) + 10] {
        for damage in ["flipped", "cut", "emptied"] {
            let dir = SimDir::new();
            let store = create(dir.clone());
            let ids: Vec<ObjectId> = (0..5).map(|seed| store.add(&noise(size, seed)).unwrap()).collect();
            let path = path_of(&ids[2]);
            let mut bytes = dir.bytes(&path);
            match damage {
                "flipped" => bytes[500] ^= 1,
                "cut" => bytes.truncate(400),
                _ => bytes.clear(),
            }
            dir.put(&path, &bytes);
            let problems = pack(&store, Compression::Auto).unwrap();
            assert_eq!(problems.len(), 1, "one is damaged");
            assert_eq!(problems[0].file, path, "the report names the file");
            assert_eq!(dir.bytes(&path), bytes, "a damaged object is left as it is");
            assert_eq!(store.stats().unwrap().packed_objects, 4, "the rest is packed");
            assert_eq!(clean(&store), Ok(4), "the damaged one is not cleaned away");
            for (seed, id) in ids.iter().enumerate().filter(|(seed, _)| *seed != 2) {
                assert_eq!(store.get(id), Ok(noise(size, seed as u64)));
            }
            assert!(matches!(store.get(&ids[2]), Err(Error::Corrupt(damage)) if damage.file == path));

            store.add(&noise(size, 2)).unwrap();
            assert_eq!(store.get(&ids[2]), Ok(noise(size, 2)), "adding a damaged object again heals it: {damage}");
            assert_eq!(pack(&store, Compression::Auto), Ok(vec![]));
        }
    }
}

#[test]
fn what_is_no_object_is_left_alone() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    store.add(b"an object").unwrap();
    for path in ["loose/ab/notes.txt", "loose/README", "packs/notes.txt", "packs/01", "incoming/notes.txt"] {
        dir.put(path, b"something else");
    }
    dir.create_dir("packs/7").unwrap();
    assert_eq!(pack(&store, Compression::Never), Ok(vec![]));
    assert_eq!(clean(&store), Ok(1));
    assert_eq!(store.objects(None, 10).unwrap().len(), 1);
    for path in ["loose/ab/notes.txt", "loose/README", "packs/notes.txt", "packs/01", "incoming/notes.txt"] {
        assert_eq!(dir.bytes(path), b"something else");
    }
}

#[test]
fn full_packs_are_followed_by_others() {
    let (dir, store) = small_packs(1000);
    let ids: Vec<ObjectId> = (0..20).map(|seed| store.add(&noise(300, seed)).unwrap()).collect();
    pack(&store, Compression::Never).unwrap();
    let packs: Vec<String> = dir.files().into_iter().filter(|path| path.starts_with("packs/")).collect();
    assert!(packs.len() >= 6, "20 records of 400 bytes do not fit in fewer packs of 1000 than {packs:?}");
    for path in &packs {
        let len = dir.bytes(path).len();
        assert!(len < 1000 + 500, "{path} took a record after it was full: {len}");
    }
    clean(&store).unwrap();
    for (seed, id) in ids.iter().enumerate() {
        assert_eq!(store.get(id), Ok(noise(300, seed as u64)));
    }
    let full = |dir: &SimDir| -> Vec<Vec<u8>> { packs[..packs.len() - 1].iter().map(|path| dir.bytes(path)).collect() };
    let before = full(&dir);
    let large = store.add(&noise((1 << 20) + 1, 50)).unwrap();
    pack(&store, Compression::Never).unwrap();
    assert!(full(&dir) == before, "a full pack stays as it is");
    assert_eq!(store.get(&large), Ok(noise((1 << 20) + 1, 50)));
}

#[test]
fn a_torn_pack_is_continued_and_never_shortened() {
    for tail in [&b"{\"id\":\"ab"[..], b"\0\0\0\0\0\0\0\0", b"a whole line\n", b"x"] {
        for size in [500, (1 << 20) + 3] {
            let dir = SimDir::new();
            let store = create(dir.clone());
            let first = store.add(&noise(100, 1)).unwrap();
            pack(&store, Compression::Never).unwrap();
            let torn = [dir.bytes("packs/0").as_slice(), tail].concat();
            dir.put("packs/0", &torn);
            let second = store.add(&noise(size, 2)).unwrap();
            pack(&store, Compression::Never).unwrap();
            let continued = dir.bytes("packs/0");
            assert!(continued.starts_with(&torn), "what a crash left stays");
            let rest = continued[torn.len()..].strip_prefix(b"\n").unwrap_or(&continued[torn.len()..]);
            assert!(rest.starts_with(b"{\"id\":\""), "the next record starts a line");
            let Placement::Packed(location) = store.info(&second).unwrap().placement else { panic!("it was packed") };
            let (start, len) = (location.offset as usize, location.length as usize);
            assert!(continued[start..start + len] == noise(size, 2), "the index knows where");
            clean(&store).unwrap();
            assert_eq!(open(dir.clone()).get(&first), Ok(noise(100, 1)));
            assert_eq!(open(dir).get(&second), Ok(noise(size, 2)));
        }
    }
}

#[test]
fn an_uncommitted_tail_of_the_log_is_cut() {
    let line =
        |dir: &SimDir| String::from_utf8(dir.bytes("index/log-0.jsonl")).unwrap().lines().next().unwrap().to_owned();
    for tail in ["torn", "whole lines", "zeros"] {
        let dir = SimDir::new();
        let store = create(dir.clone());
        let first = store.add(b"first").unwrap();
        pack(&store, Compression::Never).unwrap();
        let log = dir.bytes("index/log-0.jsonl");
        let put = line(&dir).replace(&first.to_string(), &id(b"never").to_string());
        let rest = match tail {
            "torn" => put[..50].to_owned(),
            "whole lines" => format!("{put}\n{put}\n"),
            _ => "\0".repeat(5000),
        };
        dir.put("index/log-0.jsonl", &[&log, rest.as_bytes()].concat());
        let store = open(dir.clone());
        assert_eq!(store.objects(None, 10), Ok(vec![first]), "an uncommitted line counts for nothing");
        let second = store.add(b"second").unwrap();
        pack(&store, Compression::Never).unwrap();
        let after = dir.bytes("index/log-0.jsonl");
        assert!(after.starts_with(&log), "what was committed stays");
        assert!(after[log.len()..].starts_with(format!("{{\"put\":\"{second}\"").as_bytes()), "the tail is gone");
        assert_eq!(after.iter().filter(|byte| **byte == b'\n').count(), 4, "two batches of one line and a commit");
        assert_eq!(open(dir).objects(None, 10).unwrap().len(), 2);
    }
}

#[test]
fn a_reader_sees_past_a_tail_that_is_cut_under_it() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let first = store.add(b"first").unwrap();
    pack(&store, Compression::Never).unwrap();
    let log = dir.bytes("index/log-0.jsonl");
    dir.put("index/log-0.jsonl", &[log.as_slice(), b"{\"put\":\"torn tail, longer than what follows it"].concat());
    let reader = open(dir.clone());
    assert!(reader.get(&first).is_ok());
    let second = store.add(b"second").unwrap();
    pack(&store, Compression::Never).unwrap();
    clean(&store).unwrap();
    assert_eq!(reader.get(&second), Ok(b"second".into()));
}

#[test]
fn a_job_dropped_early_loses_nothing() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let ids: Vec<ObjectId> = (0..3000).map(|seed| store.add(&noise(30, seed)).unwrap()).collect();
    for steps in [0, 1, 2] {
        let mut job = store.pack_loose(Compression::Never).unwrap();
        (0..steps).for_each(|_| assert!(!job.step().unwrap().finished, "so many objects take more steps"));
        drop(job);
        assert_eq!(store.contains(&ids), Ok(vec![true; 3000]));
    }
    pack(&store, Compression::Never).unwrap();
    let mut job = store.clean().unwrap();
    (0..100).for_each(|_| assert!(!job.step().unwrap().finished));
    drop(job);
    let stats = store.stats().unwrap();
    assert_eq!(stats.packed_objects, 3000);
    assert!(0 < stats.loose_objects && stats.loose_objects < 3000, "what was cleaned stays cleaned");
    assert_eq!(store.contains(&ids), Ok(vec![true; 3000]));
    assert_eq!(clean(&store), Ok(stats.loose_objects), "the next one goes on where it ended");
}

#[test]
fn a_pack_writer_dropped_keeps_what_it_committed() {
    let store = create(SimDir::new());
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    let kept = writer.add(b"kept").unwrap();
    writer.commit().unwrap();
    let lost = writer.add(b"lost").unwrap();
    drop(writer);
    assert_eq!(store.contains(&[kept, lost]), Ok(vec![true, false]));
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    assert_eq!(writer.add(b"lost"), Ok(lost));
    writer.finish().unwrap();
    assert_eq!(store.get(&lost), Ok(b"lost".into()), "what was lost can be added again");
}

#[test]
fn progress_tells_how_far_a_job_is() {
    let store = create(SimDir::new());
    (0..100).for_each(|seed| assert!(store.add(&noise(50, seed)).is_ok()));
    let (packed, problems) = run(store.pack_loose(Compression::Never).unwrap()).unwrap();
    assert_eq!((packed.objects, packed.bytes, packed.done), (100, 5000, packed.total));
    assert_eq!(problems, []);
    let mut job = store.clean().unwrap();
    let mut before = 0;
    let last = loop {
        let progress = job.step().unwrap();
        assert!(progress.done > before && progress.done <= progress.total, "a step does something");
        before = progress.done;
        if progress.finished {
            break progress;
        }
    };
    assert_eq!((last.objects, last.bytes, last.done), (100, 5000, last.total));
    assert_eq!(job.step(), Ok(last), "a step of a finished job does nothing");
}

#[test]
fn clean_removes_only_what_is_packed() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let packed = store.add(b"packed").unwrap();
    pack(&store, Compression::Never).unwrap();
    let loose = store.add(b"loose").unwrap();
    assert_eq!(clean(&store), Ok(1));
    let left: Vec<String> = dir.files().into_iter().filter(|path| path.starts_with("loose/")).collect();
    assert_eq!(left, [path_of(&loose)]);
    assert_eq!(store.contains(&[packed, loose]), Ok(vec![true, true]));
    assert_eq!(clean(&store), Ok(0), "there is nothing left to do");
}

/// A second run of `pack` did not report what stayed loose.
#[test]
fn pack_tells_what_it_left_alone() {
    let store = create(SimDir::new());
    store.add(b"packed before").unwrap();
    let notes = |store: &Container<SimDir>| {
        let (mut job, mut notes) = (store.pack_loose(Compression::Never).unwrap(), Vec::new());
        loop {
            let progress = job.step().unwrap();
            notes.extend(progress.notes);
            if progress.finished {
                return notes;
            }
        }
    };
    assert_eq!(notes(&store), []);
    let told = notes(&store);
    assert!(told.len() == 1 && told[0].message.starts_with("1 objects are packed already"), "{told:?}");
}

#[test]
fn clean_keeps_the_loose_copies_of_what_a_missing_or_short_pack_held() {
    for cut in [None, Some(0), Some(200)] {
        let dir = SimDir::new();
        let store = create(dir.clone());
        let content = noise(300, 1);
        let id = store.add(&content).unwrap();
        pack(&store, Compression::Never).unwrap();
        match cut {
            None => dir.remove("packs/0"),
            Some(len) => dir.put("packs/0", &dir.bytes("packs/0")[..len]),
        }
        let refused = clean(&open(dir.clone())).unwrap_err();
        assert!(matches!(&refused, Error::Corrupt(damage) if damage.file == "packs/0"), "{refused}");
        assert_eq!(dir.bytes(&path_of(&id)), content, "the last copy stays");
        assert_eq!(open(dir.clone()).get(&id).as_ref(), Ok(&content), "and is read in place of the packed one");
        assert_eq!(open(dir.clone()).reader(&id).map(|reader| reader.size()), Ok(300));
        assert!(matches!(clean(&open(dir)), Err(Error::Corrupt(_))), "nor does it go the next time");
    }
}

#[test]
fn clean_keeps_the_loose_copy_of_what_is_damaged_in_a_pack() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let contents = [noise(300, 1), noise((1 << 20) + 1, 2), text(3000, 3)];
    let ids = contents.each_ref().map(|content| store.add(content).unwrap());
    pack(&store, Compression::Auto).unwrap();
    let mut bytes = dir.bytes("packs/0");
    for id in &ids {
        let Placement::Packed(location) = store.info(id).unwrap().placement else { panic!("it was packed") };
        bytes[location.offset as usize + 100] ^= 1;
    }
    dir.put("packs/0", &bytes);
    let sound = store.add(b"sound").unwrap();
    pack(&store, Compression::Auto).unwrap();

    let (progress, problems) = run(store.clean().unwrap()).unwrap();
    assert_eq!(progress.objects, 1, "what is sound in the pack is cleaned");
    assert_eq!(problems.len(), 3, "what is not is reported");
    assert!(problems.iter().all(|damage| damage.file.starts_with("packs/0")), "{problems:?}");
    for (id, content) in ids.iter().zip(&contents) {
        assert_eq!(store.get(id).as_ref(), Ok(content), "the loose copy is read in place of the damaged one");
    }
    assert_eq!(store.get(&sound), Ok(b"sound".into()));
}

#[test]
fn adding_again_heals_what_is_damaged_in_a_pack() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let content = noise(3000, 1);
    let id = store.add(&content).unwrap();
    pack(&store, Compression::Never).unwrap();
    clean(&store).unwrap();
    let mut bytes = dir.bytes("packs/0");
    bytes[1000] ^= 1;
    dir.put("packs/0", &bytes);
    assert!(matches!(store.get(&id), Err(Error::Corrupt(_))));
    store.add(&content).unwrap();
    for _ in 0..2 {
        assert_eq!(store.get(&id).as_ref(), Ok(&content), "what was acknowledged is there");
        pack(&store, Compression::Never).unwrap();
        run(store.clean().unwrap()).unwrap();
    }
}

#[test]
fn clean_removes_what_crashed_writers_left() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let [old, young] = ["incoming/0123456789abcdef-0", "incoming/fedcba9876543210-12"];
    dir.put(old, b"left by a crash");
    dir.put("incoming/notes.txt", b"not made by a writer");
    dir.create_dir("incoming/00000000000000ff-0").unwrap();
    let mut writer = store.writer().unwrap();
    writer.write(b"slow ").unwrap();
    dir.advance(23 * HOUR);
    clean(&store).unwrap();
    assert!(dir.files().contains(&old.into()), "a file of 23 hours may be in use");
    writer.write(b"but alive").unwrap();
    dir.put(young, b"made now");
    dir.advance(2 * HOUR);
    clean(&store).unwrap();
    assert!(!dir.files().contains(&old.into()), "a file of 25 hours is in nobody's use");
    assert_eq!(dir.bytes(young), b"made now");
    assert_eq!(dir.bytes("incoming/notes.txt"), b"not made by a writer");
    let id = writer.finish().expect("a file written to lately is left");
    assert_eq!(store.get(&id), Ok(b"slow but alive".into()));
}

#[test]
fn a_second_packer_is_told_who_the_first_is() {
    for os_locks in [true, false] {
        let dir = if os_locks { SimDir::new() } else { SimDir::new().without_locks() };
        create(dir.clone());
        let (one, other) = (held_by(&dir, "the first one"), held_by(&dir, "the second one"));
        let writer = one.pack_writer(Compression::Never).unwrap();
        for text in [
            locked(other.pack_writer(Compression::Never)),
            locked(other.pack_loose(Compression::Never)),
            locked(other.clean()),
            locked(one.clean()),
        ] {
            assert!(text.contains("the first one"), "the message names the holder: {text}");
            assert!(text.contains("2023-11-14 22:13:20"), "and since when: {text}");
            assert_eq!(
                text.contains("forced unlock"),
                !os_locks,
                "and how to remove a mark, where one can stay: {text}"
            );
        }
        other.add(b"adding needs no place").unwrap();
        drop(writer);
        let job = other.clean().expect("a dropped writer gives up its place");
        assert!(locked(one.pack_loose(Compression::Never)).contains("the second one"));
        drop(job);
        pack(&one, Compression::Never).expect("a dropped job gives up its place");
        clean(&one).expect("a finished job gives up its place, dropped or not");
        let marks: Vec<String> =
            dir.files().into_iter().filter(|path| path.contains(".json") && path.starts_with("lock/")).collect();
        assert_eq!(marks, Vec::<String>::new(), "no mark stays");
    }
}

#[test]
fn a_finished_job_gives_up_the_place_at_once() {
    let store = create(SimDir::new());
    let mut job = store.pack_loose(Compression::Never).unwrap();
    while !job.step().unwrap().finished {}
    store.clean().expect("the job is still there, and holds nothing");
    drop(job);
}

#[test]
fn the_kinds_of_locks_exclude_each_other() {
    let with = SimDir::new();
    let without = with.without_locks();
    create(with.clone());
    for (first, second) in [(&with, &without), (&without, &with)] {
        let (one, other) = (held_by(first, "one"), held_by(second, "other"));
        let writer = one.pack_writer(Compression::Never).unwrap();
        assert!(locked(other.clean()).contains("one"));
        assert!(locked(other.clean()).contains("one"), "being turned away changes nothing");
        assert!(locked(one.clean()).contains("one"));
        drop(writer);
        other.clean().expect("the place is free again");
    }
}

/// A container whose packer was killed, and a pack of which was being written.
fn killed(dir: &SimDir) -> SimDir {
    let store = held_by(dir, "the late one");
    store.add(b"an object").unwrap();
    let job = store.pack_loose(Compression::Never).unwrap();
    let image = dir.kill();
    drop(job);
    image
}

#[test]
fn a_mark_of_a_killed_packer_is_taken_over_by_who_has_locks() {
    let dir = SimDir::new();
    create(dir.clone());
    let image = killed(&dir);
    assert!(image.files().contains(&"lock/pack.os.json".into()), "the dead leave their mark");
    let stranger = held_by(&image.without_locks(), "a stranger");
    assert!(locked(stranger.clean()).contains("the late one"), "who has no locks cannot know that it is dead");
    assert_eq!(pack(&held_by(&image, "the heir"), Compression::Never), Ok(vec![]));
    assert_eq!(clean(&stranger), Ok(1), "the heir took the mark away");
}

#[test]
fn a_mark_without_a_lock_needs_a_person() {
    let dir = SimDir::new().without_locks();
    create(dir.clone());
    let image = killed(&dir);
    let store = held_by(&image, "the heir");
    for _ in 0..2 {
        assert!(locked(store.pack_writer(Compression::Never)).contains("the late one"));
    }
    let removed = store.force_unlock().unwrap().expect("there was a mark");
    assert!(removed.contains("the late one"), "{removed}");
    assert_eq!(store.force_unlock(), Ok(None));
    assert_eq!(pack(&store, Compression::Never), Ok(vec![]));
    assert_eq!(clean(&store), Ok(1));
}

#[test]
fn a_living_packer_with_a_lock_cannot_be_unlocked() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let writer = held_by(&dir, "alive").pack_writer(Compression::Never).unwrap();
    assert!(locked(store.force_unlock()).contains("alive"));
    drop(writer);
    assert_eq!(store.force_unlock(), Ok(None));
}

#[test]
fn a_mark_that_says_nothing_is_still_a_mark() {
    let dir = SimDir::new().without_locks();
    let store = create(dir.clone());
    for mark in [&b""[..], b"not json", b"{}", b"{\"holder\":7}"] {
        dir.put("lock/pack.file.json", mark);
        assert!(locked(store.clean()).contains("someone unnamed"));
        assert!(store.force_unlock().unwrap().is_some());
    }
    assert_eq!(clean(&store), Ok(0));
}

#[test]
fn an_opening_that_fails_gives_up_the_place() {
    let dir = SimDir::new().without_locks();
    create(dir.clone());
    dir.put("packs/0", b"");
    for number in 2.. {
        let store = open(dir.clone());
        dir.fail_at(number, loosepack::Code::Io);
        let opened = store.pack_writer(Compression::Never);
        if dir.hit().is_none() {
            assert!(opened.is_ok());
            assert!(number > 8, "opening takes more operations than {number}");
            break;
        }
        drop(opened);
        dir.heal();
        // A handle whose flush failed writes no more.
        let store = open(dir.clone());
        // The next packer finds a lock file that could not even be removed.
        store.force_unlock().unwrap();
        drop(store.pack_writer(Compression::Never).expect("the place is free"));
    }
}

#[test]
fn nothing_is_synced_by_who_asked_for_no_durability() {
    let dir = SimDir::new();
    create(dir.clone());
    let watched = crate::watch::Watch::with(dir.clone(), |call, path, _| {
        let syncs = [crate::watch::Call::Sync, crate::watch::Call::SyncDir];
        assert!(!syncs.contains(&call), "{path} was synced");
        crate::watch::Verdict::Pass
    });
    let store = Container::open(watched, Options { durability: Durability::None, ..Options::default() }).unwrap();
    let id = store.add(b"content").unwrap();
    pack(&store, Compression::Never).unwrap();
    clean(&store).unwrap();
    assert_eq!(open(dir.kill()).get(&id), Ok(b"content".into()), "a killed process loses nothing all the same");
}
