//! Packs that are kept open: which one makes room for another, and what happens when the system has no more room.

use loosepack::{Compression, Config, Container, ObjectId, Options, Tuning};

use crate::sim::SimDir;
use crate::support::{id, noise};
use crate::watch::{Call, Verdict, Watch};

/// A container with a pack for each of `count` objects.
fn packs(count: u64) -> (SimDir, Vec<ObjectId>) {
    let dir = SimDir::new();
    let config = Config { pack_target: 1, ..Config::default() };
    let store = Container::create(dir.clone(), config, Options::default()).unwrap();
    let contents: Vec<Vec<u8>> = (0..count).map(|seed| noise(100, seed)).collect();
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    let ids = contents.iter().map(|content| writer.add(content).unwrap()).collect();
    writer.finish().unwrap();
    assert!(dir.files().contains(&format!("packs/{}", count - 1)), "each has a pack");
    (dir, ids)
}

#[test]
fn the_pack_that_was_not_used_for_the_longest_time_is_closed() {
    let (dir, ids) = packs(5);
    let opened = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let log = opened.clone();
    let watch = Watch::with(dir, move |call, path, _| {
        if call == Call::OpenRead && path.starts_with("packs/") {
            log.borrow_mut().push(path[6..].parse::<usize>().unwrap());
        }
        Verdict::Pass
    });
    let options = Options { tuning: Tuning { open_packs: 2, ..Tuning::default() }, ..Options::default() };
    let store = Container::open(watch, options).unwrap();
    for number in [4, 0, 4, 1, 4, 2, 4, 3, 4, 3, 0] {
        assert!(store.get(&ids[number]).is_ok());
    }
    assert_eq!(*opened.borrow(), [4, 0, 1, 2, 3, 0], "4 stays, as it is used again and again");
}

#[test]
fn packs_are_closed_when_the_system_lets_no_more_files_be_open() {
    let (dir, ids) = packs(40);
    let watch = Watch::new(dir);
    let store = Container::open(watch.clone(), Options::default()).unwrap();
    let room = watch.seen().open.get() + 10;
    watch.seen().may_open.set(Some(room));
    for round in 0..3 {
        for object in &ids {
            assert_eq!(store.get(object).map(|bytes| id(&bytes)).as_ref(), Ok(object), "round {round}");
        }
        assert!(watch.seen().open.get() < room, "there is room for other files");
    }
    // As many packs as there is room for, and then something else.
    watch.seen().may_open.set(None);
    let store = Container::open(watch.clone(), Options::default()).unwrap();
    ids.iter().for_each(|id| assert!(store.get(id).is_ok()));
    watch.seen().may_open.set(Some(watch.seen().open.get()));
    let added = store.add(b"added").unwrap();
    watch.seen().may_open.set(Some(watch.seen().open.get()));
    assert_eq!(store.get(&added).as_deref(), Ok(&b"added"[..]), "the loose file is opened");
    let mut writer = store.writer().unwrap();
    writer.write(b"more").unwrap();
    assert_eq!(writer.finish(), Ok(id(b"more")));
}
