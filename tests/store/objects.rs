//! Objects of every size, in every place.

use crate::sim::SimDir;
use crate::support::{clean, create, id, noise, open, pack, text};
use loosepack::{Compression, Config, Container, Content, Dir, Error, ObjectId, Options, Placement};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
/// Around what is read at once, what is held in memory, and what is compressed at once.
const SIZES: [usize; 17] = [
    0,
    1,
    2,
    100,
    64 * KIB - 1,
    64 * KIB,
    64 * KIB + 1,
    256 * KIB - 1,
    256 * KIB,
    256 * KIB + 1,
    MIB - 1,
    MIB,
    MIB + 1,
    2 * MIB,
    2 * MIB + 1,
    3 * MIB + 1,
    3 * MIB + 512 * KIB,
];
const COMPRESSIONS: [Compression; 3] = [Compression::Never, Compression::Always, Compression::Auto];

pub(crate) fn contents() -> Vec<Vec<u8>> {
    SIZES.iter().flat_map(|size| [text(*size, 1), noise(*size, 2)]).collect()
}

/// Reads everything there is in every way there is.
pub(crate) fn reads_right<D: Dir>(store: &Container<D>, contents: &[Vec<u8>]) {
    let out = SimDir::new();
    for content in contents {
        let (id, size) = (id(content), content.len());
        assert!(store.get(&id).expect("it reads") == *content, "get gives the bytes of {size}");
        assert_eq!(store.info(&id).expect("it is known").size, size as u64, "info knows the size");

        let mut reader = store.reader(&id).expect("it reads");
        assert_eq!(reader.size(), size as u64, "a reader knows the size");
        let (mut read, mut buffer) = (Vec::new(), vec![0; 100_003]);
        loop {
            let len = reader.read(&mut buffer).expect("it reads");
            if len == 0 {
                break;
            }
            read.extend_from_slice(&buffer[..len]);
        }
        assert!(read == *content, "a reader gives the bytes of {size}");
        assert_eq!(reader.read(&mut buffer), Ok(0), "the end stays the end");
        for position in [size / 2, size.saturating_sub(1), 0, size, MIB, MIB - 1] {
            reader.seek(position as u64);
            let rest = &content[position.min(size)..];
            let mut buffer = vec![0; 10];
            let len = reader.read(&mut buffer).expect("it reads");
            assert!(rest.starts_with(&buffer[..len]), "seek goes to byte {position} of {size}");
            assert_eq!(len == 0, rest.is_empty(), "only the end gives nothing");
        }

        let written = store.get_to_file(&id, &out, "file").expect("it can be written to a file");
        assert_eq!(written, size as u64, "get_to_file tells the size");
        assert!(out.bytes("file") == *content, "get_to_file writes the bytes of {size}");
        assert_eq!(out.files(), ["file"], "get_to_file replaces the file and leaves nothing else");
    }
    let mut wanted: Vec<ObjectId> = contents.iter().map(|content| id(content)).collect();
    let absent = id(b"this one was never added");
    assert_eq!(store.contains(&wanted), Ok(vec![true; wanted.len()]), "all are there");
    assert_eq!(store.contains(&[absent, wanted[0]]), Ok(vec![false, true]), "answers come in the order of questions");
    assert_eq!(store.get(&absent), Err(Error::NotFound(absent)));
    assert_eq!(store.info(&absent), Err(Error::NotFound(absent)));
    assert_eq!(store.reader(&absent).err(), Some(Error::NotFound(absent)));

    wanted.extend([absent, wanted[3]]);
    let mut batch = store.read_many(wanted.clone()).expect("many can be read");
    let mut answered = Vec::new();
    loop {
        let answers = batch.next_items();
        if answers.is_empty() {
            break;
        }
        for (found, answer) in answers {
            match answer {
                Content::Bytes(bytes) => assert_eq!(id(&bytes), found, "a batch gives the right bytes"),
                Content::TooLarge(size) => {
                    assert!(size > MIB as u64, "an object of at most 1 MiB is given out");
                    assert_eq!(
                        store.info(&found).map(|info| info.size),
                        Ok(size),
                        "the size told is that of the object"
                    );
                }
                Content::Missing => assert_eq!(found, absent, "only what is absent is missing"),
                answer => panic!("{found}: {answer:?}"),
            }
            answered.push(found);
        }
    }
    answered.sort();
    wanted.sort();
    wanted.dedup();
    assert_eq!(answered, wanted, "each id is answered once");
}

#[test]
fn loose_objects_of_every_size_come_back() {
    for dir in [SimDir::new(), SimDir::new().short(1)] {
        let store = create(dir);
        let contents = contents();
        for (number, content) in contents.iter().enumerate() {
            let added = match number % 3 {
                0 => store.add(content),
                1 => store.add_source(&mut content.as_slice()),
                _ => store.writer().and_then(|mut writer| {
                    content.chunks(70_001).try_for_each(|piece| writer.write(piece))?;
                    writer.finish()
                }),
            };
            assert_eq!(added, Ok(id(content)), "the id is the SHA-256 of the bytes");
        }
        reads_right(&store, &contents);
        assert!(contents.iter().all(|content| store.info(&id(content)).unwrap().placement == Placement::Loose));
    }
}

#[test]
fn objects_packed_from_loose_ones_come_back() {
    for compression in COMPRESSIONS {
        let dir = SimDir::new();
        let store = create(dir.clone());
        let contents = contents();
        contents.iter().for_each(|content| assert!(store.add(content).is_ok()));
        assert_eq!(pack(&store, compression), Ok(vec![]), "sound objects are no problem");
        reads_right(&store, &contents);
        assert_eq!(clean(&store), Ok(contents.len() as u64 - 1), "each loose file is removed; two had no bytes");
        reads_right(&store, &contents);
        reads_right(&open(dir), &contents);
    }
}

#[test]
fn objects_written_to_packs_come_back() {
    for compression in COMPRESSIONS {
        let dir = SimDir::new().short(5);
        let store = create(dir.clone());
        let contents = contents();
        let mut writer = store.pack_writer(compression).expect("the pack lock is free");
        for (number, content) in contents.iter().enumerate() {
            let added = match number % 2 {
                0 => writer.add(content),
                _ => writer.add_source(&mut content.as_slice()),
            };
            assert_eq!(added, Ok(id(content)), "the id is the SHA-256 of the bytes");
        }
        assert_eq!(store.contains(&[id(&contents[5])]), Ok(vec![false]), "nothing is visible before the commit");
        writer.finish().expect("it commits");
        reads_right(&store, &contents);
        reads_right(&open(dir), &contents);
    }
}

#[test]
fn compression_is_what_was_asked_for() {
    let (letters, random) = (text(200_000, 1), noise(200_000, 1));
    for (compression, expected) in
        [(Compression::Never, [false, false]), (Compression::Always, [true, false]), (Compression::Auto, [true, false])]
    {
        let store = create(SimDir::new());
        let mut writer = store.pack_writer(compression).unwrap();
        let ids = [writer.add(&letters).unwrap(), writer.add(&random).unwrap()];
        writer.finish().unwrap();
        let compressed = ids.map(|id| match store.info(&id).unwrap().placement {
            Placement::Packed(location) => location.compressed(),
            Placement::Loose => panic!("it was packed"),
        });
        assert_eq!(compressed, expected, "{compression:?}: what shrinks is compressed, noise is not");
    }
}

#[test]
fn settings_come_back() {
    let config = Config { pack_target: 12_345, compression_level: 7, ..Config::default() };
    let dir = SimDir::new();
    let made = Container::create(dir.clone(), config, Options::default()).unwrap();
    let opened = open(dir.clone());
    assert_eq!((opened.config(), opened.id()), (config, made.id()), "what it was created with is kept");
    let refused = Container::create(dir, config, Options::default()).err();
    assert!(matches!(refused, Some(Error::AlreadyExists(_))), "no container is made over another: {refused:?}");
    for config in [Config { pack_target: 0, ..config }, Config { compression_level: 10, ..config }] {
        let (dir, options) = (SimDir::new(), Options::default());
        let refused = Container::create(dir.clone(), config, options).err();
        assert!(matches!(refused, Some(Error::InvalidArgument(_))), "settings have a range: {refused:?}");
        assert_eq!(dir.operations(), 0, "a refused setting touches nothing");
    }
    assert_eq!(Container::open(SimDir::new(), Options::default()).err(), Some(Error::NoContainer));
}
