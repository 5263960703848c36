//! Two copies of one object: a sound loose one serves every way of reading when the packed one is damaged or cannot be
//! read, and adding again to packs heals.

use loosepack::{Code, Compression, Container, Content, Error, Options, Part, Placement};

use crate::damage::{forged, put};
use crate::sim::SimDir;
use crate::support::{clean, create, folding, id, noise, open, pack, text, verify};
use crate::watch::{Call, Verdict, Watch};

/// Objects of one frame and of several, plain and compressed.
fn contents() -> Vec<Vec<u8>> {
    vec![noise(50, 1), text(5000, 2), noise(700_000, 3), noise(3 << 20, 4), text((2 << 20) + 5, 5), vec![7; 1 << 20]]
}

/// All of them packed and nothing else.
fn packed(compression: Compression) -> SimDir {
    let dir = SimDir::new();
    let mut writer = create(dir.clone()).pack_writer(compression).expect("nobody else packs");
    writer.add_many(&contents()).expect("objects can be added");
    writer.finish().expect("and committed");
    dir
}

/// Changes a byte in the middle of the payload of each object.
fn damage(dir: &SimDir) {
    let store = open(dir.clone());
    let mut bytes = dir.bytes("packs/0");
    for content in contents() {
        let Placement::Packed(location) = store.info(&id(&content)).expect("it is there").placement else {
            panic!("it is packed")
        };
        bytes[(location.offset + location.length / 2) as usize] ^= 1;
    }
    dir.put("packs/0", &bytes);
}

/// Reads an object piece by piece.
fn stream(store: &Container<SimDir>, content: &[u8], piece: usize) -> Result<Vec<u8>, Error> {
    let mut reader = store.reader(&id(content))?;
    let (mut buffer, mut bytes) = (vec![0; piece], Vec::new());
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(bytes),
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}

fn every_way_reads(store: &Container<SimDir>) {
    for content in contents() {
        assert!(store.get(&id(&content)).as_ref() == Ok(&content), "get");
        for piece in [1000, 300_000, 8 << 20] {
            assert!(stream(store, &content, piece).as_ref() == Ok(&content), "reader, {piece} bytes at once");
        }
        let mut reader = store.reader(&id(&content)).expect("it is there");
        reader.seek(content.len() as u64 / 2);
        let mut buffer = [0; 10];
        let read = reader.read(&mut buffer).expect("it reads");
        assert_eq!(buffer[..read], content[content.len() / 2..][..read], "seek");
        let target = SimDir::new();
        store.get_to_file(&id(&content), &target, "out").expect("it is written");
        assert!(target.bytes("out") == content, "get_to_file");
        assert_eq!(store.info(&id(&content)).expect("it is there").size, content.len() as u64);
    }
    let ids: Vec<_> = contents().iter().map(|content| id(content)).collect();
    assert!(store.contains(&ids).expect("it answers").iter().all(|there| *there));
    let mut batch = store.read_many(ids).expect("it answers");
    loop {
        let items = batch.next_items();
        if items.is_empty() {
            break;
        }
        for (found, content) in items {
            match content {
                Content::Bytes(bytes) => assert_eq!(id(&bytes), found),
                Content::TooLarge(size) => assert!(size > 1 << 20),
                other => panic!("{found}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_sound_loose_copy_serves_where_the_packed_one_is_damaged() {
    for compression in [Compression::Never, Compression::Always] {
        let dir = packed(compression);
        damage(&dir);
        let store = open(dir.clone());
        assert!(contents().iter().all(|content| stream(&store, content, 1 << 16).is_err()), "they are damaged");
        store.add_many(&contents()).expect("they can be added again");
        every_way_reads(&store);
        every_way_reads(&open(dir));
    }
}

#[test]
fn a_sound_loose_copy_serves_where_the_pack_is_missing_or_cut() {
    for cut in [None, Some(0), Some(1000)] {
        let dir = packed(Compression::Never);
        match cut {
            None => dir.remove("packs/0"),
            Some(len) => dir.put("packs/0", &dir.bytes("packs/0")[..len]),
        }
        let store = open(dir.clone());
        store.add_many(&contents()).expect("they can be added again");
        every_way_reads(&store);
    }
}

#[test]
fn a_sound_packed_copy_serves_where_the_loose_one_is_damaged() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    store.add_many(&contents()).expect("they can be added");
    assert_eq!(pack(&store, Compression::Auto), Ok(vec![]));
    for path in dir.files().into_iter().filter(|path| path.starts_with("loose/")) {
        let mut bytes = dir.bytes(&path);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        dir.put(&path, &bytes);
    }
    every_way_reads(&open(dir));
}

#[test]
fn a_sound_loose_copy_serves_where_the_pack_cannot_be_opened() {
    let content = noise(500, 1);
    let dir = SimDir::new();
    let store = create(dir.clone());
    store.add(&content).expect("it can be added");
    assert_eq!(pack(&store, Compression::Never), Ok(vec![]));
    let mut refused = 0;
    for point in 0.. {
        let store = open(dir.clone());
        dir.fail_at(point, Code::Access);
        let read = store.get(&id(&content));
        let Some((operation, path)) = dir.hit() else { break };
        if path.starts_with("packs/") {
            assert!(read.as_ref() == Ok(&content), "{operation} of {path} failed: {read:?}");
            refused += 1;
        }
        dir.heal();
    }
    assert!(refused > 1);
}

/// It was taken for "packed already": the id was given out, and nothing could read it.
#[test]
fn adding_again_to_packs_heals_what_is_damaged_cut_or_missing() {
    for how in 0..3 {
        for log_entries in [8192, 1] {
            let dir = packed(Compression::Auto);
            match how {
                0 => damage(&dir),
                1 => dir.put("packs/0", &dir.bytes("packs/0")[..40]),
                _ => dir.remove("packs/0"),
            }
            let options = Options { tuning: folding(log_entries), ..Options::default() };
            let store = Container::open(dir.clone(), options).expect("it opens");
            let mut writer = store.pack_writer(Compression::Auto).expect("nobody else packs");
            writer.add_many(&contents()).expect("they can be added again");
            writer.add_many(&contents()).expect("and twice");
            writer.finish().expect("and committed");
            every_way_reads(&store);
            let store = open(dir.clone());
            every_way_reads(&store);
            let stats = store.stats().expect("it is counted");
            assert_eq!((stats.packed_objects, stats.loose_objects), (contents().len() as u64, 0), "counted once");
            assert_eq!(verify(&store, Part::default()).1, [], "nothing that the index tells of is damaged");
        }
    }
}

#[test]
fn adding_again_to_packs_writes_nothing_when_it_is_sound() {
    let dir = packed(Compression::Auto);
    let before = dir.bytes("packs/0");
    let mut writer = open(dir.clone()).pack_writer(Compression::Never).expect("nobody else packs");
    writer.add_many(&contents()).expect("they can be added again");
    writer.finish().expect("and committed");
    assert!(dir.bytes("packs/0") == before);
    assert_eq!(clean(&open(dir)), Ok(0));
}

type Add = fn(&Container<SimDir>, &[u8]);

/// Adding what is packed wrote it once more: a second `add` of a large tree took as much disk again.
#[test]
fn adding_loose_what_is_packed_and_sound_writes_nothing() {
    for (size, log_entries) in [(300, 8192), (300, 1), ((1 << 20) + 1, 8192)] {
        let dir = SimDir::new();
        let content = noise(size, 1);
        let options = Options { tuning: folding(log_entries), ..Options::default() };
        create(dir.clone());
        let mut writer = Container::open(dir.clone(), options).unwrap().pack_writer(Compression::Never).unwrap();
        writer.add(&content).unwrap();
        writer.finish().unwrap();
        let ways: [Add; 5] = [
            |store, content| assert_eq!(store.add(content), Ok(id(content))),
            |store, content| assert_eq!(store.add_source(&mut &content[..]), Ok(id(content))),
            |store, content| assert_eq!(store.add_many(&[content, content]), Ok(vec![id(content); 2])),
            |store, content| {
                let mut batch = store.batch().unwrap();
                assert_eq!(batch.add_source(&mut &content[..]), Ok(id(content)));
                batch.commit().unwrap();
            },
            |store, content| {
                let mut writer = store.writer().unwrap();
                writer.write(content).unwrap();
                assert_eq!(writer.finish(), Ok(id(content)));
            },
        ];
        let before = dir.files();
        for (number, add) in ways.iter().enumerate() {
            add(&open(dir.clone()), &content);
            assert_eq!(dir.files(), before, "way {number}, {size} bytes, log of {log_entries}");
        }
        // One that is damaged is stored beside it.
        let mut bytes = dir.bytes("packs/0");
        let last = bytes.len() - 10;
        bytes[last] ^= 1;
        dir.put("packs/0", &bytes);
        for (number, add) in ways.iter().enumerate() {
            let dir = dir.fork();
            add(&open(dir.clone()), &content);
            assert_eq!(dir.files().len(), before.len() + 1, "way {number}, {size} bytes, log of {log_entries}");
            assert_eq!(open(dir).get(&id(&content)).as_ref(), Ok(&content));
        }
    }
}

/// Two flushes make an object durable: what others packed costs no more.
#[test]
fn adding_what_is_not_packed_flushes_nothing_of_the_packs() {
    let dir = SimDir::new();
    create(dir.clone());
    let mut writer = open(dir.clone()).pack_writer(Compression::Never).unwrap();
    writer.add(b"packed").unwrap();
    writer.finish().unwrap();
    let watched = Watch::with(dir, |call, path, _| {
        let flush = matches!(call, Call::Sync | Call::SyncDir);
        assert!(!flush || path.starts_with("loose/") || path.starts_with("incoming/"), "{call:?} of {path}");
        Verdict::Pass
    });
    let store = open(watched);
    store.add(b"one").unwrap();
    store.add_many(&[b"two"]).unwrap();
    let mut batch = store.batch().unwrap();
    batch.add_source(&mut &b"three"[..]).unwrap();
    batch.commit().unwrap();
    let mut writer = store.writer().unwrap();
    writer.write(b"four").unwrap();
    writer.finish().unwrap();
}

/// The index says that it is larger than it is: reading behind its end was a panic.
#[test]
fn an_object_of_a_wrong_size_is_read_from_its_loose_copy() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let (small, large) = (noise(150, 1), noise(5000, 2));
    store.add(&small).unwrap();
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    writer.add(&small).unwrap();
    writer.add(&large).unwrap();
    writer.finish().unwrap();
    let Placement::Packed(location) = store.info(&id(&small)).unwrap().placement else { panic!("it is packed") };
    let line = put(&id(&small), u64::from(location.pack), location.offset, 3000, 3000);
    dir.put("index/log-0.jsonl", &forged(&[line], [1, 3000, 3000]));
    assert_eq!(open(dir.clone()).get(&id(&small)).as_ref(), Ok(&small));
    for (position, piece) in [(0, 10), (100, 10), (150, 10), (200, 10), (2999, 10), (0, 4000), (200, 4000)] {
        let mut reader = open(dir.clone()).reader(&id(&small)).unwrap();
        reader.seek(position);
        let mut buffer = vec![0; piece];
        let read = reader.read(&mut buffer).unwrap();
        let rest = small.get(position as usize..).unwrap_or_default();
        assert!(buffer[..read] == rest[..rest.len().min(piece)], "{position}, {piece}");
        assert_eq!(reader.left(), (rest.len() - read) as u64);
    }
}
