//! `verify` and `reindex`, through the component and as commands.

use std::fs;
use std::path::Path;

use loosepack_host::{Compression, Options, Part, StoreError};
use serde_json::Value;

use crate::support::{Ran, TempDir, container, loosepack, noise, runtime};

/// A directory with a container `store` of ten packed objects and a loose one.
fn with_objects() -> TempDir {
    let dir = TempDir::new();
    loosepack(dir.path(), ["init"]).exits(0);
    for number in 0..10 {
        dir.file(format!("files/{number}"), noise(100 + number, number as u64));
    }
    loosepack(dir.path(), ["add", "--to-pack", "-r", "files"]).exits(0);
    dir.file("loose", "a loose object");
    loosepack(dir.path(), ["add", "loose"]).exits(0);
    dir
}

fn lines(ran: &Ran) -> Vec<Value> {
    ran.text().lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

fn change(path: impl AsRef<Path>, place: usize) {
    let mut bytes = fs::read(&path).unwrap();
    bytes[place] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_sound_container_is_told_to_be_sound() {
    let dir = with_objects();
    let ran = loosepack(dir.path(), ["verify"]).exits(0);
    assert!(ran.text().starts_with("no damage; 11 objects sound"), "{}", ran.text());
    assert_eq!(ran.stderr, "");
    let told = lines(&loosepack(dir.path(), ["verify", "--json"]).exits(0));
    assert_eq!(told.last().unwrap()["objects"], 11);
    assert_eq!(told.last().unwrap()["problems"], 0);
    let done: Vec<u64> = told.iter().filter_map(|line| line["done"].as_u64()).collect();
    assert!(done.is_sorted() && done.last() == Some(&258), "256 shards, the index, a pack: {done:?}");
}

#[test]
fn a_container_is_verified_in_parts() {
    let dir = with_objects();
    let objects = |arguments: &[&str]| {
        let ran = loosepack(dir.path(), ["verify", "--json"].iter().chain(arguments)).exits(0);
        lines(&ran).last().unwrap()["objects"].as_u64().unwrap()
    };
    assert_eq!(objects(&["--shard", "0/2"]) + objects(&["--shard", "1/2"]), 11);
    assert_eq!(objects(&["--from", "257"]), 10);
    assert_eq!(objects(&["--from", "258"]), 0);
    for wrong in ["2/2", "1", "0/0", "-1/2", "a/b"] {
        loosepack(dir.path(), ["verify", "--shard", wrong]).exits(2);
    }
}

#[test]
fn damage_is_told_and_ends_with_1() {
    let dir = with_objects();
    change(dir.join("store/packs/0"), 150);
    fs::write(dir.join("store/incoming/left"), "by a crash").unwrap();
    loosepack(dir.path(), ["verify"]).exits(1).says(&["damaged: packs/0 at byte", "note: incoming"]);
    let told = lines(&loosepack(dir.path(), ["verify", "--json"]).exits(1));
    let problems: Vec<&Value> = told.iter().filter(|line| line["problem"].is_string()).collect();
    assert!(problems.len() == 1 && problems[0]["file"].as_str().unwrap().starts_with("packs/0"), "{problems:?}");
    assert_eq!(told.iter().filter(|line| line["note"].is_string()).count(), 1);
    let last = told.last().unwrap();
    assert_eq!((&last["objects"], &last["problems"], &last["notes"]), (&10.into(), &1.into(), &1.into()));
}

#[test]
fn an_index_that_is_gone_is_rebuilt() {
    let dir = with_objects();
    let listed = loosepack(dir.path(), ["ls"]).exits(0).text().to_owned();
    let files = |dir: &TempDir| fs::read_dir(dir.join("store/index")).unwrap().map(|entry| entry.unwrap().path());
    for damage in [|path| fs::remove_file(path).unwrap(), |path| fs::write(path, "{}").unwrap()] {
        files(&dir).for_each(damage);
        loosepack(dir.path(), ["ls"]).exits(1).says(&["`reindex` rebuilds"]);
        loosepack(dir.path(), ["verify"]).exits(1).says(&["index/manifest.json", "`reindex` rebuilds"]);
        let ran = loosepack(dir.path(), ["reindex"]).exits(0);
        assert!(ran.text().starts_with("indexed 10 packed objects"), "{}", ran.text());
        assert_eq!(loosepack(dir.path(), ["ls"]).exits(0).text(), listed);
        loosepack(dir.path(), ["verify"]).exits(0);
    }
    change(dir.join("store/packs/0"), 150);
    let told = lines(&loosepack(dir.path(), ["reindex", "--json"]).exits(1));
    assert_eq!(told.last().unwrap()["problems"], 1);
    assert_eq!(told.iter().filter(|line| line["problem"].is_string()).count(), 1);
    fs::remove_file(dir.join("store/container.json")).unwrap();
    loosepack(dir.path(), ["reindex"]).exits(2).says(&["container.json", "restore it from a copy"]);
}

#[test]
fn the_component_verifies_and_reindexes() {
    let (dir, store) = container();
    let mut writer = store.pack_writer(Compression::Auto).unwrap();
    let id = writer.add(b"some bytes").unwrap();
    let large = writer.add(&vec![7; 3 << 20]).unwrap();
    writer.finish().unwrap();
    let progress = store.verify(Part::default()).unwrap().finish().unwrap();
    assert_eq!((progress.objects, progress.problems, progress.notes), (2, vec![], vec![]));
    let wrong = Part { shards: 2, shard: 2, completed: 0 };
    assert!(matches!(store.verify(wrong).map(drop), Err(loosepack_host::Error::Store(StoreError::InvalidArgument(_)))));
    fs::remove_file(dir.join("index/manifest.json")).unwrap();
    fs::remove_file(dir.join("index/log-0.jsonl")).unwrap();
    assert!(runtime().open(dir.path()).is_err());
    let damaged = runtime().open_damaged(dir.path(), Options::default()).unwrap();
    assert!(damaged.get(&id).is_err());
    assert_eq!(damaged.verify(Part::default()).unwrap().finish().unwrap().problems.len(), 1);
    assert_eq!(damaged.reindex().unwrap().finish().unwrap().objects, 2);
    assert_eq!(damaged.get(&id).unwrap(), b"some bytes");
    assert_eq!(runtime().open(dir.path()).unwrap().get(&large).unwrap().len(), 3 << 20);
}
