//! The Rust API: the whole contract through the component.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};

use loosepack_host::{
    Access, Compression, Config, Content, Durability, Error, ObjectId, Options, Placement, StoreError,
};

use crate::support::{TempDir, container, noise, runtime};

fn sha256(bytes: &[u8]) -> ObjectId {
    loosepack::codec::sha256(bytes)
}

#[track_caller]
fn store_error<T: std::fmt::Debug>(result: Result<T, Error>) -> StoreError {
    match result {
        Err(Error::Store(error)) => error,
        other => panic!("the store should have refused: {other:?}"),
    }
}

#[test]
fn objects_of_all_sizes_come_back_loose_packed_and_compressed() {
    let (_dir, container) = container();
    let sizes = [0, 1, 1000, 65_535, 65_536, 65_537, 1 << 20, (1 << 20) + 1, 3_500_000];
    let contents: Vec<Vec<u8>> =
        sizes.iter().map(|size| b"seven b".iter().copied().cycle().take(*size).collect()).collect();
    let ids: Vec<ObjectId> = contents.iter().map(|content| container.add(content).unwrap()).collect();
    for (content, id) in contents.iter().zip(&ids) {
        assert_eq!(*id, sha256(content));
        assert_eq!(&container.get(id).unwrap(), content, "loose");
        assert_eq!(container.info(id).unwrap().placement, Placement::Loose);
    }
    let progress = container.pack_loose(Compression::Always).unwrap().finish().unwrap();
    assert_eq!(progress.objects, sizes.len() as u64);
    let cleaned = container.clean().unwrap().finish().unwrap();
    assert_eq!(cleaned.objects, sizes.len() as u64);
    for (content, id) in contents.iter().zip(&ids) {
        assert_eq!(&container.get(id).unwrap(), content, "packed");
        let info = container.info(id).unwrap();
        assert_eq!(info.size, content.len() as u64);
        let Placement::Packed(location) = info.placement else { panic!("{info:?}") };
        assert_eq!(location.compressed(), content.len() > 20, "{info:?}");
        let mut read = Vec::new();
        container.reader(id).unwrap().read_to_end(&mut read).unwrap();
        assert_eq!(&read, content, "by a reader");
    }
    let stats = container.stats().unwrap();
    assert_eq!((stats.loose_objects, stats.packed_objects, stats.packs), (0, sizes.len() as u64, 1));
}

#[test]
fn readers_seek_like_files() {
    let (_dir, container) = container();
    let content = noise(3 << 20, 1);
    let id = container.add_reader(&content[..]).unwrap();
    for packed in [false, true] {
        if packed {
            container.pack_loose(Compression::Always).unwrap().finish().unwrap();
            container.clean().unwrap().finish().unwrap();
        }
        let mut reader = container.reader(&id).unwrap();
        assert_eq!(reader.size(), content.len() as u64);
        let mut piece = [0; 100];
        for position in [2_000_000, 5, (1 << 20) - 50] {
            reader.seek(SeekFrom::Start(position as u64)).unwrap();
            reader.read_exact(&mut piece).unwrap();
            assert_eq!(piece, content[position..][..100]);
        }
        assert_eq!(reader.seek(SeekFrom::End(-100)).unwrap(), content.len() as u64 - 100);
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, content[content.len() - 100..]);
        assert_eq!(reader.seek(SeekFrom::Current(7)).unwrap(), content.len() as u64 + 7);
        assert_eq!(reader.read(&mut piece).unwrap(), 0, "beyond the end is the end");
        assert!(reader.seek(SeekFrom::End(i64::MIN)).is_err(), "before the start is nowhere");
    }
}

#[test]
fn many_lazy_files_go_in_by_one_call() {
    let (_dir, container) = container();
    let sources = TempDir::new();
    let names: Vec<String> = (0..10_000).map(|number| format!("file-{number}")).collect();
    for name in &names {
        sources.file(name, name);
    }
    let mut paths = names.clone();
    paths.push("absent".into());
    let mut writer = container.pack_writer(Compression::Auto).unwrap();
    let added = writer.add_files(sources.path(), &paths).unwrap();
    writer.finish().unwrap();
    assert_eq!(added.len(), 10_001);
    let ids: Vec<ObjectId> = added.iter().filter_map(|result| result.as_ref().ok().copied()).collect();
    assert!(names.iter().map(|name| sha256(name.as_bytes())).eq(ids.iter().copied()));
    let Some(Err(Error::Store(StoreError::Io(failure)))) = added.last() else { panic!("{:?}", added.last()) };
    assert_eq!((&*failure.operation, failure.path.as_str()), ("open", "absent"));
    assert!(container.contains(&ids).unwrap().into_iter().all(|there| there));
    let loose = container.add_files(sources.path(), &names[..100]).unwrap();
    assert!(loose.iter().zip(&ids).all(|(added, id)| added.as_ref().ok() == Some(id)));
}

#[test]
fn batches_answer_each_id_once() {
    let (_dir, container) = container();
    let contents: Vec<Vec<u8>> = (0..3000).map(|number: u32| noise((number % 700) as usize, number.into())).collect();
    let mut writer = container.pack_writer(Compression::Auto).unwrap();
    let mut ids = writer.add_many(&contents[..2000]).unwrap();
    writer.finish().unwrap();
    ids.extend(contents[2000..].iter().map(|content| container.add(content).unwrap()));
    let absent = sha256(b"absent");
    let large = container.add(&noise(5 << 20, 9)).unwrap();
    let asked: Vec<ObjectId> = ids.iter().chain([&absent, &large]).chain(&ids).copied().collect();
    let mut answers = std::collections::BTreeMap::new();
    let mut batch = container.read_many(&asked).unwrap();
    loop {
        let items = batch.next_items().unwrap();
        if items.is_empty() {
            break;
        }
        for (id, content) in items {
            assert!(answers.insert(id, content).is_none(), "{id} was answered twice");
        }
    }
    assert_eq!(answers.remove(&absent), Some(Content::Missing));
    assert_eq!(answers.remove(&large), Some(Content::TooLarge(5 << 20)));
    for (id, content) in ids.iter().zip(&contents) {
        assert_eq!(answers.get(id), Some(&Content::Bytes(content.clone())));
    }
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(answers.len(), distinct.len());
}

#[test]
fn listings_come_in_pages() {
    let (_dir, container) = container();
    let mut ids: Vec<ObjectId> = (0..500).map(|number: u32| container.add(&number.to_le_bytes()).unwrap()).collect();
    container.pack_loose(Compression::Never).unwrap().finish().unwrap();
    ids.extend((500..600).map(|number: u32| container.add(&number.to_le_bytes()).unwrap()));
    ids.sort();
    let mut listed: Vec<ObjectId> = Vec::new();
    loop {
        let page = container.objects(listed.last(), 64).unwrap();
        assert!(page.len() <= 64);
        if page.is_empty() {
            break;
        }
        listed.extend(page);
    }
    assert_eq!(listed, ids);
}

#[test]
fn objects_go_to_files() {
    let (_dir, container) = container();
    let target = TempDir::new();
    let content = noise(2 << 20, 3);
    let id = container.add(&content).unwrap();
    assert_eq!(container.get_to_file(&id, target.path(), "out").unwrap(), content.len() as u64);
    assert_eq!(fs::read(target.join("out")).unwrap(), content);
    let absent = sha256(b"absent");
    assert_eq!(store_error(container.get_to_file(&absent, target.path(), "out")), StoreError::NotFound(absent));
    assert_eq!(fs::read(target.join("out")).unwrap(), content, "a failure leaves the file that was there");
    for path in ["../outside", "/tmp/outside", "sub/", ""] {
        store_error(container.get_to_file(&id, target.path(), path));
    }
    let names: Vec<_> = fs::read_dir(target.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["out"], "nothing else was left behind");
}

/// wasmtime's default limit for the arguments of a call is 128 MiB; it stops the component beyond.
#[test]
fn an_object_larger_than_a_call_may_pass_comes_back() {
    let (_dir, container) = container();
    let content = vec![7; 140 << 20];
    let id = container.add(&content).unwrap();
    assert!(container.get(&id).unwrap() == content, "loose");
    let other = vec![8; 140 << 20];
    let mut writer = container.pack_writer(Compression::Always).unwrap();
    let packed = writer.add(&other).unwrap();
    writer.finish().unwrap();
    assert!(container.get(&packed).unwrap() == other, "packed");
}

#[test]
fn a_writer_that_is_dropped_leaves_nothing() {
    let (dir, container) = container();
    let mut writer = container.writer().unwrap();
    writer.append(b"half").unwrap();
    drop(writer);
    assert_eq!(fs::read_dir(dir.join("incoming")).unwrap().count(), 0);
    let mut writer = container.writer().unwrap();
    writer.append(b"some ").unwrap();
    writer.append(b"bytes").unwrap();
    assert_eq!(writer.finish().unwrap(), sha256(b"some bytes"));
}

#[test]
fn errors_are_typed() {
    let (dir, container) = container();
    let absent = sha256(b"absent");
    assert_eq!(store_error(container.get(&absent)), StoreError::NotFound(absent));
    assert_eq!(store_error(container.info(&absent)), StoreError::NotFound(absent));
    assert!(matches!(
        store_error(runtime().create(dir.path(), Config::default(), Options::default()).map(drop)),
        StoreError::AlreadyExists(_)
    ));
    let empty = TempDir::new();
    assert_eq!(store_error(runtime().open(empty.path()).map(drop)), StoreError::NoContainer);
    let config = Config { compression_level: 10, ..Config::default() };
    assert!(matches!(
        store_error(runtime().create(empty.path(), config, Options::default()).map(drop)),
        StoreError::InvalidArgument(_)
    ));
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0, "what is refused leaves nothing");
    assert!(matches!(runtime().open(empty.join("absent")).map(drop), Err(Error::Io(_))));
    let settings = fs::read_to_string(dir.join("container.json")).unwrap();
    fs::write(dir.join("container.json"), settings.replace("\"format\":1", "\"format\":2")).unwrap();
    assert_eq!(store_error(runtime().open(dir.path()).map(drop)), StoreError::UnsupportedFormat(2));
}

#[test]
fn a_second_packer_is_told_who_is_at_work() {
    let (dir, mut first) = container();
    let second = runtime().open(dir.path()).unwrap();
    let options = Options { holder: "the first".into(), ..Options::default() };
    drop(first);
    first = runtime().open_with(dir.path(), options).unwrap();
    let mut writer = first.pack_writer(Compression::Never).unwrap();
    let id = writer.add(b"some bytes").unwrap();
    for refused in [
        second.pack_writer(Compression::Never).map(drop),
        second.pack_loose(Compression::Never).map(drop),
        second.clean().map(drop),
        second.force_unlock().map(drop),
    ] {
        let StoreError::Locked(text) = store_error(refused) else { panic!("it should be locked") };
        assert!(text.contains("the first"), "{text}");
    }
    second.add(b"loose while another packs").unwrap();
    writer.finish().unwrap();
    second.pack_loose(Compression::Never).unwrap().finish().unwrap();
    assert_eq!(second.get(&id).unwrap(), b"some bytes");
}

#[test]
fn a_container_that_is_opened_for_reading_is_never_written() {
    let (dir, container) = container();
    let id = container.add(b"some bytes").unwrap();
    let options = Options { access: Access::ReadOnly, durability: Durability::Full, ..Options::default() };
    let reader = runtime().open_with(dir.path(), options).unwrap();
    assert_eq!(reader.get(&id).unwrap(), b"some bytes");
    assert_eq!(store_error(reader.add(b"more")), StoreError::ReadOnly);
    assert_eq!(store_error(reader.writer().map(drop)), StoreError::ReadOnly);
    assert_eq!(store_error(reader.pack_writer(Compression::Never).map(drop)), StoreError::ReadOnly);
    assert_eq!(store_error(reader.clean().map(drop)), StoreError::ReadOnly);
}

#[test]
fn damage_is_reported_and_nothing_else_suffers() {
    let (dir, container) = container();
    let good = container.add(b"good").unwrap();
    let bad = container.add(b"bad bytes").unwrap();
    let hex = bad.to_string();
    let path = dir.join("loose").join(&hex[..2]).join(&hex[2..]);
    fs::write(&path, b"BAD bytes").unwrap();
    let StoreError::Corrupt(damage) = store_error(container.get(&bad)) else { panic!("it is damaged") };
    assert!(damage.file.ends_with(&hex[2..]), "{damage}");
    let progress = container.pack_loose(Compression::Never).unwrap().finish().unwrap();
    assert_eq!((progress.objects, progress.problems.len()), (1, 1));
    assert_eq!(container.clean().unwrap().finish().unwrap().objects, 1);
    assert!(path.exists(), "a damaged object stays where it is");
    assert_eq!(container.get(&good).unwrap(), b"good");
    fs::remove_file(&path).unwrap();
    assert_eq!(container.add(b"bad bytes").unwrap(), bad, "adding it again mends it");
    assert_eq!(container.get(&bad).unwrap(), b"bad bytes");
}

#[test]
fn handles_own_what_they_need_and_many_can_be_used_at_once() {
    let (_dir, container) = container();
    let (one, other) = (container.add(b"one").unwrap(), container.add(b"the other").unwrap());
    let (mut first, mut second) = (container.reader(&one).unwrap(), container.reader(&other).unwrap());
    let mut batch = container.read_many(&[one, other]).unwrap();
    let mut writer = container.writer().unwrap();
    let mut job = container.pack_loose(Compression::Never).unwrap();
    std::io::Write::write_all(&mut writer, b"written").unwrap();
    drop(container);
    let read = std::thread::spawn(move || {
        let (mut a, mut b) = (String::new(), String::new());
        std::io::Read::read_to_string(&mut first, &mut a).unwrap();
        std::io::Read::read_to_string(&mut second, &mut b).unwrap();
        (a, b)
    });
    assert_eq!(read.join().unwrap(), ("one".into(), "the other".into()));
    assert_eq!(
        batch.by_ref().map(|item| item.unwrap().0).collect::<std::collections::BTreeSet<_>>(),
        [one, other].into()
    );
    assert_eq!(job.finish().unwrap().objects, 2);
    writer.finish().unwrap();
}

#[test]
fn many_objects_are_written_to_files_and_deleted() {
    let (_dir, container) = container();
    let out = TempDir::new();
    let large = noise((1 << 20) + 5, 3);
    let ids = container.add_many(&[b"small".as_slice(), b"", &large]).unwrap();
    let absent = loosepack::codec::sha256(b"absent");
    let asked = [ids[0], absent, ids[2], ids[0], ids[1]];
    let sizes: Vec<Option<u64>> =
        container.get_many_to_files(&asked, out.path()).unwrap().into_iter().map(Result::ok).collect();
    assert_eq!(sizes, [Some(5), None, Some(large.len() as u64), Some(5), Some(0)]);
    assert_eq!(std::fs::read(out.join(ids[2].to_string())).unwrap(), large);
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 3);
    let infos = container.info_many(&asked).unwrap();
    assert_eq!(infos.iter().map(|info| info.map(|info| info.size)).collect::<Vec<_>>(), sizes);
    assert_eq!(container.delete(&asked).unwrap().finish().unwrap().objects, 3);
    assert_eq!(container.contains(&asked).unwrap(), [false; 5]);
    assert_eq!(container.durability().unwrap(), loosepack::Durability::Full);
}
