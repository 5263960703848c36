//! Reindexing: whatever becomes of the index, everything reads afterwards.

use loosepack::{Compression, Container, Error, Finding, ObjectId, Options, Part, Progress, Result};

use crate::sim::SimDir;
use crate::support::{Rng, clean, create, folding, id, noise, open, pack, run, verify};
use crate::verifying::{contents, sample};

/// A handle for a container whose index may be gone.
fn damaged(dir: &SimDir) -> Container<SimDir> {
    Container::open_damaged(dir.clone(), Options { tuning: folding(1), ..Options::default() }).expect("it opens")
}

fn reindex(dir: &SimDir) -> Result<(Progress, Vec<Finding>)> {
    run(damaged(dir).reindex()?)
}

/// Reindex; then all that is given reads, is listed, and nothing is wrong.
#[track_caller]
fn is_whole(dir: &SimDir, contents: &[Vec<u8>], what: &str) {
    let (progress, _) = reindex(dir).unwrap_or_else(|error| panic!("{what}: {error}"));
    let store = open(dir.clone());
    assert_eq!(progress.objects, store.stats().unwrap().packed_objects, "{what}");
    for content in contents {
        assert!(store.get(&id(content)).as_ref() == Ok(content), "{what}: an object does not read");
    }
    let mut ids: Vec<ObjectId> = contents.iter().map(|content| id(content)).collect();
    ids.sort();
    assert_eq!(store.objects(None, 1000).unwrap(), ids, "{what}");
    let (_, problems, notes) = verify(&store, Part::default());
    assert_eq!((problems, notes), (vec![], vec![]), "{what}");
}

fn index_files(dir: &SimDir) -> Vec<String> {
    dir.files().into_iter().filter(|path| path.starts_with("index/")).collect()
}

#[test]
fn a_sound_container_stays_what_it_is() {
    let dir = sample();
    is_whole(&dir, &contents(), "sound");
    let before: Vec<_> =
        dir.files().iter().filter(|path| path.starts_with("packs/")).map(|path| dir.bytes(path)).collect();
    is_whole(&dir, &contents(), "again");
    assert!(
        before
            == dir
                .files()
                .iter()
                .filter(|path| path.starts_with("packs/"))
                .map(|path| dir.bytes(path))
                .collect::<Vec<_>>()
    );
    let store = open(dir.clone());
    assert_eq!(pack(&store, Compression::Auto), Ok(vec![]));
    clean(&store).unwrap();
    is_whole(&dir, &contents(), "packed");
    let empty = SimDir::new();
    create(empty.clone());
    is_whole(&empty, &[], "empty");
}

#[test]
fn whatever_becomes_of_the_index_it_is_rebuilt() {
    let mut rng = Rng::new(3);
    for path in index_files(&sample()) {
        let bytes = sample().bytes(&path);
        let mut versions: Vec<Vec<u8>> =
            vec![Vec::new(), noise(500, 9), vec![0; bytes.len()], b"\n".repeat(300), b"[".repeat(5000)];
        versions.extend((0..6).map(|_| bytes[..rng.below(bytes.len() as u64) as usize].into()));
        versions.extend((0..6).map(|_| {
            let (mut flipped, place) = (bytes.clone(), rng.below(bytes.len() as u64) as usize);
            flipped[place] ^= 1 << rng.below(8);
            flipped
        }));
        for (number, version) in versions.iter().enumerate() {
            let dir = sample();
            dir.put(&path, version);
            is_whole(&dir, &contents(), &format!("version {number} of {path}"));
        }
        let dir = sample();
        dir.remove(&path);
        is_whole(&dir, &contents(), &format!("{path} is missing"));
    }
    let dir = sample();
    for path in index_files(&dir) {
        dir.remove(&path);
    }
    is_whole(&dir, &contents(), "all index files are missing");
    for directory in ["index", "lock", "incoming"] {
        let dir = sample();
        dir.remove(directory);
        is_whole(&dir, &contents(), &format!("{directory}/ is missing"));
    }
}

#[test]
fn messages_about_the_index_name_the_remedy() {
    for path in index_files(&sample()) {
        let dir = sample();
        dir.remove(&path);
        let error = Container::open(dir, Options::default()).map(drop).unwrap_err();
        assert!(error.to_string().contains("`reindex` rebuilds"), "{error}");
    }
}

#[test]
fn a_handle_of_a_damaged_container_works_once_it_is_mended() {
    let dir = sample();
    dir.remove("index/manifest.json");
    let store = damaged(&dir);
    assert!(matches!(store.get(&id(&contents()[2])), Err(Error::Corrupt(_))));
    assert!(matches!(store.contains(&[id(&contents()[2])]), Err(Error::Corrupt(_))));
    run(store.reindex().unwrap()).unwrap();
    assert!(store.get(&id(&contents()[2])).as_ref() == Ok(&contents()[2]));
}

#[test]
fn it_takes_the_packers_place() {
    let dir = sample();
    let store = open(dir.clone());
    let writer = store.pack_writer(Compression::Never).unwrap();
    assert!(matches!(store.reindex().map(drop), Err(Error::Locked(_))));
    drop(writer);
    let job = store.reindex().unwrap();
    assert!(matches!(store.pack_writer(Compression::Never).map(drop), Err(Error::Locked(_))));
    drop(job);
    let reader = Container::open(dir, Options { access: loosepack::Access::ReadOnly, ..Options::default() }).unwrap();
    assert_eq!(reader.reindex().map(drop), Err(Error::ReadOnly));
}

/// A pack with these objects, plain, and the place of each payload.
fn packed(contents: &[&[u8]]) -> (SimDir, Vec<usize>) {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    contents.iter().for_each(|content| assert!(writer.add(content).is_ok()));
    writer.finish().unwrap();
    let pack = dir.bytes("packs/0");
    let find = |content: &&[u8]| pack.windows(content.len()).position(|window| window == *content).unwrap();
    (dir, contents.iter().map(find).collect())
}

fn set(dir: &SimDir, path: &str, place: usize, byte: u8) {
    let mut bytes = dir.bytes(path);
    bytes[place] = byte;
    dir.put(path, &bytes);
}

#[test]
fn a_damaged_record_hides_no_other() {
    let contents: [&[u8]; 3] = [b"the first object", b"the second one", b"the third"];
    let len = packed(&contents).0.bytes("packs/0").len();
    for place in 0..len {
        let (dir, places) = packed(&contents);
        set(&dir, "packs/0", place, b'#');
        dir.remove("index/manifest.json");
        dir.remove("index/log-0.jsonl");
        reindex(&dir).unwrap();
        let store = open(dir);
        let good = contents.iter().filter(|content| store.get(&id(content)).as_deref() == Ok(**content)).count();
        assert!(good >= 2, "byte {place} costs {} objects; payloads are at {places:?}", 3 - good);
    }
}

#[test]
fn damage_does_not_pass_for_absence() {
    let (dir, places) = packed(&[b"the first object", b"the second one"]);
    set(&dir, "packs/0", places[0], b'#');
    dir.remove("index/manifest.json");
    let (_, problems) = reindex(&dir).unwrap();
    assert!(problems.len() == 1 && problems[0].file.starts_with("packs/0 at byte"), "{problems:?}");
    let store = open(dir.clone());
    assert!(matches!(store.get(&id(b"the first object")), Err(Error::Corrupt(_))), "the old index spoke of it");
    assert_eq!(store.get(&id(b"the second one")).as_deref(), Ok(&b"the second one"[..]));

    // A loose copy is what counts then.
    store.add(b"the first object").unwrap();
    let (_, problems) = reindex(&dir).unwrap();
    assert!(problems.len() == 1 && problems[0].message.contains("loose copy is sound"), "{problems:?}");
    assert_eq!(open(dir.clone()).get(&id(b"the first object")).as_deref(), Ok(&b"the first object"[..]));
    assert_eq!(pack(&open(dir.clone()), Compression::Never), Ok(vec![]));
    let (progress, problems) = reindex(&dir).unwrap();
    assert_eq!((progress.objects, problems), (2, vec![]), "the later record is sound, and the index tells of it");

    // The index has no entry for it any more.
    let (dir, places) = packed(&[b"the first object", b"the second one"]);
    set(&dir, "packs/0", places[0], b'#');
    index_files(&dir).iter().for_each(|path| dir.remove(path));
    let (_, problems) = reindex(&dir).unwrap();
    assert!(problems.len() == 1 && problems[0].message.contains("left out"), "{problems:?}");
    assert_eq!(open(dir).objects(None, 10).unwrap(), [id(b"the second one")]);
}

#[test]
fn crafted_packs_cost_bounded_time() {
    let dir = SimDir::new();
    create(dir.clone());
    // Each record claims to hold all that follow it.
    let (count, header) = (3000, |length: usize| {
        format!("{{\"id\":\"{}\",\"size\":{length:8},\"length\":{length:8},\"enc\":\"none\"}}\n", id(b"x"))
            .replace("  ", "")
            .replace(' ', "")
    });
    let mut pack = String::new();
    for _ in 0..count {
        pack.insert_str(0, &header(pack.len()));
    }
    pack.push('\n');
    dir.put("packs/0", pack.as_bytes());
    let (progress, problems) = reindex(&dir).unwrap();
    assert_eq!(progress.objects, 0);
    assert!(problems.len() < count, "{} of {count} were looked at", problems.len());
}

/// Appends a batch to the log.
fn commit(dir: &SimDir, lines: &str, objects: u64) {
    let log = index_files(dir).into_iter().find(|path| path.starts_with("index/log")).unwrap();
    let count = lines.lines().count();
    let covered = format!("{lines}{{\"commit\":{count},\"objects\":{objects},\"size\":0,\"length\":0");
    let batch = format!("{covered},\"crc\":\"{:08x}\"}}\n", crc32fast::hash(covered.as_bytes()));
    dir.put(&log, &[dir.bytes(&log), batch.into_bytes()].concat());
}

fn delete(content: &[u8]) -> String {
    format!("{{\"delete\":\"{}\"}}\n", id(content))
}

fn write(dir: &SimDir, content: &[u8], log_entries: usize) {
    let store = Container::open(dir.clone(), Options { tuning: folding(log_entries), ..Options::default() }).unwrap();
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    writer.add(content).unwrap();
    writer.finish().unwrap();
}

#[test]
fn deletions_that_can_be_read_are_kept() {
    let [first, second, third] = [b"the first object".as_slice(), b"the second one", b"the third"];
    // The deletion is in the log, or in a run of its own; and the second object is written again, or not.
    for in_run in [false, true] {
        for again in [false, true] {
            let (dir, _) = packed(&[first, second, third]);
            if in_run {
                // So many entries that they stay a run by themselves.
                let many: Vec<Vec<u8>> = (0..30).map(|seed| noise(40, seed)).collect();
                many.iter().for_each(|content| write(&dir, content, 8192));
                write(&dir, b"folded", 1);
            }
            commit(&dir, &delete(second), 2);
            write(&dir, b"later", if in_run { 1 } else { 8192 });
            if again {
                write(&dir, second, 8192);
            }
            let runs = index_files(&dir).iter().filter(|path| path.starts_with("index/run")).count();
            assert_eq!(runs, if in_run { 2 } else { 0 });
            let expected = open(dir.clone()).get(&id(second));
            assert_eq!(expected.is_ok(), again);
            for damage in ["none", "manifest", "log"] {
                let dir = dir.fork();
                match damage {
                    "manifest" => dir.remove("index/manifest.json"),
                    "log" if !in_run => {
                        // One line of it, so that its batch no longer counts.
                        let log = String::from_utf8(dir.bytes("index/log-0.jsonl")).unwrap();
                        dir.put("index/log-0.jsonl", log.replacen("{\"put", "{\"pUt", 1).as_bytes());
                    }
                    _ => {}
                }
                reindex(&dir).unwrap();
                let store = open(dir.clone());
                assert_eq!(store.get(&id(second)), expected, "in a run: {in_run}, again: {again}, damaged: {damage}");
                assert_eq!(store.get(&id(third)).as_deref(), Ok(third));
                let (_, problems, _) = verify(&store, Part::default());
                assert_eq!(problems, []);
            }
        }
    }
}

#[test]
fn deletions_without_a_commit_line_have_never_happened() {
    let (dir, _) = packed(&[b"the first object", b"the second one"]);
    dir.put("index/log-0.jsonl", &[dir.bytes("index/log-0.jsonl"), delete(b"the second one").into_bytes()].concat());
    dir.remove("index/manifest.json");
    reindex(&dir).unwrap();
    assert!(open(dir).get(&id(b"the second one")).is_ok());
}

#[test]
fn a_damaged_record_of_a_deleted_object_does_not_come_back() {
    let deleted = id(b"the second one");
    let (sound, places) = packed(&[b"the first object", b"the second one"]);
    commit(&sound, &delete(b"the second one"), 1);
    // Its header and its line end as well as its payload.
    for place in places[0] + b"the first object".len() + 1..sound.bytes("packs/0").len() {
        for manifest in [true, false] {
            let dir = sound.fork();
            set(&dir, "packs/0", place, b'#');
            if !manifest {
                dir.remove("index/manifest.json");
            }
            reindex(&dir).unwrap();
            assert_eq!(open(dir).get(&deleted), Err(Error::NotFound(deleted)), "byte {place}, manifest: {manifest}");
        }
    }
}

/// With the index gone nobody knows what those bytes were; with a whole index it is known that they are nothing.
#[test]
fn bytes_that_are_no_record_are_told_of() {
    for place in 0..packed(&[b"the first object"]).0.bytes("packs/0").len() - 1 {
        let (dir, _) = packed(&[b"the first object"]);
        set(&dir, "packs/0", place, b'#');
        index_files(&dir).iter().for_each(|path| dir.remove(path));
        assert_ne!(reindex(&dir).unwrap().1, [], "byte {place}");
    }
    let (dir, _) = packed(&[b"the first object"]);
    dir.put("packs/0", &[dir.bytes("packs/0"), b"left by a killed packer".to_vec()].concat());
    assert_eq!(reindex(&dir).unwrap().1, []);
    assert_eq!(open(dir).get(&id(b"the first object")).as_deref(), Ok(&b"the first object"[..]));
}
