//! Fuzzing on a stable compiler: each file of a container is mutated, and whatever then reads must be right.
//!
//! A target is a function of bytes. It is given each file of its folder in `tests/corpus`, then mutations of them and
//! of what the store itself writes. A run is short and always the same; `LOOSEPACK_FUZZ=1000000` makes it longer, and
//! `LOOSEPACK_SEED=2` another one; `cargo xtask sweep` does all there is for longer. An input that fails is made
//! smaller and printed as a command that puts it into the corpus.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use loosepack::{Compression, Config, Container, Content, Error, ObjectId, Options, Part, codec};

use crate::crafted::{line, run_of};
use crate::damage::forged;
use crate::sim::SimDir;
use crate::support::{Rng, folding, id, noise, options, run, setting, text, tiny, tuning, verify, with_tuning};

/// Insertions of a mutation: texts that parsers trip over.
const NASTY: &[&str] = &[
    "0",
    "-1",
    "1e9",
    "01",
    "+1",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999",
    "null",
    "[]",
    "{}",
    "[[[[",
    "\"",
    "\\u0000",
    "\n",
    "\n\n",
    "\0",
    " ",
    "{\"commit\":",
    "{\"put\":\"",
    "{\"delete\":\"",
    ",\"crc\":\"",
    "..",
    "/",
    "\u{fffd}",
];

/// Runs a target on its corpus, on `seeds` and on mutations of both, in usual sizes and in tiny ones.
fn fuzz(target: &str, iterations: u64, seeds: &[Vec<u8>], check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(target);
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .map(|entries| entries.map(|entry| entry.expect("the corpus is readable").path()).collect())
        .unwrap_or_default();
    names.sort();
    let mut inputs: Vec<Vec<u8>> = names.iter().map(|path| std::fs::read(path).expect("it is a file")).collect();
    assert!(!inputs.is_empty(), "{target} has a corpus");
    inputs.extend_from_slice(seeds);
    inputs.iter().for_each(|input| try_one(target, input, &check));
    let mut rng = Rng::new(setting("LOOSEPACK_SEED", 1));
    let iterations = setting("LOOSEPACK_FUZZ", iterations);
    for number in 0..iterations {
        let input = mutated(&inputs, &mut rng);
        let tuning = if number.is_multiple_of(2) { tuning() } else { tiny() };
        with_tuning(tuning, || try_one(target, &input, &check));
    }
    println!("{target}: {} inputs, {iterations} mutations", inputs.len());
}

fn try_one(target: &str, input: &[u8], check: &impl Fn(&[u8])) {
    let fails = |input: &[u8]| catch_unwind(AssertUnwindSafe(|| check(input))).is_err();
    if !fails(input) {
        return;
    }
    let mut smallest = input.to_vec();
    let mut step = smallest.len().div_ceil(2);
    while step > 0 {
        let mut start = 0;
        while start < smallest.len() {
            let shorter = [&smallest[..start], &smallest[smallest.len().min(start + step)..]].concat();
            if fails(&shorter) {
                smallest = shorter;
            } else {
                start += step;
            }
        }
        step /= 2;
    }
    let octal: String = smallest.iter().map(|byte| format!("\\{byte:03o}")).collect();
    panic!("{target} fails: printf '{octal}' > tests/corpus/{target}/name-of-the-bug");
}

/// One of the inputs with some changes.
fn mutated(inputs: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = inputs[rng.below(inputs.len() as u64) as usize].clone();
    for _ in 0..1 + rng.below(4) {
        let at = rng.below(bytes.len() as u64 + 1) as usize;
        let end = (at + rng.part(bytes.len() - at)).min(at + 1 + rng.below(80) as usize);
        match rng.below(10) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let nasty = NASTY[rng.below(NASTY.len() as u64) as usize];
                // In place of a number, if there is one.
                let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                bytes.splice(at..at + digits, nasty.bytes());
            }
            3 => {
                let other = &inputs[rng.below(inputs.len() as u64) as usize];
                let from = rng.below(other.len() as u64 + 1) as usize;
                let piece = &other[from..][..rng.part(other.len() - from).min(200)];
                bytes.splice(at..at, piece.iter().copied());
            }
            4 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            5 => {
                if let Some(byte) = bytes[at..].iter_mut().find(|byte| byte.is_ascii_hexdigit()) {
                    *byte = b"0123456789abcdefF"[rng.below(17) as usize];
                }
            }
            6 => bytes[at..end].fill(rng.next() as u8),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << rng.below(8);
                }
            }
        }
    }
    bytes
}

/// A container with all there is: loose and packed, plain, compressed and framed, a log and a run.
struct Sound {
    dir: SimDir,
    contents: BTreeMap<ObjectId, Vec<u8>>,
}

fn sound(framed: bool) -> Sound {
    let dir = SimDir::new();
    let options = Options { tuning: folding(4), ..Options::default() };
    let store = Container::create(dir.clone(), Config { pack_target: 1500, ..Config::default() }, options).unwrap();
    let large = if framed { text((1 << 20) + 3000, 3) } else { noise(10, 3) };
    let mut contents = vec![noise(150, 1), text(700, 2)];
    contents.iter().for_each(|content| assert!(store.add(content).is_ok()));
    for batch in [vec![large, noise(300, 4)], vec![text(900, 5), noise(200, 6)], vec![noise(100, 7), Vec::new()]] {
        let mut writer = store.pack_writer(Compression::Auto).unwrap();
        batch.iter().for_each(|content| assert!(writer.add(content).is_ok()));
        writer.finish().unwrap();
        contents.extend(batch);
    }
    Sound { dir, contents: contents.into_iter().map(|content| (id(&content), content)).collect() }
}

impl Sound {
    /// Puts these bytes in place of a file and does everything that can be done.
    fn with(&self, path: &str, bytes: &[u8]) {
        let dir = self.dir.fork();
        dir.put(path, bytes);
        self.examine(dir.fork(), bytes.len().is_multiple_of(4));
        if bytes.len().is_multiple_of(3) {
            self.rebuild(&dir);
        }
    }

    /// Verify, which nothing stops; rebuild the index, and examine what comes of it.
    fn rebuild(&self, dir: &SimDir) {
        let Ok(store) = Container::open_damaged(dir.clone(), options()) else { return };
        verify(&store, Part::default());
        if store.reindex().and_then(run).is_ok() {
            assert!(Container::open(dir.clone(), options()).is_ok(), "an index that was rebuilt opens");
            verify(&store, Part::default());
            self.examine(dir.clone(), false);
        }
    }

    fn examine(&self, dir: SimDir, write: bool) {
        let Ok(store) = Container::open(dir.clone(), Options { tuning: folding(2), ..Options::default() }) else {
            return;
        };
        let mut listed: Vec<ObjectId> = Vec::new();
        while let Ok(page) = store.objects(listed.last(), 5)
            && !page.is_empty()
        {
            listed.extend(page);
            assert!(listed.is_sorted_by(|a, b| a < b), "a list is sorted");
            assert!(listed.len() < 10_000, "a list ends");
        }
        for id in self.contents.keys().chain(&listed) {
            if let Ok(bytes) = store.get(id) {
                assert_eq!(codec::sha256(&bytes), *id, "what reads is right");
            }
            if let Ok(mut reader) = store.reader(id) {
                reader.seek(reader.size() / 2);
                drop(reader.read(&mut [0; 1000]));
            }
            drop((store.info(id), store.contains(&[*id])));
        }
        if let Ok(mut batch) = store.read_many(listed.iter().chain(self.contents.keys()).copied().collect()) {
            while let answers = batch.next_items()
                && !answers.is_empty()
            {
                for (id, answer) in answers {
                    if let Content::Bytes(bytes) = answer {
                        assert_eq!(codec::sha256(&bytes), id, "what reads is right");
                    }
                }
            }
        }
        drop(store.stats());
        if write {
            self.write(&dir, &store);
        }
    }

    /// The rest, and what is sound must stay so.
    fn write(&self, dir: &SimDir, store: &Container<SimDir>) {
        let readable = |store: &Container<SimDir>| {
            self.contents.keys().filter(|id| store.get(id).is_ok()).copied().collect::<Vec<_>>()
        };
        let before = readable(store);
        let added = store.add(b"added");
        drop(store.pack_loose(Compression::Auto).and_then(run));
        drop(store.clean().and_then(run));
        let packed = store.pack_writer(Compression::Never).and_then(|mut writer| {
            let packed = writer.add(b"packed")?;
            writer.finish().map(|()| packed)
        });
        drop(store.force_unlock());
        let again = Container::open(dir.clone(), options()).expect("what was opened once opens again");
        let after = readable(&again);
        assert!(before.iter().all(|id| after.contains(id)), "what was readable is");
        for id in [added, packed].into_iter().flatten() {
            assert!(again.get(&id).is_ok(), "what was acknowledged is readable");
        }
    }

    fn file(&self, start: &str) -> (String, Vec<u8>) {
        let path = self.dir.files().into_iter().find(|path| path.starts_with(start)).expect("there is one");
        let bytes = self.dir.bytes(&path);
        (path, bytes)
    }
}

#[test]
fn container_settings() {
    let sound = sound(false);
    let (path, seed) = sound.file("container.json");
    fuzz("container", 2000, &[seed], |bytes| sound.with(&path, bytes));
}

#[test]
fn manifests() {
    let sound = sound(false);
    let (path, seed) = sound.file("index/manifest");
    fuzz("manifest", 2000, &[seed], |bytes| sound.with(&path, bytes));
}

#[test]
fn logs() {
    let sound = sound(false);
    let (path, seed) = sound.file("index/log");
    fuzz("log", 2000, &[seed], |bytes| {
        sound.with(&path, bytes);
        // With a right checksum, so that it is not only that which keeps nonsense out.
        let lines: Vec<String> = String::from_utf8_lossy(bytes)
            .split_inclusive('\n')
            .filter(|line| !line.contains("commit"))
            .map(String::from)
            .collect();
        sound.with(&path, &forged(&lines, [9, 9, 9]));
    });
}

#[test]
fn runs() {
    let sound = sound(false);
    let (path, seed) = sound.file("index/run");
    fuzz("run", 2000, &[seed], |bytes| {
        sound.with(&path, bytes);
        // With right checksums: ids in any order, and any locations.
        let entry = |text: &[u8]| {
            let id = ObjectId::from_hex(text.get(7..71)?)?;
            let deleted = text.windows(8).any(|part| part == b"\"delete\"");
            let digit = |number: usize| text.get(71 + number).map_or(0, |byte| byte % 10);
            Some(line(&id, (!deleted).then(|| [digit(0), digit(1), digit(2), digit(3)])))
        };
        let lines: Vec<String> = bytes.split(|byte| *byte == b'\n').filter_map(entry).collect();
        sound.with(&path, &run_of(&lines));
    });
}

#[test]
fn packs() {
    let sound = sound(true);
    for pack in ["packs/0", "packs/1"] {
        let (path, seed) = sound.file(pack);
        fuzz("pack", 300, &[seed], |bytes| sound.with(&path, bytes));
    }
}

#[test]
fn locations() {
    let sound = sound(true);
    let (log, _) = sound.file("index/log");
    // Eight bytes for each number, of which few or many are used.
    fuzz("location", 1000, &[(0..=255).collect()], |bytes| {
        let mut numbers = bytes.chunks(9).map(|chunk| {
            let number = chunk[1..].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
            number >> (chunk[0] % 64)
        });
        let mut next = || numbers.next().unwrap_or(0);
        let lines: Vec<String> =
            sound.contents.keys().map(|id| crate::damage::put(id, next() % 3, next(), next(), next())).collect();
        sound.with(&log, &forged(&lines, [9, 9, 9]));
    });
}

#[test]
fn marks() {
    let sound = sound(false);
    fuzz("mark", 1000, &[b"{\"holder\":\"someone\",\"since\":1700000000}\n".to_vec()], |bytes| {
        for (path, locks) in [("lock/pack.file.json", true), ("lock/pack.os.json", false)] {
            let dir = if locks { sound.dir.fork() } else { sound.dir.fork().without_locks() };
            dir.put(path, bytes);
            let store = Container::open(dir, options()).unwrap();
            match store.pack_writer(Compression::Never).err() {
                Some(Error::Locked(told)) => assert!(!told.contains(char::is_control), "{told:?}"),
                other => panic!("{other:?}"),
            }
            store.force_unlock().unwrap();
            store.pack_writer(Compression::Never).expect("the place is free");
        }
    });
}

#[test]
fn zlib() {
    let blocks = |data, level, last| codec::Framing::start(data, level, last).finish().0;
    let seeds = [blocks(text(5000, 1), 6, true), blocks(noise(500, 1), 1, false)];
    fuzz("zlib", 5000, &seeds, |bytes| {
        for size in [0, 1, 500, 5000, 1 << 20] {
            let (range, size) = (0..bytes.len() as u32, size as u32);
            let payload = codec::Payload { range, size, compressed: true, expected: None, adler: None };
            let inflated = codec::Decoding::start(bytes, vec![payload]).finish().remove(0);
            assert!(inflated.is_none_or(|inflated| inflated.len() == size as usize));
        }
    });
}

#[test]
fn ids() {
    fuzz("id", 5000, &[id(b"x").to_string().into_bytes()], |bytes| {
        if let Some(id) = ObjectId::from_hex(bytes) {
            assert_eq!(id.to_string().as_bytes(), bytes, "there is one text for each id");
        }
        let text = String::from_utf8_lossy(bytes);
        match text.parse::<ObjectId>() {
            Ok(id) => assert_eq!(id.to_string(), text),
            Err(error) => assert!(!error.to_string().contains(char::is_control), "{error}"),
        }
    });
}
