//! Verifying: every kind of damage is found and named, and nothing else is.

use loosepack::{Compression, Container, Finding, Job as _, Options, Part, Placement, Progress};

use crate::sim::SimDir;
use crate::support::{create, folding, id, noise, open, pack, run, text, verify};

/// All there is: loose and packed, plain, compressed and framed; a log and a run.
pub(crate) fn sample() -> SimDir {
    let dir = SimDir::new();
    let config = loosepack::Config { pack_target: 7000, ..Default::default() };
    let options = Options { tuning: folding(4), ..Options::default() };
    let store = Container::create(dir.clone(), config, options).unwrap();
    contents().iter().take(2).for_each(|content| assert!(store.add(content).is_ok()));
    for batch in contents()[2..].chunks(2) {
        let mut writer = store.pack_writer(Compression::Auto).unwrap();
        batch.iter().for_each(|content| assert!(writer.add(content).is_ok()));
        writer.finish().unwrap();
    }
    dir
}

/// Its contents: the first two are loose.
pub(crate) fn contents() -> Vec<Vec<u8>> {
    vec![
        noise(150, 1),
        noise((1 << 20) + 100, 2),
        text((2 << 20) + 5000, 3),
        noise(300, 4),
        text(900, 5),
        noise(200, 6),
        noise((1 << 20) + 7, 8),
        Vec::new(),
    ]
}

fn all(dir: &SimDir) -> (Progress, Vec<Finding>, Vec<Finding>) {
    verify(&Container::open_damaged(dir.clone(), Options::default()).unwrap(), Part::default())
}

#[track_caller]
fn sound(dir: &SimDir) -> Vec<Finding> {
    let (_, problems, notes) = all(dir);
    assert_eq!(problems, [], "it is sound");
    notes
}

/// The one problem that is found names the file, and says this.
#[track_caller]
fn is_found(dir: &SimDir, file: &str, says: &str) {
    let (_, problems, _) = all(dir);
    let found = problems.iter().any(|damage| damage.file.starts_with(file) && damage.message.contains(says));
    assert!(found, "{file}: {says:?} is not among {problems:#?}");
}

#[test]
fn a_sound_container_has_no_problems() {
    let dir = sample();
    let (progress, problems, notes) = all(&dir);
    assert_eq!((problems, notes), (vec![], vec![]));
    assert_eq!(progress.objects, contents().len() as u64);
    assert_eq!(progress.bytes, contents().iter().map(|content| content.len() as u64).sum::<u64>());
    assert_eq!(progress.done, progress.total);
    let empty = SimDir::new();
    create(empty.clone());
    assert_eq!(sound(&empty), []);
}

/// The total grew when the packs were met, and a bar went back.
#[test]
fn how_much_there_is_to_do_is_known_from_the_start() {
    let dir = sample();
    for meanwhile in [false, true] {
        let mut job = open(dir.clone()).verify(Part::default()).unwrap();
        let first = job.step().unwrap();
        if meanwhile {
            assert_eq!(pack(&open(dir.clone()), Compression::Never), Ok(vec![]));
        }
        let mut before = first.done;
        loop {
            let progress = job.step().unwrap();
            assert_eq!(progress.total, first.total);
            assert!((before..=first.total).contains(&progress.done), "{} after {before}", progress.done);
            before = progress.done;
            if progress.finished {
                break;
            }
        }
        assert_eq!(before, first.total);
    }
}

#[test]
fn verifying_writes_nothing() {
    let dir = sample();
    let read_only = Options { access: loosepack::Access::ReadOnly, ..Options::default() };
    let before: Vec<_> = dir.files().iter().map(|path| dir.bytes(path)).collect();
    verify(&Container::open(dir.clone(), read_only).unwrap(), Part::default());
    assert!(before == dir.files().iter().map(|path| dir.bytes(path)).collect::<Vec<_>>());
}

/// Every changed byte in each file that holds objects is noticed, and never by a panic.
#[test]
fn every_changed_byte_of_objects_and_packs_is_noticed() {
    let dir = sample();
    let mut rng = crate::support::Rng::new(7);
    for path in dir.files() {
        if !["loose/", "packs/", "index/run", "index/log"].iter().any(|kind| path.starts_with(kind)) {
            continue;
        }
        let bytes = dir.bytes(&path);
        let mut places: Vec<usize> =
            (0..bytes.len().min(300)).chain(bytes.len().saturating_sub(60)..bytes.len()).collect();
        places.extend((0..20).map(|_| rng.below(bytes.len() as u64) as usize));
        for place in places {
            let damaged = dir.fork();
            let mut changed = bytes.clone();
            changed[place] ^= 1 << rng.below(8);
            damaged.put(&path, &changed);
            let (_, problems, _) = all(&damaged);
            assert!(!problems.is_empty(), "byte {place} of {path} was changed");
            let named = |damage: &Finding| damage.file.starts_with(&path) || path.starts_with("index/");
            assert!(problems.iter().all(named), "byte {place} of {path}: {problems:#?}");
        }
    }
}

#[test]
fn cut_and_missing_files_are_named() {
    for path in sample().files() {
        if !path.starts_with("packs/") && !path.starts_with("index/") {
            continue;
        }
        let dir = sample();
        let bytes = dir.bytes(&path);
        // A log that ends early is one whose last batches were never written: there is no telling.
        if path.starts_with("packs/") || path.starts_with("index/run") {
            for len in [bytes.len() - 1, bytes.len() / 2, 0] {
                dir.put(&path, &bytes[..len]);
                is_found(&dir, &path, "");
            }
        }
        dir.remove(&path);
        is_found(&dir, &path, "missing");
    }
    let dir = sample();
    dir.remove("packs/0");
    let (_, problems, _) = all(&dir);
    let store = open(dir);
    let in_it = |content: &Vec<u8>| {
        let placement = store.info(&id(content)).unwrap().placement;
        matches!(placement, Placement::Packed(location) if location.pack == 0)
    };
    assert_eq!(problems.len(), contents().iter().filter(|content| in_it(content)).count(), "each object of it is told");
}

#[test]
fn what_is_left_behind_is_a_note() {
    let dir = sample();
    dir.put("incoming/0000-0", b"half an object");
    dir.put("index/run-77.jsonl", b"half a run");
    let log = dir.files().into_iter().find(|path| path.starts_with("index/log")).unwrap();
    dir.put(&log, &[&dir.bytes(&log)[..], b"{\"put\":\"ab"].concat());
    let last = dir.files().into_iter().rfind(|path| path.starts_with("packs/")).unwrap();
    let orphan = format!("{{\"id\":\"{}\",\"size\":5,\"length\":5,\"enc\":\"none\"}}\nwhole\ntorn", id(b"whole"));
    dir.put(&last, &[&dir.bytes(&last)[..], orphan.as_bytes()].concat());
    let notes = sound(&dir);
    let files: Vec<&str> = notes.iter().map(|note| note.file.as_str()).collect();
    assert_eq!(files, ["incoming", "index", "index/run-77.jsonl", &last]);
    assert!(notes[3].message.contains("1 records") && notes[3].message.contains("4 bytes"), "{}", notes[3].message);
}

/// The log and the manifest of a container whose index is one log.
fn relog(dir: &SimDir, from: &str, to: &str) {
    let log = String::from_utf8(dir.bytes("index/log-0.jsonl")).unwrap();
    assert!(log.contains(from), "{log}");
    let (lines, commit) =
        log.replacen(from, to, 1).split_once("{\"commit").map(|(l, c)| (l.to_string(), c.to_string())).unwrap();
    let covered = format!("{lines}{{\"commit{}", commit.split_once(",\"crc").unwrap().0);
    let crc = crc32fast::hash(covered.as_bytes());
    dir.put("index/log-0.jsonl", format!("{covered},\"crc\":\"{crc:08x}\"}}\n").as_bytes());
}

#[test]
fn an_index_that_lies_is_found_out() {
    let made = || {
        let dir = SimDir::new();
        let store = create(dir.clone());
        store.add(&noise(50, 1)).unwrap();
        store.add(&noise(60, 2)).unwrap();
        pack(&store, Compression::Never).unwrap();
        store.clean().and_then(run).unwrap();
        dir
    };
    let log = String::from_utf8(made().bytes("index/log-0.jsonl")).unwrap();
    let first: serde_json::Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    let offset = format!("\"offset\":{}", first["offset"]);
    let dir = made();
    relog(&dir, &offset, "\"offset\":1");
    is_found(&dir, "packs/0 at byte 1", "do not match");
    let dir = made();
    relog(&dir, "\"pack\":0", "\"pack\":9");
    is_found(&dir, "packs/9", "missing");
    let dir = made();
    relog(&dir, "\"objects\":2", "\"objects\":3");
    is_found(&dir, "index/log-0.jsonl", "add up");
    let dir = made();
    dir.put("index/manifest.json", b"{\"log\":0,\"runs\":[],\"objects\":1,\"size\":0,\"length\":0}\n");
    is_found(&dir, "index/manifest.json", "add up");
}

#[test]
fn a_record_within_another_is_found() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let inner = format!("{{\"id\":\"{}\",\"size\":5,\"length\":5,\"enc\":\"none\"}}\ninner\n", id(b"inner"));
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    writer.add(inner.as_bytes()).unwrap();
    writer.add(b"inner").unwrap();
    writer.finish().unwrap();
    assert_eq!(sound(&dir), []);
    let pack = String::from_utf8(dir.bytes("packs/0")).unwrap();
    let (within, by_itself) = (pack.find("inner\n").unwrap(), pack.rfind("inner\n").unwrap());
    relog(&dir, &format!("\"offset\":{by_itself}"), &format!("\"offset\":{within}"));
    assert_eq!(open(dir.clone()).get(&id(b"inner")).unwrap(), b"inner");
    is_found(&dir, "packs/0", "within another");
}

#[test]
fn the_parts_make_up_the_whole() {
    let dir = sample();
    let store = open(dir.clone());
    let whole = verify(&store, Part::default()).0;
    let parts = (0..3).map(|shard| verify(&store, Part { shards: 3, shard, completed: 0 }).0);
    let sums = parts.fold((0, 0), |sum, part| (sum.0 + part.objects, sum.1 + part.bytes));
    assert_eq!(sums, (whole.objects, whole.bytes));
    // Stopped after any step, and continued.
    let mut steps = 0;
    loop {
        let mut first = store.verify(Part::default()).unwrap();
        let mut stopped = Progress::default();
        for _ in 0..steps {
            stopped = first.step().unwrap();
        }
        let rest = verify(&store, Part { completed: stopped.done, ..Part::default() });
        assert_eq!((rest.1, rest.2), (vec![], vec![]));
        assert!(stopped.objects + rest.0.objects >= whole.objects, "after {steps} steps something is left out");
        if stopped.finished {
            assert_eq!(rest.0.objects, 0);
            break;
        }
        steps += 13;
    }
    for part in [Part { shards: 0, shard: 0, completed: 0 }, Part { shards: 2, shard: 2, completed: 0 }] {
        assert!(store.verify(part).is_err());
    }
}
