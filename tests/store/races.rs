//! Others at work between any two operations: the same answers, and nothing lost.
//!
//! A call runs once to count its operations; then again for each of them, with another handle at work right before it.

use std::cell::Cell;
use std::fmt::Debug;
use std::rc::Rc;

use loosepack::{Compression, Config, Container, Content, ObjectId, Options, Part, RepackOptions};

use crate::sim::SimDir;
use crate::support::{clean, folding, id, noise, open, pack, run, text, verify};
use crate::watch::{Verdict, Watch};

type Store = Container<Watch<SimDir>>;

const PACK_TARGET: u64 = 400;

fn contents() -> Vec<Vec<u8>> {
    (0..6).map(|seed| noise(100 + seed as usize, seed)).collect()
}

fn ids() -> Vec<ObjectId> {
    contents().iter().map(|content| id(content)).collect()
}

/// Half of them are packed and clean, the others loose.
fn half_packed() -> SimDir {
    let dir = SimDir::new();
    let config = Config { pack_target: PACK_TARGET, ..Config::default() };
    let store = Container::create(dir.clone(), config, Options::default()).unwrap();
    for (number, content) in contents().iter().enumerate() {
        store.add(content).unwrap();
        if number == 2 {
            pack(&store, Compression::Never).unwrap();
            clean(&store).unwrap();
        }
    }
    dir
}

fn pack_and_clean(dir: &SimDir) {
    // Folded at each commit, so that index files are replaced as well.
    let store = Container::open(dir.clone(), Options { tuning: folding(1), ..Options::default() }).unwrap();
    pack(&store, Compression::Never).unwrap();
    clean(&store).unwrap();
}

/// `call` gives the same whenever `meanwhile` happens. Returns how many moments there were.
fn is_steady<T: PartialEq + Debug>(meanwhile: fn(&SimDir), call: impl Fn(&Store) -> T) -> u64 {
    let run = |interrupted_at: Option<u64>| {
        let inner = half_packed();
        let (counter, armed) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(false)));
        let (count, arm, other) = (counter.clone(), armed.clone(), inner.clone());
        let watched = Watch::with(inner, move |_, _, _| {
            if arm.get() {
                if interrupted_at == Some(count.get()) {
                    meanwhile(&other);
                }
                count.set(count.get() + 1);
            }
            Verdict::Pass
        });
        let store = open(watched);
        armed.set(true);
        let result = call(&store);
        (result, counter.get())
    };
    let (expected, count) = run(None);
    assert_ne!(count, 0, "the call does something");
    for moment in 0..count {
        assert_eq!(run(Some(moment)).0, expected, "someone else was at work before operation {moment} of {count}");
    }
    count
}

#[test]
fn get_is_steady_while_others_pack_and_clean() {
    is_steady(pack_and_clean, |store| {
        for (id, content) in ids().iter().zip(contents()) {
            assert_eq!(store.get(id), Ok(content));
        }
        assert!(store.get(&id(b"absent")).is_err());
    });
}

#[test]
fn readers_are_steady_while_others_pack_and_clean() {
    is_steady(pack_and_clean, |store| {
        for (id, content) in ids().iter().zip(contents()) {
            let mut reader = store.reader(id).unwrap();
            let mut read = Vec::new();
            let mut buffer = [0; 40];
            while let len @ 1.. = reader.read(&mut buffer).unwrap() {
                read.extend_from_slice(&buffer[..len]);
            }
            assert_eq!(read, content);
        }
    });
}

#[test]
fn contains_is_steady_while_others_pack_and_clean() {
    is_steady(pack_and_clean, |store| {
        let mut asked = ids();
        // A miss first, so that the index is reread before the others are looked up.
        asked.insert(0, id(b"absent"));
        store.contains(&asked)
    });
}

#[test]
fn info_is_steady_while_others_pack_and_clean() {
    is_steady(pack_and_clean, |store| ids().iter().map(|id| store.info(id).unwrap().size).collect::<Vec<u64>>());
}

#[test]
fn listing_is_steady_while_others_pack_and_clean() {
    is_steady(pack_and_clean, |store| store.objects(None, usize::MAX).unwrap());
    is_steady(pack_and_clean, |store| {
        let mut listed: Vec<ObjectId> = Vec::new();
        while let page = store.objects(listed.last(), 2).unwrap()
            && !page.is_empty()
        {
            listed.extend(page);
        }
        listed
    });
}

#[test]
fn batches_are_steady_while_others_pack_and_clean() {
    is_steady(pack_and_clean, |store| {
        let mut asked = ids();
        asked.push(id(b"absent"));
        let mut batch = store.read_many(asked).unwrap();
        let mut answered = Vec::new();
        while let answers = batch.next_items()
            && !answers.is_empty()
        {
            answered.extend(answers.into_iter().map(|(id, content)| match content {
                Content::Bytes(bytes) => (id, Some(bytes)),
                Content::Missing => (id, None),
                content => panic!("{content:?}"),
            }));
        }
        answered.sort();
        answered
    });
}

#[test]
fn stats_work_while_others_pack_and_clean() {
    // An object that is moved meanwhile may count in either place.
    is_steady(pack_and_clean, |store| store.stats().map(|stats| stats.packed_objects + stats.loose_objects >= 3));
}

#[test]
fn adding_is_steady_while_others_pack_and_clean() {
    is_steady(pack_and_clean, |store| {
        for content in contents().iter().chain([&noise(50, 77)]) {
            let id = store.add(content).unwrap();
            assert_eq!(store.get(&id).as_ref(), Ok(content), "what was acknowledged is there");
        }
    });
}

#[test]
fn adding_is_steady_while_others_add_the_same() {
    let others = |dir: &SimDir| {
        for content in contents().iter().chain([&noise(50, 77)]) {
            open(dir.clone()).add(content).unwrap();
        }
    };
    is_steady(others, |store| {
        let id = store.add(&noise(50, 77)).unwrap();
        assert_eq!(store.get(&id), Ok(noise(50, 77)));
    });
}

#[test]
fn packing_is_steady_while_others_add() {
    let others = |dir: &SimDir| {
        let store = open(dir.clone());
        (70..75).for_each(|seed| assert!(store.add(&noise(60, seed)).is_ok()));
    };
    is_steady(others, |store| {
        assert_eq!(pack(store, Compression::Never), Ok(vec![]));
        clean(store).unwrap();
        for (id, content) in ids().iter().zip(contents()) {
            assert_eq!(store.get(id), Ok(content));
        }
        for seed in 70..75 {
            // Added at whichever moment, or not at all: never half.
            let found = store.get(&id(&noise(60, seed)));
            assert!(found.is_err() || found == Ok(noise(60, seed)));
        }
    });
}

#[test]
fn a_second_packer_is_turned_away_at_every_moment() {
    let others = |dir: &SimDir| {
        let store = open(dir.clone());
        if let Ok(mut writer) = store.pack_writer(Compression::Never) {
            writer.add(b"of the second packer").unwrap();
            writer.finish().unwrap();
        }
    };
    is_steady(others, |store| {
        assert_eq!(pack(store, Compression::Never), Ok(vec![]));
        for (id, content) in ids().iter().zip(contents()) {
            assert_eq!(store.get(id), Ok(content));
        }
    });
}

/// Moves everything that is packed, in however many packs, and packs and moves the rest.
fn repack(dir: &SimDir) {
    let store = Container::open(dir.clone(), Options { tuning: folding(1), ..Options::default() }).unwrap();
    let options = RepackOptions { compression: Some(Compression::Always), ..RepackOptions::default() };
    run(store.repack(options).unwrap()).unwrap();
}

fn pack_clean_and_repack(dir: &SimDir) {
    pack_and_clean(dir);
    repack(dir);
}

#[test]
fn reading_is_steady_while_others_repack() {
    for meanwhile in [repack, pack_clean_and_repack] {
        is_steady(meanwhile, |store| {
            for (id, content) in ids().iter().zip(contents()) {
                assert_eq!(store.get(id), Ok(content.clone()));
                assert_eq!(store.info(id).unwrap().size, content.len() as u64);
                let mut reader = store.reader(id).unwrap();
                let (mut start, mut rest) = ([0; 40], vec![0; content.len() - 40]);
                assert_eq!((reader.read(&mut start), reader.read(&mut rest)), (Ok(40), Ok(content.len() - 40)));
                assert_eq!([&start[..], &rest[..]].concat(), content);
            }
            (store.objects(None, usize::MAX).unwrap(), store.contains(&ids()))
        });
        is_steady(meanwhile, |store| {
            let mut batch = store.read_many(ids()).unwrap();
            let mut answered = Vec::new();
            while let answers = batch.next_items()
                && !answers.is_empty()
            {
                answered.extend(answers);
            }
            answered.sort_by_key(|(id, _)| *id);
            answered
        });
    }
}

#[test]
fn adding_what_others_repack_is_steady() {
    for meanwhile in [repack, pack_clean_and_repack] {
        is_steady(meanwhile, |store| {
            for content in contents() {
                let id = store.add(&content).unwrap();
                assert_eq!(store.get(&id), Ok(content));
            }
            let added = store.add_many(&contents()).unwrap();
            assert_eq!(store.contains(&added), Ok(vec![true; added.len()]));
        });
    }
}

#[test]
fn verifying_finds_no_damage_in_what_others_repack() {
    for meanwhile in [repack, pack_clean_and_repack] {
        is_steady(meanwhile, |store| verify(store, Part::default()).1);
    }
}

fn reindex(dir: &SimDir) {
    // A run for each object, so that there is much to merge and to remove.
    let options = Options { tuning: folding(1), ..Options::default() };
    run(Container::open(dir.clone(), options).unwrap().reindex().unwrap()).unwrap();
}

fn pack_clean_and_reindex(dir: &SimDir) {
    pack_and_clean(dir);
    reindex(dir);
}

fn write_and_add(dir: &SimDir) {
    let store = open(dir.clone());
    if store.contains(&[id(&noise(50, 77))]).unwrap()[0] {
        return;
    }
    let mut writer = store.pack_writer(Compression::Always).unwrap();
    [noise(50, 77), text(600, 78)].iter().for_each(|content| assert!(writer.add(content).is_ok()));
    writer.finish().unwrap();
    store.add(&noise(60, 79)).unwrap();
}

#[test]
fn verifying_finds_no_damage_in_what_others_do() {
    for meanwhile in [pack_and_clean, reindex, pack_clean_and_reindex, write_and_add] {
        is_steady(meanwhile, |store| verify(store, Part::default()).1);
    }
}

#[test]
fn reading_is_steady_while_others_reindex() {
    for meanwhile in [reindex, pack_clean_and_reindex] {
        is_steady(meanwhile, |store| {
            for (id, content) in ids().iter().zip(contents()) {
                assert_eq!(store.get(id), Ok(content));
            }
            (store.objects(None, usize::MAX).unwrap(), store.contains(&ids()))
        });
    }
}
