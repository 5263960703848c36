//! Walking through packs of several windows: one damaged byte of a pack of 6 MB made `verify` report six records, and
//! `reindex` lose five sound objects of 59, because stepping back over what had been read kept misaligned bytes.

use loosepack::{Compression, Container, ObjectId, Options, Part};

use crate::sim::SimDir;
use crate::support::{Rng, create, id, noise, run, verify};
use crate::watch::Watch;

/// A container whose objects are all in pack 0.
fn packed(contents: &[Vec<u8>]) -> SimDir {
    let dir = SimDir::new();
    let mut writer = create(dir.clone()).pack_writer(Compression::Never).expect("nobody else packs");
    writer.add_many(contents).expect("objects can be added");
    writer.finish().expect("and committed");
    dir
}

fn flip(dir: &SimDir, place: usize) {
    let mut bytes = dir.bytes("packs/0");
    bytes[place] ^= 1;
    dir.put("packs/0", &bytes);
}

/// Where the payload of an object starts.
fn offset(dir: &SimDir, id: &ObjectId) -> u64 {
    let store = Container::open(dir.clone(), Options::default()).expect("it opens");
    match store.info(id).expect("it is there").placement {
        loosepack::Placement::Packed(location) => location.offset,
        loosepack::Placement::Loose => panic!("{id} is loose"),
    }
}

/// `verify` reports the damaged objects and no others, and `reindex` without an index brings back all others.
fn only_these_are_lost(contents: &[Vec<u8>], damaged: &[usize]) {
    let dir = packed(contents);
    for number in damaged {
        let place = offset(&dir, &id(&contents[*number])) as usize + contents[*number].len() / 2;
        flip(&dir, place);
    }
    let store = Container::open(dir.clone(), Options::default()).expect("it opens");
    let (_, problems, _) = verify(&store, Part::default());
    assert_eq!(problems.len(), damaged.len(), "{problems:?}");
    for path in dir.files().into_iter().filter(|path| path.starts_with("index/")) {
        dir.remove(&path);
    }
    let store = Container::open_damaged(dir.clone(), Options::default()).expect("it opens");
    run(store.reindex().expect("nobody else packs")).expect("it is rebuilt");
    let store = Container::open(dir, Options::default()).expect("it opens");
    for (number, content) in contents.iter().enumerate() {
        assert_eq!(store.get(&id(content)).is_ok(), !damaged.contains(&number), "object {number}");
    }
}

#[test]
fn one_damaged_record_hides_no_other_in_a_pack_of_many_windows() {
    let contents: Vec<Vec<u8>> = (0..60).map(|seed| noise(100_000, seed)).collect();
    for damaged in [0, 1, 30, 59] {
        only_these_are_lost(&contents, &[damaged]);
    }
}

#[test]
fn damaged_records_of_all_sizes_hide_no_others() {
    let mut rng = Rng::new(7);
    let mut contents: Vec<Vec<u8>> = (0..400)
        .map(|seed| noise(1 + rng.below(if seed % 9 == 0 { 200_000 } else { 20_000 }) as usize, seed))
        .collect();
    contents.extend([noise(1 << 20, 1000), noise((1 << 20) + 1, 1001), noise(3 << 20, 1002), noise(2000, 1003)]);
    only_these_are_lost(&contents, &[3, 77, 78, 200, 311, 399, 402]);
}

/// A header that claims a length beyond its own record swallows those behind it: they are found within it.
#[test]
fn a_damaged_length_hides_no_other_record() {
    let contents: Vec<Vec<u8>> = (0..40).map(|seed| noise(60_000, seed)).collect();
    let dir = packed(&contents);
    let header = offset(&dir, &id(&contents[5])) as usize;
    let bytes = dir.bytes("packs/0");
    let line = String::from_utf8_lossy(&bytes[header - 108..header]).into_owned();
    let grown = line.replace(":60000,", ":960000,");
    let cut = grown.replace("none\"}\n", "none\"}");
    assert_eq!(grown.len(), line.len() + 2, "{line}");
    // Two bytes of the payload give way, so that what follows stays where it was.
    let mut altered = bytes.clone();
    altered[header - 108..header - 108 + cut.len()].copy_from_slice(cut.as_bytes());
    altered[header - 108 + cut.len()] = b'\n';
    dir.put("packs/0", &altered);
    for path in dir.files().into_iter().filter(|path| path.starts_with("index/")) {
        dir.remove(&path);
    }
    let store = Container::open_damaged(dir.clone(), Options::default()).expect("it opens");
    run(store.reindex().expect("nobody else packs")).expect("it is rebuilt");
    let store = Container::open(dir, Options::default()).expect("it opens");
    let found = contents.iter().filter(|content| store.get(&id(content)).is_ok()).count();
    assert_eq!(found, contents.len() - 1);
}

/// Each unsound record made all that had been read ahead be read and hashed again: 16,000 of them took 40 seconds.
#[test]
fn many_unsound_records_are_read_a_bounded_number_of_times() {
    let dir = SimDir::new();
    create(dir.clone());
    let mut pack = Vec::new();
    for number in 0..20_000 {
        let wrong = id(format!("other {number}").as_bytes());
        pack.extend(
            format!("{{\"id\":\"{wrong}\",\"size\":8,\"length\":8,\"enc\":\"none\"}}\n{number:08}\n").into_bytes(),
        );
    }
    dir.put("packs/0", &pack);
    let watch = Watch::new(dir);
    let store = Container::open(watch.clone(), Options::default()).expect("it opens");
    let before = watch.seen().read.get();
    verify(&store, Part::default());
    let read = watch.seen().read.get() - before;
    assert!(read < 8 * pack.len() as u64, "{read} bytes were read of a pack of {}", pack.len());
}
