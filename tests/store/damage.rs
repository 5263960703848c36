//! Damaged files: an error that names the file, never a panic, never wrong bytes, and the rest still reads.

use std::collections::BTreeMap;

use loosepack::dir::cap::CapDir;
use loosepack::{Compression, Config, Container, Content, Dir, Error, ObjectId, Options, Part, Placement};

use crate::sim::SimDir;
use crate::support::{Rng, create, folding, id, noise, open, run, text, verify};

/// A container with all there is: loose and packed, plain, compressed and framed, two packs, a log and a run.
struct Sound {
    dir: SimDir,
    contents: BTreeMap<ObjectId, Vec<u8>>,
    /// The file that holds each object.
    files: BTreeMap<ObjectId, String>,
}

impl Sound {
    /// All files that hold anything.
    fn files(&self) -> Vec<String> {
        self.dir.files().into_iter().filter(|path| !path.starts_with("lock/")).collect()
    }
}

fn sound() -> Sound {
    // The second batch is folded into a run with the first one, the third is in the log.
    sound_with(4)
}

fn sound_with(log_entries: usize) -> Sound {
    let dir = SimDir::new();
    let config = Config { pack_target: 7000, ..Config::default() };
    let options = Options { tuning: folding(log_entries), ..Options::default() };
    let store = Container::create(dir.clone(), config, options).unwrap();
    let mut contents = vec![noise(150, 1), text(700, 2)];
    contents.iter().for_each(|content| assert!(store.add(content).is_ok()));
    for batch in [
        vec![text((1 << 20) + 5000, 3).repeat(1), noise(300, 4)],
        vec![text(900, 5), noise(200, 6)],
        vec![noise(100, 7), Vec::new()],
    ] {
        let mut writer = store.pack_writer(Compression::Auto).unwrap();
        batch.iter().for_each(|content| assert!(writer.add(content).is_ok()));
        writer.finish().unwrap();
        contents.extend(batch);
    }
    let files = contents.iter().map(|content| (id(content), file_of(&store, &id(content)))).collect();
    assert!(dir.files().contains(&"packs/1".into()), "there are two packs");
    Sound { dir, contents: contents.into_iter().map(|content| (id(&content), content)).collect(), files }
}

fn file_of<D: Dir>(store: &Container<D>, id: &ObjectId) -> String {
    match store.info(id).unwrap().placement {
        Placement::Loose => format!("loose/{}/{}", &id.to_string()[..2], &id.to_string()[2..]),
        Placement::Packed(location) => format!("packs/{}", location.pack),
    }
}

/// Possible fates of an object after damage.
#[derive(Default)]
struct Outcome {
    errors: u64,
    missing: u64,
}

/// Reads everything in every way. What reads must be right, what does not must say that `damaged` is at fault, and no
/// object of another file may suffer.
fn examine<D: Dir>(dir: D, sound: &Sound, damaged: &str, what: &str) -> Outcome {
    let mut outcome = Outcome::default();
    let blames = |error: &Error| {
        let says = error.to_string();
        let named = match damaged {
            // Where it leads astray, the file it leads to is named.
            "index/manifest.json" => says.contains("index/"),
            path if path.starts_with("index/run") => says.contains(path) || says.contains("packs/"),
            path => says.contains(path),
        };
        assert!(named, "{what}: the error does not name {damaged}: {error}");
    };
    let store = match Container::open(dir, Options::default()) {
        Ok(store) => store,
        Err(error) => {
            let own = damaged == "container.json" || damaged.starts_with("index/");
            assert!(own, "{what}: {damaged} keeps the container from opening: {error}");
            if !matches!(error, Error::NoContainer | Error::UnsupportedFormat(_)) {
                blames(&error);
            }
            return Outcome { errors: 1, missing: 0 };
        }
    };
    for (id, content) in &sound.contents {
        let suffers = sound.files[id] == damaged || damaged.starts_with("index/");
        let mut judge = |error: &Error| {
            assert!(suffers, "{what}: {id} is in {} and does not read: {error}", sound.files[id]);
            if matches!(error, Error::NotFound(_)) {
                outcome.missing += 1;
            } else {
                blames(error);
                outcome.errors += 1;
            }
        };
        match store.get(id) {
            Ok(found) => assert!(found == *content, "{what}: {id} reads wrong"),
            Err(error) => judge(&error),
        }
        match store.reader(id) {
            Ok(mut reader) => {
                let (mut read, mut buffer) = (Vec::new(), vec![0; 200_000]);
                let failed = loop {
                    match reader.read(&mut buffer) {
                        Ok(0) => break None,
                        Ok(len) => read.extend_from_slice(&buffer[..len]),
                        Err(error) => break Some(error),
                    }
                };
                match failed {
                    None => assert!(read == *content, "{what}: {id} reads wrong piece by piece"),
                    Some(error) => judge(&error),
                }
            }
            Err(error) => judge(&error),
        }
    }
    let ids: Vec<ObjectId> = sound.contents.keys().copied().collect();
    match store.read_many(ids.clone()) {
        Ok(mut batch) => {
            let mut answered = 0;
            while let answers = batch.next_items()
                && !answers.is_empty()
            {
                answered += answers.len();
                for (id, answer) in answers {
                    match answer {
                        Content::Bytes(bytes) => assert!(bytes == sound.contents[&id], "{what}: {id} reads wrong"),
                        Content::Failed(error) => blames(&error),
                        Content::Missing => outcome.missing += 1,
                        Content::TooLarge(_) => {}
                    }
                }
            }
            assert_eq!(answered, ids.len(), "{what}: each is answered");
        }
        Err(error) => blames(&error),
    }
    outcome
}

/// The rest of what can be done to a container. It may fail; it must not panic, nor lose what is sound.
fn work(dir: SimDir) {
    let Ok(store) = Container::open(dir, Options::default()) else { return };
    let _ = store.stats();
    let _ = store.objects(None, 100);
    let added = store.add(b"added to a damaged container");
    let _ = store.pack_loose(Compression::Always).and_then(run);
    let _ = store.clean().and_then(run);
    if let Ok(id) = added {
        assert_eq!(store.get(&id).as_deref(), Ok(&b"added to a damaged container"[..]));
    }
}

/// All positions of a short file; of a long one its ends and a sample of the rest.
fn positions(len: usize, rng: &mut Rng) -> Vec<usize> {
    if len <= 700 {
        return (0..len).collect();
    }
    let ends = (0..250).chain(len - 250..len);
    ends.chain((0..100).map(|_| rng.below(len as u64) as usize)).collect()
}

#[test]
fn flipped_bits_are_noticed_wherever_they_matter() {
    let sound = sound();
    let mut rng = Rng::new(1);
    for path in sound.files() {
        let bytes = sound.dir.bytes(&path);
        let (mut flips, mut noticed) = (0_u64, 0_u64);
        for position in positions(bytes.len(), &mut rng) {
            let mut damaged = bytes.clone();
            damaged[position] ^= 1 << rng.below(8);
            let dir = sound.dir.fork();
            dir.put(&path, &damaged);
            let what = format!("byte {position} of {path}");
            let outcome = examine(dir.clone(), &sound, &path, &what);
            assert_eq!(outcome.missing, 0, "{what}: an object is denied");
            flips += 1;
            // Filters that are damaged are done without: only a check tells.
            let filters =
                bytes.windows(11).position(|part| part == b"{\"filters\":").filter(|_| path.starts_with("index/run"));
            let checked = filters
                .is_some_and(|start| position >= start && !verify(&open(dir.clone()), Part::default()).1.is_empty());
            noticed += u64::from(outcome.errors > 0 || checked);
            if position % 5 == 0 {
                work(dir);
            }
        }
        println!("{path}: {noticed} of {flips} flips noticed, the others are harmless");
        if ["loose/", "index/log", "index/run"].iter().any(|kind| path.starts_with(kind)) {
            assert_eq!(noticed, flips, "every bit of {path} counts");
        }
    }
}

#[test]
fn truncated_files_are_noticed() {
    let sound = sound();
    let mut rng = Rng::new(2);
    for path in sound.files() {
        let bytes = sound.dir.bytes(&path);
        for len in positions(bytes.len(), &mut rng) {
            let dir = sound.dir.fork();
            dir.put(&path, &bytes[..len]);
            let what = format!("{path} cut to {len} bytes");
            let outcome = examine(dir.clone(), &sound, &path, &what);
            // A log that ends early is one whose last batches were never written: there is no telling.
            assert!(outcome.missing == 0 || path.starts_with("index/log"), "{what}: an object is denied");
            if len % 7 == 0 {
                work(dir);
            }
        }
    }
}

#[test]
fn garbage_in_place_of_a_file_is_noticed() {
    let sound = sound();
    for path in sound.files() {
        let len = sound.dir.bytes(&path).len();
        let garbage =
            [noise(len, 5), vec![0; len], noise(2 << 20, 6), b"\n".repeat(500), b"[".repeat(100_000), Vec::new()];
        for (number, bytes) in garbage.into_iter().enumerate() {
            let dir = sound.dir.fork();
            dir.put(&path, &bytes);
            examine(dir.clone(), &sound, &path, &format!("garbage {number} in {path}"));
            work(dir);
        }
    }
}

#[test]
fn missing_files_are_noticed() {
    let sound = sound();
    for path in sound.files() {
        let dir = sound.dir.fork();
        dir.remove(&path);
        let outcome = examine(dir.clone(), &sound, &path, &format!("{path} is missing"));
        assert!(outcome.errors > 0 || path.starts_with("loose/"), "{path} is missed by nobody");
        assert_eq!(outcome.missing > 0, path.starts_with("loose/"), "a loose object without its file is no object");
        work(dir);
    }
    for path in ["loose", "incoming", "packs", "index", "lock"] {
        let dir = sound.dir.fork();
        dir.remove(path);
        work(dir.clone());
        if let Ok(store) = Container::open(dir, Options::default()) {
            for (id, content) in &sound.contents {
                assert!(store.get(id).map_or(true, |found| found == *content));
            }
        }
    }
}

#[test]
fn links_and_directories_in_place_of_files_are_noticed() {
    let sound = sound();
    for path in sound.files() {
        for link in [true, false] {
            let dir = sound.dir.fork();
            dir.remove(&path);
            if link {
                dir.plant_symlink(&path);
            } else {
                dir.create_dir(&path).unwrap();
            }
            let outcome = examine(
                dir.clone(),
                &sound,
                &path,
                &format!("{path} is a {}", if link { "link" } else { "directory" }),
            );
            assert!(outcome.errors > 0, "{path} is not what it was");
            assert_eq!(outcome.missing, 0, "{path}: an object is denied");
            work(dir);
        }
    }
}

#[test]
fn directories_of_a_real_file_system_in_place_of_files_are_noticed() {
    let sound = sound();
    for damaged in sound.files() {
        let temporary = tempfile::tempdir().unwrap();
        for path in sound.dir.files() {
            let target = temporary.path().join(&path);
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            if path == damaged {
                std::fs::create_dir(target).unwrap();
            } else {
                std::fs::write(target, sound.dir.bytes(&path)).unwrap();
            }
        }
        let outcome =
            examine(CapDir::open(temporary.path()).unwrap(), &sound, &damaged, &format!("{damaged} is a directory"));
        assert!(outcome.errors > 0, "{damaged} is not what it was");
    }
}

#[test]
fn files_in_place_of_directories_are_noticed() {
    let sound = sound();
    let shard = sound.dir.files().into_iter().find(|path| path.starts_with("loose/")).unwrap()[..8].to_owned();
    for path in ["loose", "incoming", "packs", "index", "lock", &shard] {
        let dir = sound.dir.fork();
        dir.remove(path);
        dir.put(path, b"a file");
        let store = Container::open(dir.clone(), Options::default());
        assert_eq!(store.is_err(), path == "index", "{path} is a file");
        for (id, content) in store.iter().flat_map(|_| &sound.contents) {
            match store.as_ref().unwrap().get(id) {
                Ok(found) => assert_eq!(found, *content),
                Err(error) => {
                    assert!(sound.files[id].starts_with(path), "{path} is a file, and {id} is elsewhere: {error}");
                    assert!(error.to_string().contains(path), "{error}");
                }
            }
        }
        work(dir);
    }
}

#[test]
fn other_formats_are_refused() {
    let set = |from: &str, to: &str| {
        let dir = SimDir::new();
        create(dir.clone());
        let text = String::from_utf8(dir.bytes("container.json")).unwrap();
        assert!(text.contains(from), "{text} has no {from}");
        dir.put("container.json", text.replace(from, to).as_bytes());
        Container::open(dir, Options::default()).err()
    };
    assert_eq!(set("\"format\":1", "\"format\":2"), Some(Error::UnsupportedFormat(2)));
    assert_eq!(set("\"format\":1", "\"format\":99999"), Some(Error::UnsupportedFormat(99999)));
    assert_eq!(set("\"format\":1", "\"format\":1,\"later\":{\"addition\":true}"), None, "unknown settings are skipped");
    for (from, to) in [
        ("\"format\":1", "\"format\":0"),
        ("\"format\":1", "\"format\":-1"),
        ("\"format\":1", "\"format\":\"1\""),
        ("\"format\":1", "\"format\":1e400"),
        ("\"format\":1", "\"formal\":1"),
        ("\"pack-target\":4294967296", "\"pack-target\":0"),
        ("\"pack-target\":4294967296", "\"pack-target\":99999999999999999999"),
        ("\"compression-level\":1", "\"compression-level\":10"),
        ("\"compression-level\":1", "\"compression-level\":257"),
        ("\"id\":\"", "\"id\":7,\"was\":\""),
    ] {
        let refused = set(from, to);
        assert!(
            matches!(&refused, Some(Error::Corrupt(damage)) if damage.file == "container.json"),
            "{to}: {refused:?}"
        );
    }
}

/// A log of one batch with a right checksum.
pub(crate) fn forged(lines: &[String], totals: [u64; 3]) -> Vec<u8> {
    let [objects, size, length] = totals;
    let commit = format!("{{\"commit\":{},\"objects\":{objects},\"size\":{size},\"length\":{length}", lines.len());
    let covered = format!("{}{commit}", lines.concat());
    format!("{covered},\"crc\":\"{:08x}\"}}\n", crc32fast::hash(covered.as_bytes())).into_bytes()
}

pub(crate) fn put(id: &ObjectId, pack: u64, offset: u64, length: u64, size: u64) -> String {
    format!("{{\"put\":\"{id}\",\"pack\":{pack},\"offset\":{offset},\"length\":{length},\"size\":{size}}}\n")
}

#[test]
fn what_the_index_says_is_not_believed() {
    let max = u64::MAX;
    let victim = id(b"the victim");
    let other = id(b"another");
    let pack = noise(5000, 1);
    let entries: [(u64, u64, u64, u64); 16] = [
        (0, 0, 5001, 5001),
        (0, 5000, 1, 1),
        (0, max - 10, 10, 10),
        (0, 1 << 63, 1 << 62, 1 << 62),
        (0, 0, 100, max),
        (0, 0, 100, 1 << 40),
        (0, 0, 100, 100 * 1032),
        (0, 0, 100, 0),
        (0, 0, 0, max),
        (0, 0, 0, 100),
        (0, 0, 5, 6),
        (0, 0, max, max),
        (0, 0, 5000, 5_000_000),
        (0, 4990, 10, 3 << 20),
        (7, 0, 10, 10),
        (u64::from(u32::MAX), 0, 10, 10),
    ];
    for entry in entries {
        for second in entries {
            let dir = SimDir::new();
            create(dir.clone());
            dir.put("packs/0", &pack);
            let lines = [(&victim, entry), (&other, second)].map(|(id, (p, o, l, s))| put(id, p, o, l, s));
            dir.put("index/log-0.jsonl", &forged(&lines, [2, max, max]));
            let store = match Container::open(dir.clone(), Options::default()) {
                Ok(store) => store,
                Err(error) => {
                    assert!(error.to_string().contains("index/log-0.jsonl"), "{entry:?}: {error}");
                    continue;
                }
            };
            for id in [victim, other] {
                let refused = store.get(&id).expect_err("it does not have these bytes");
                let named = ["packs/0", &format!("packs/{}", entry.0), &format!("packs/{}", second.0)];
                let says = refused.to_string();
                let too_large = matches!(refused, Error::TooLarge(_));
                assert!(too_large || named.iter().any(|name| says.contains(name)), "{entry:?}: {says}");
                if let Ok(mut reader) = store.reader(&id) {
                    let mut buffer = [0; 5000];
                    while reader.read(&mut buffer).is_ok_and(|len| len > 0) {}
                    reader.seek(max);
                    drop(reader.read(&mut buffer));
                }
                drop(store.info(&id));
                drop(store.get_to_file(&id, &SimDir::new(), "file"));
            }
            let mut batch = store.read_many(vec![victim, other]).unwrap();
            let mut answered = 0;
            while let answers = batch.next_items()
                && !answers.is_empty()
            {
                answered += answers.len();
                assert!(!answers.iter().any(|(_, answer)| matches!(answer, Content::Bytes(_))), "{entry:?} {second:?}");
            }
            assert_eq!(answered, 2);
            work(dir);
        }
    }
}

#[test]
fn a_wrong_checksum_is_damage() {
    let dir = SimDir::new();
    create(dir.clone());
    let line = put(&id(b"x"), 0, 0, 1, 1);
    let good = forged(std::slice::from_ref(&line), [1, 1, 1]);
    dir.put("index/log-0.jsonl", &good);
    assert!(Container::open(dir.clone(), Options::default()).is_ok(), "the forgery is good");
    for (from, to) in
        [("\"commit\":1", "\"commit\":2"), ("\"objects\":1", "\"objects\":2"), ("\"offset\":0", "\"offset\":1")]
    {
        let bad = String::from_utf8(good.clone()).unwrap().replace(from, to);
        dir.put("index/log-0.jsonl", bad.as_bytes());
        let refused = Container::open(dir.clone(), Options::default()).err();
        assert!(
            matches!(&refused, Some(Error::Corrupt(damage)) if damage.file == "index/log-0.jsonl:1"),
            "the error names file and line: {refused:?}"
        );
    }
}

#[test]
fn damage_is_told_with_its_line() {
    let sound = sound_with(8192);
    let log = sound.dir.bytes("index/log-0.jsonl");
    let starts: Vec<usize> = std::iter::once(0)
        .chain(log.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1))
        .collect();
    // Three batches of two lines and a commit line.
    for (line, start) in starts[..9].iter().enumerate() {
        let mut damaged = log.clone();
        damaged[start + 20] ^= 1;
        sound.dir.put("index/log-0.jsonl", &damaged);
        let Err(Error::Corrupt(damage)) = Container::open(sound.dir.clone(), Options::default()).map(drop) else {
            panic!("line {line} is damaged, and nobody notices")
        };
        assert_eq!(
            damage.file,
            format!("index/log-0.jsonl:{}", line / 3 * 3 + 1),
            "the batch is named by its first line"
        );
    }
}

#[test]
fn a_bomb_gives_no_more_than_the_index_says() {
    let bomb = miniz_oxide::deflate::compress_to_vec_zlib(&vec![0; 50 << 20], 9);
    assert!(bomb.len() < 100_000);
    let victim = id(b"the victim");
    for size in [1000, 1 << 20, (1 << 20) + 1, 40 << 20, 50 << 20, (50 << 20) + 1] {
        let dir = SimDir::new();
        create(dir.clone());
        dir.put("packs/0", &bomb);
        let line = put(&victim, 0, 0, bomb.len() as u64, size);
        dir.put("index/log-0.jsonl", &forged(&[line], [1, size, bomb.len() as u64]));
        let store = open(dir);
        let refused = store.get(&victim).expect_err("it does not have these bytes");
        assert!(matches!(&refused, Error::Corrupt(damage) if damage.file.starts_with("packs/0")), "{refused}");
        let mut buffer = vec![0; 1 << 20];
        let mut given = 0;
        if let Ok(mut reader) = store.reader(&victim) {
            while let Ok(len @ 1..) = reader.read(&mut buffer) {
                given += len as u64;
            }
        }
        assert!(given <= size, "no more is given out than the index says");
    }
}
