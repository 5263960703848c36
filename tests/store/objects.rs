//! Objects of every size, in every place.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use loosepack::source::{self, FileSource, Source};
use loosepack::{
    Code, Compression, Config, Container, Content, Dir, Error, File as _, ObjectId, Options, Placement, Stats,
};

use crate::sim::SimDir;
use crate::support::{clean, create, id, noise, open, pack, text};
use crate::watch::{Call, Verdict, Watch};

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

fn contents() -> Vec<Vec<u8>> {
    SIZES.iter().flat_map(|size| [text(*size, 1), noise(*size, 2)]).collect()
}

/// Reads everything there is in every way there is.
fn reads_right<D: Dir>(store: &Container<D>, contents: &[Vec<u8>]) {
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
    let config = Config { pack_target: 12_345, compression_level: 7 };
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

#[test]
fn an_object_is_stored_once_however_it_comes() {
    let (small, large) = (noise(3000, 9), noise(MIB + 5, 9));
    let dir = SimDir::new();
    let store = create(dir.clone());
    for content in [&small, &large] {
        let loose = || dir.files().iter().filter(|path| path.starts_with("loose/")).count();
        let before = loose();
        store.add(content).unwrap();
        store.add(content).unwrap();
        assert_eq!(loose(), before + 1, "loose and loose are one file");

        pack(&store, Compression::Never).unwrap();
        let packed = dir.bytes("packs/0");
        pack(&store, Compression::Never).unwrap();
        assert_eq!(dir.bytes("packs/0"), packed, "packed and packed again are one record");
        clean(&store).unwrap();
        store.add(content).unwrap();
        assert_eq!(store.objects(None, 10).unwrap().iter().filter(|found| **found == id(content)).count(), 1);
        pack(&store, Compression::Never).unwrap();
        let mut writer = store.pack_writer(Compression::Always).unwrap();
        writer.add(content).unwrap();
        writer.add_source(&mut content.as_slice()).unwrap();
        writer.finish().unwrap();
        assert!(dir.bytes("packs/0") == packed, "what is packed already leaves no byte, nor does an abandoned copy");
        assert_eq!(store.get(&id(content)).as_ref(), Ok(content));
    }
    assert_eq!(dir.files().iter().filter(|path| path.starts_with("incoming/")).count(), 0, "copies leave no file");
}

#[test]
fn the_same_object_twice_in_one_pack_call_is_one_record() {
    for content in [noise(3000, 9), noise(MIB + 5, 9), text(2 * MIB, 9)] {
        for commit_between in [false, true] {
            let (once, twice) = (SimDir::new(), SimDir::new());
            for (dir, times) in [(&once, 1), (&twice, 3)] {
                let store = create(dir.clone());
                let mut writer = store.pack_writer(Compression::Auto).unwrap();
                for _ in 0..times {
                    writer.add(&content).unwrap();
                    if commit_between {
                        writer.commit().unwrap();
                    }
                }
                writer.finish().unwrap();
                assert_eq!(store.get(&id(&content)).as_ref(), Ok(&content));
                assert_eq!(store.stats().unwrap().packed_objects, 1);
            }
            assert!(once.bytes("packs/0") == twice.bytes("packs/0"), "copies leave no byte in the pack");
            assert_eq!(once.bytes("index/log-0.jsonl"), twice.bytes("index/log-0.jsonl"), "nor in the log");
        }
    }
}

#[test]
fn an_object_after_an_abandoned_copy_is_right() {
    let store = create(SimDir::new());
    let (large, next) = (noise(MIB + 5, 1), noise(2000, 2));
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    for content in [&large, &large, &next, &large] {
        writer.add(content).unwrap();
    }
    writer.finish().unwrap();
    assert_eq!(store.get(&id(&next)), Ok(next), "the next record starts where the abandoned one did");
    assert_eq!(store.get(&id(&large)), Ok(large));
}

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
    assert_eq!(store.stats(), Ok(Stats::default()), "an empty container has nothing");
    let (letters, random) = (text(50_000, 1), noise(3000, 1));
    store.add(&letters).unwrap();
    store.add(&random).unwrap();
    let loose = Stats { loose_objects: 2, loose_size: 53_000, ..Stats::default() };
    assert_eq!(store.stats(), Ok(loose));
    pack(&store, Compression::Auto).unwrap();
    let both = store.stats().unwrap();
    assert_eq!((both.loose_objects, both.packed_objects, both.packed_size), (2, 2, 53_000), "both count until clean");
    assert!(3000 < both.packed_length && both.packed_length < 20_000, "the packed length is that after compression");
    assert_eq!((both.packs, both.packs_size), (1, dir.bytes("packs/0").len() as u64));
    clean(&store).unwrap();
    assert_eq!(store.stats(), Ok(Stats { loose_objects: 0, loose_size: 0, ..both }));
    assert_eq!(open(dir).stats(), store.stats(), "a fresh handle counts the same");
}

#[test]
fn a_writer_dropped_early_leaves_nothing() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let before = dir.files();
    let mut writer = store.writer().unwrap();
    writer.write(b"some bytes").unwrap();
    assert_eq!(dir.files().len(), before.len() + 1, "what is being written is in `incoming`");
    drop(writer);
    assert_eq!(dir.files(), before, "a dropped writer takes its file along");
    assert_eq!(store.objects(None, 10), Ok(vec![]));
}

#[test]
fn many_writers_at_once_do_not_mix() {
    let store = create(SimDir::new());
    let contents: Vec<Vec<u8>> = (0..20).map(|seed| noise(5000, seed % 10)).collect();
    let mut writers: Vec<_> = contents.iter().map(|_| store.writer().unwrap()).collect();
    for start in (0..5000).step_by(1000) {
        for (writer, content) in writers.iter_mut().zip(&contents) {
            writer.write(&content[start..start + 1000]).unwrap();
        }
    }
    for (writer, content) in writers.into_iter().zip(&contents) {
        assert_eq!(writer.finish(), Ok(id(content)));
        assert_eq!(store.get(&id(content)).as_ref(), Ok(content));
    }
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
fn ten_thousand_files_are_packed_with_one_open() {
    let files = Watch::new(SimDir::new());
    for number in 0..10_000 {
        files.create_new(&number.to_string()).unwrap().write_at(&noise(40, number), 0).unwrap();
    }
    files.seen().most_open.set(0);
    let store = create(SimDir::new());
    let mut writer = store.pack_writer(Compression::Auto).unwrap();
    let mut sources: Vec<_> = (0..10_000).map(|number| source::file_in(files.clone(), number.to_string())).collect();
    assert_eq!(files.seen().most_open.get(), 0, "a source opens nothing before it is read");
    for source in &mut sources {
        writer.add_source(source).unwrap();
        assert_eq!(files.seen().open.get(), 0, "a source that has ended is closed");
    }
    writer.finish().unwrap();
    assert_eq!(files.seen().most_open.get(), 1, "one file is open at a time");
    assert_eq!(store.stats().unwrap().packed_objects, 10_000);
    assert_eq!(store.get(&id(&noise(40, 9_999))), Ok(noise(40, 9_999)));
}

#[test]
fn many_packed_objects_commit_by_themselves() {
    let store = create(SimDir::new());
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    for number in 0_u64..140_000 {
        writer.add(&number.to_le_bytes()).unwrap();
    }
    drop(writer);
    let packed = store.stats().unwrap().packed_objects;
    assert!(100_000 < packed && packed < 140_000, "a bounded number is lost with a writer, not {packed} kept");
    assert_eq!(store.get(&id(&7_u64.to_le_bytes())), Ok(7_u64.to_le_bytes().into()));
}

/// Gives some bytes and then fails.
struct Failing(usize);

impl Source for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> loosepack::Result<usize> {
        if self.0 == 0 {
            return Err(Error::Other("the source failed".into()));
        }
        let len = self.0.min(buffer.len());
        buffer[..len].fill(7);
        self.0 -= len;
        Ok(len)
    }
}

/// A directory with the file `changing`, which grows by a byte while it is read for the first time.
fn growing(len: usize) -> Watch<SimDir> {
    let inner = SimDir::new();
    inner.put("changing", &noise(len, 1));
    let (grown, dir) = (Cell::new(false), inner.clone());
    Watch::with(inner, move |call, _, _| {
        if call == Call::Read && !grown.replace(true) {
            dir.open_write("changing").unwrap().write_at(b"x", len as u64).unwrap();
        }
        Verdict::Pass
    })
}

#[test]
fn sources_that_fail_leave_nothing() {
    for len in [1, 1000, 300_000, 3 * MIB] {
        let dir = SimDir::new();
        let store = create(dir.clone());
        let before = dir.files();
        let failed = Err(Error::Other("the source failed".into()));
        assert_eq!(store.add_source(&mut Failing(len)), failed);
        let vanished = store.add_source(&mut source::file_in(SimDir::new(), "gone".into())).unwrap_err();
        assert_eq!(vanished.to_string(), "cannot open gone: no such file or directory");
        let changed = Err(Error::SourceChanged("changing".into()));
        assert_eq!(store.add_source(&mut source::file_in(growing(len), "changing".into())), changed);
        assert_eq!(dir.files(), before, "a failed source leaves no file");

        let mut writer = store.pack_writer(Compression::Auto).unwrap();
        let first = writer.add(b"first").unwrap();
        assert_eq!(writer.add_source(&mut Failing(len)), failed);
        assert!(writer.add_source(&mut source::file_in(SimDir::new(), "gone".into())).is_err());
        assert_eq!(writer.add_source(&mut source::file_in(growing(len), "changing".into())), changed);
        assert_eq!(writer.check(), Ok(()), "a failed source is not a failed writer");
        let last = writer.add(b"last").unwrap();
        writer.finish().unwrap();
        assert_eq!(store.objects(None, 10).unwrap().len(), 2, "nothing was stored of the failed sources");
        assert_eq!((store.get(&first), store.get(&last)), (Ok(b"first".into()), Ok(b"last".into())));
    }
}

#[test]
fn a_directory_is_no_source() {
    let dir = SimDir::new();
    dir.create_dir("dir").unwrap();
    let refused = create(SimDir::new()).add_source(&mut source::file_in(dir, "dir".into())).unwrap_err();
    assert!(matches!(&refused, Error::Io(failure) if failure.code == Code::IsDirectory), "{refused}");
}

#[test]
fn a_source_is_opened_when_it_is_read() {
    let opened = Rc::new(RefCell::new(0));
    let counter = opened.clone();
    let dir = SimDir::new();
    dir.put("file", b"bytes");
    let mut source = FileSource::new("file", move || {
        *counter.borrow_mut() += 1;
        dir.open_read("file")
    });
    assert_eq!(*opened.borrow(), 0);
    assert_eq!(create(SimDir::new()).add_source(&mut source), Ok(id(b"bytes")));
    assert_eq!(*opened.borrow(), 1);
    assert_eq!(source.read(&mut [0; 4]), Ok(0), "a source is read once");
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
fn objects_that_are_added_together_are_as_if_added_one_by_one() {
    for dir in [SimDir::new(), SimDir::new().without_barrier()] {
        let watched = Watch::new(dir.clone());
        let store = create(watched.clone());
        store.add(b"there before").unwrap();
        let mut contents = contents();
        contents.extend([b"there before".to_vec(), contents[3].clone(), contents[30].clone()]);
        let ids = store.add_many(&contents).unwrap();
        assert_eq!(ids, contents.iter().map(|content| id(content)).collect::<Vec<_>>());
        assert!(watched.seen().most_open.get() <= 3, "one file is open at a time, beside two indexes");
        reads_right(&store, &contents);
        let files = dir.files();
        assert!(!files.iter().any(|path| path.starts_with("incoming/")), "nothing is left of writing: {files:?}");
        assert_eq!(store.add_many::<Vec<u8>>(&[]), Ok(Vec::new()));
    }
}

#[test]
fn a_batch_shows_its_objects_when_it_is_committed() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let mut batch = store.batch().unwrap();
    let small = batch.add(b"small").unwrap();
    let large = batch.add_source(&mut &noise(MIB, 5)[..]).unwrap();
    assert_eq!(large, id(&noise(MIB, 5)));
    assert_eq!(store.contains(&[small, large]), Ok(vec![false, false]));
    batch.commit().unwrap();
    assert_eq!(store.contains(&[small, large]), Ok(vec![true, true]));
    let dropped = batch.add(b"dropped").unwrap();
    drop(batch);
    assert_eq!(store.contains(&[dropped]), Ok(vec![false]));
    assert!(!dir.files().iter().any(|path| path.starts_with("incoming/")), "a dropped batch leaves nothing");
}

#[test]
fn a_batch_heals_a_damaged_object() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let object = store.add(b"sound").unwrap();
    let path = dir.files().into_iter().find(|path| path.starts_with("loose/")).unwrap();
    dir.put(&path, b"SOUND");
    assert_eq!(store.add_many(&[b"sound"]), Ok(vec![object]));
    assert_eq!(store.get(&object).unwrap(), b"sound");
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
