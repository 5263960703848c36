//! Reading: parts of objects, many at once, listings and counts, while others write.

use crate::sim::SimDir;
use crate::support::{clean, create, id, noise, open, pack, text};
use crate::watch::Watch;
use loosepack::{Compression, Container, Content, Error, ObjectId, Options, Placement, Stats};

const MIB: usize = 1 << 20;

#[test]
fn listing_pages_through_everything_once() {
    let store = create(SimDir::new());
    let mut expected: Vec<ObjectId> = (0..700).map(|seed| store.add(&noise(20, seed)).unwrap()).collect();
    pack(&store, Compression::Never).unwrap();
    expected.extend((700..1000).map(|seed| store.add(&noise(20, seed)).unwrap()));
    clean(&store).unwrap();
    // Some are loose and packed.
    (0..100).for_each(|seed| assert!(store.add(&noise(20, seed)).is_ok()));
    expected.sort();
    for limit in [1, 2, 3, 7, 64, 999, 1000, 1001, usize::MAX] {
        let mut listed: Vec<ObjectId> = Vec::new();
        loop {
            let page = store.objects(listed.last(), limit).unwrap();
            assert!(page.len() <= limit, "a page has no more than its limit");
            assert!(
                page.len() == limit || page.is_empty() || listed.len() + page.len() == 1000,
                "only the last is short"
            );
            if page.is_empty() {
                break;
            }
            listed.extend(page);
        }
        assert_eq!(listed, expected, "pages of {limit} give each id once, sorted");
    }
    assert_eq!(store.objects(None, 0), Ok(vec![]));
    for absent in [ObjectId::from_bytes([0; 32]), id(b"absent"), ObjectId::from_bytes([0xff; 32])] {
        let after: Vec<ObjectId> = expected.iter().copied().filter(|id| *id > absent).collect();
        assert_eq!(store.objects(Some(&absent), 2000), Ok(after), "a page may start at an id that is not there");
    }
}

#[test]
fn stats_add_up() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    // The manifest.
    let index_size = dir.bytes("index/manifest.json").len() as u64;
    let nothing = Stats { index_size, ..Stats::default() };
    assert_eq!(store.stats(), Ok(nothing), "an empty container has nothing");
    let (letters, random) = (text(50_000, 1), noise(3000, 1));
    store.add(&letters).unwrap();
    store.add(&random).unwrap();
    let loose = Stats { loose_objects: 2, loose_size: 53_000, ..nothing };
    assert_eq!(store.stats(), Ok(loose));
    pack(&store, Compression::Auto).unwrap();
    let both = store.stats().unwrap();
    assert_eq!((both.loose_objects, both.packed_objects, both.packed_size), (2, 2, 53_000), "both count until clean");
    assert!(3000 < both.packed_length && both.packed_length < 20_000, "the packed length is that after compression");
    assert_eq!((both.packs, both.packs_size), (1, dir.bytes("packs/0").len() as u64));
    assert_eq!((both.loose_packed, both.packs_dead), (2, 0));
    assert!(both.index_size > index_size);
    clean(&store).unwrap();
    assert_eq!(store.stats(), Ok(Stats { loose_objects: 0, loose_size: 0, loose_packed: 0, ..both }));
    assert_eq!(open(dir).stats(), store.stats(), "a fresh handle counts the same");
}

#[test]
fn handles_see_each_others_work() {
    let dir = SimDir::new();
    let one = create(dir.clone());
    let other = open(dir);
    let first = one.add(b"first").unwrap();
    assert_eq!(other.get(&first), Ok(b"first".into()));
    pack(&other, Compression::Never).unwrap();
    clean(&other).unwrap();
    assert_eq!(one.get(&first), Ok(b"first".into()), "what another handle packed is found");
    let mut writer = one.pack_writer(Compression::Never).unwrap();
    let second = writer.add(b"second").unwrap();
    assert_eq!(other.contains(&[second]), Ok(vec![false]));
    writer.commit().unwrap();
    assert_eq!(other.contains(&[second]), Ok(vec![true]), "what another handle committed is found");
    assert_eq!(other.info(&second).unwrap().size, 6);
    drop(writer);
    let third = other.add(b"third").unwrap();
    assert_eq!(one.objects(None, 10).unwrap().len(), 3);
    assert_eq!(one.reader(&third).unwrap().size(), 5);
}

#[test]
fn readers_go_on_while_objects_are_packed_and_cleaned() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let contents: Vec<Vec<u8>> = (0..30).map(|seed| noise(300_000, seed)).collect();
    let ids: Vec<ObjectId> = contents.iter().map(|content| store.add(content).unwrap()).collect();
    let mut readers: Vec<_> = ids.iter().map(|id| store.reader(id).unwrap()).collect();
    let mut buffer = vec![0; 100_000];
    readers.iter_mut().for_each(|reader| assert_eq!(reader.read(&mut buffer), Ok(100_000)));
    let mut batch = store.read_many(ids.clone()).unwrap();
    let mut answered = batch.next_items();

    let other = open(dir.clone());
    pack(&other, Compression::Auto).unwrap();
    clean(&other).unwrap();
    assert!(!dir.files().iter().any(|path| path.starts_with("loose/")), "the loose files are gone");

    for (reader, content) in readers.iter_mut().zip(&contents) {
        for start in [100_000, 200_000] {
            assert_eq!(reader.read(&mut buffer), Ok(100_000), "an open reader goes on");
            assert!(buffer == content[start..start + 100_000]);
        }
    }
    loop {
        let next = batch.next_items();
        if next.is_empty() {
            break;
        }
        answered.extend(next);
    }
    assert_eq!(answered.len(), ids.len());
    assert!(answered.iter().all(|(found, content)| matches!(content, Content::Bytes(bytes) if id(bytes) == *found)));
}

#[test]
fn reading_the_middle_reads_one_frame() {
    let watched = Watch::new(SimDir::new());
    let store = create(watched.clone());
    // Compressible, but by less than half, so that a frame has many bytes.
    let content: Vec<u8> = noise(8 * MIB, 3).into_iter().map(|byte| byte & 0x3f).collect();
    let mut writer = store.pack_writer(Compression::Always).unwrap();
    let id = writer.add(&content).unwrap();
    writer.finish().unwrap();
    let Placement::Packed(location) = store.info(&id).unwrap().placement else { panic!("it was packed") };
    assert!(location.compressed() && location.length > 5 * MIB as u64);

    let mut reader = store.reader(&id).unwrap();
    for position in [0, 3 * MIB + 100, 7 * MIB, 8 * MIB - 10] {
        watched.seen().read.set(0);
        reader.seek(position as u64);
        let mut buffer = [0; 10];
        assert_eq!(reader.read(&mut buffer), Ok(10));
        assert_eq!(buffer, content[position..position + 10]);
        let read = watched.seen().read.get();
        assert!(read < MIB as u64, "one frame is read to give 10 bytes at {position}, not {read} bytes");
    }
    watched.seen().read.set(0);
    for position in (7 * MIB..8 * MIB).step_by(1000) {
        reader.seek(position as u64);
        assert!(reader.read(&mut [0; 10]).is_ok_and(|len| len > 0));
    }
    assert!(watched.seen().read.get() < MIB as u64, "the frame inflated last is kept");
}

#[test]
fn a_batch_bounds_what_it_gives_at_once() {
    let store = create(SimDir::new());
    let mut ids: Vec<ObjectId> = (0..40).map(|seed| store.add(&noise(500_000, seed)).unwrap()).collect();
    let huge = store.add(&noise(MIB + 1, 99)).unwrap();
    let mut writer = store.pack_writer(Compression::Auto).unwrap();
    ids.extend((100..140).map(|seed| writer.add(&noise(500_000, seed)).unwrap()));
    let huge_packed = writer.add(&text(5 * MIB, 98)).unwrap();
    writer.finish().unwrap();
    ids.extend([huge, huge_packed]);
    let mut batch = store.read_many(ids.clone()).unwrap();
    let (mut answered, mut calls) = (0, 0);
    loop {
        let answers = batch.next_items();
        if answers.is_empty() {
            break;
        }
        let bytes: usize =
            answers.iter().map(|(_, content)| if let Content::Bytes(b) = content { b.len() } else { 0 }).sum();
        assert!(bytes < 2 * MIB, "a batch gives about 1 MiB at once, not {bytes} bytes");
        for (found, content) in &answers {
            if [huge, huge_packed].contains(found) {
                assert!(matches!(content, Content::TooLarge(_)), "what is larger than a batch is left to a reader");
            } else {
                assert!(matches!(content, Content::Bytes(bytes) if id(bytes) == *found));
            }
        }
        (answered, calls) = (answered + answers.len(), calls + 1);
    }
    assert_eq!(answered, ids.len());
    assert!(calls >= 8, "40 MB are not given at once");
}

#[test]
fn verification_can_be_left_out() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let id = store.add(b"content").unwrap();
    let path = dir.files().into_iter().find(|path| path.starts_with("loose/")).unwrap();
    dir.put(&path, b"CONTENT");
    assert!(matches!(store.get(&id), Err(Error::Corrupt(_))), "reads are verified");
    let unverified = Container::open(dir, Options { verify: false, ..Options::default() }).unwrap();
    assert_eq!(unverified.get(&id), Ok(b"CONTENT".into()), "unless asked not to");
}

#[test]
fn each_of_many_objects_is_found_in_its_run() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    let contents: Vec<Vec<u8>> = (0..20_000_u32).map(|number| number.to_le_bytes().to_vec()).collect();
    let ids = writer.add_many(&contents).unwrap();
    writer.finish().unwrap();
    assert!(dir.files().iter().any(|path| path.starts_with("index/run-")));
    for (content, id) in contents.iter().zip(&ids) {
        assert_eq!(store.info(id).map(|info| info.size), Ok(4));
        assert_eq!(store.get(id).as_ref(), Ok(content));
        // Its neighbour in the index, if there were such an object.
        let mut neighbour = *id.as_bytes();
        neighbour[31] ^= 1;
        let neighbour = ObjectId::from_bytes(neighbour);
        assert_eq!(store.info(&neighbour), Err(Error::NotFound(neighbour)));
    }
    // A few IDs are looked up in another way: the first and the last of all, and some between.
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    for id in sorted.iter().step_by(199).chain(&sorted[..3]).chain(&sorted[sorted.len() - 3..]) {
        let few = open(dir.clone());
        assert_eq!(few.get(id).map(|content| loosepack::codec::sha256(&content)), Ok(*id));
    }
}
