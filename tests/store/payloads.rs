//! Objects that are given as they lie in packs, and stored without compressing again.

use loosepack::store::Adder;
use loosepack::{Compression, Container, Dir, Error, ObjectId, PackedObject, Placement, Tuning};
use miniz_oxide::deflate::compress_to_vec_zlib;

use crate::damage::{forged, put};
use crate::sim::SimDir;
use crate::support::{create, id, noise, open, text, tiny, tuning, verify, with_tuning};

/// The largest object that a stream is taken for.
const MOST: usize = 1 << 20;

fn object<'a>(content: &[u8], payload: &'a [u8]) -> PackedObject<'a> {
    PackedObject { id: id(content), size: content.len() as u64, payload }
}

/// Length of the payload of a packed object.
fn length<D: Dir>(store: &Container<D>, id: &ObjectId) -> u64 {
    match store.info(id).unwrap().placement {
        Placement::Packed(location) => location.length,
        Placement::Loose => panic!("{id} is loose"),
    }
}

/// Nothing is damaged, and nothing is left over.
fn is_clean<D: Dir>(store: &Container<D>) {
    let (_, problems, notes) = verify(store, Default::default());
    assert_eq!((problems, notes), (Vec::new(), Vec::new()));
}

fn streams_are_stored_as_they_are() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let mut contents: Vec<Vec<u8>> = (0..40).map(|seed| text(60 * (seed + 1), seed as u64)).collect();
    contents.push(text(MOST, 7));
    // Of any level, and so not those that this container would make.
    let streams: Vec<Vec<u8>> =
        contents.iter().enumerate().map(|(n, content)| compress_to_vec_zlib(content, 1 + (n % 9) as u8)).collect();
    let objects: Vec<_> = contents.iter().zip(&streams).map(|(content, stream)| object(content, stream)).collect();
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    assert_eq!(writer.add_packed_many(&objects).unwrap(), vec![true; objects.len()]);
    writer.finish().unwrap();
    let mut kept = 0;
    for store in [store, open(dir)] {
        for (content, stream) in contents.iter().zip(&streams) {
            let id = id(content);
            assert!(store.get(&id).unwrap() == *content);
            kept += usize::from(length(&store, &id) == stream.len() as u64);
        }
        is_clean(&store);
    }
    // The shortest texts do not become shorter.
    assert!(kept > 70, "{kept} of 82");
}

#[test]
fn streams_are_stored_as_they_are_in_any_size() {
    streams_are_stored_as_they_are();
    with_tuning(tiny(), streams_are_stored_as_they_are);
    with_tuning(Tuning::SMALLEST, streams_are_stored_as_they_are);
}

#[test]
fn what_a_stream_does_not_shorten_is_stored_plain() {
    let store = create(SimDir::new());
    let contents = [Vec::new(), noise(5000, 1), b"a".to_vec()];
    let streams: Vec<Vec<u8>> = contents.iter().map(|content| compress_to_vec_zlib(content, 9)).collect();
    let mut objects: Vec<_> = contents.iter().zip(&streams).map(|(content, stream)| object(content, stream)).collect();
    // The bytes themselves, which compress well.
    let plain = text(5000, 1);
    objects.push(object(&plain, &plain));
    let mut writer = store.pack_writer(Compression::Always).unwrap();
    assert_eq!(writer.add_packed_many(&objects).unwrap(), [true; 4]);
    writer.finish().unwrap();
    for content in contents.iter().chain([&plain]) {
        assert_eq!(length(&store, &id(content)), content.len() as u64);
        assert!(store.get(&id(content)).unwrap() == *content);
    }
    is_clean(&store);
}

/// Streams that are not what they should be, and the object that they should be.
fn hostile(content: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let sound = compress_to_vec_zlib(content, 6);
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut stream = sound.clone();
        change(&mut stream);
        stream
    };
    let end = sound.len();
    // Method 8, a window of 64 KiB, which RFC 1950 does not know, with a right check.
    let wide = (0..32).find(|flags| (0x8800 + flags) % 31 == 0).unwrap() as u8;
    let dictionary = (0x20..0x40).find(|flags| (0x7800 + flags) % 31 == 0).unwrap() as u8;
    let mut unfinished = sound[..2].to_vec();
    unfinished.extend(deflate_unfinished(content));
    unfinished.extend(&sound[end - 4..]);
    let other = compress_to_vec_zlib(&text(content.len(), 99), 6);
    vec![
        ("nothing", Vec::new()),
        ("less than its ends", vec![0x78, 0x9c, 1, 2]),
        ("cut", sound[..end - 1].to_vec()),
        ("without its checksum", sound[..end - 4].to_vec()),
        ("something behind it", changed(&|stream| stream.push(0))),
        ("another stream behind it", [&sound[..], &sound[..]].concat()),
        ("wrong checksum", changed(&|stream| stream[end - 1] ^= 1)),
        ("wrong check of the header", changed(&|stream| stream[1] ^= 1)),
        ("too large a window", changed(&|stream| (stream[0], stream[1]) = (0x88, wide))),
        ("a dictionary", changed(&|stream| (stream[0], stream[1]) = (0x78, dictionary))),
        ("no zlib", changed(&|stream| (stream[0], stream[1]) = (0x1f, 0x8b))),
        ("a damaged block", changed(&|stream| stream[end / 2] ^= 0x10)),
        ("no final block", unfinished),
        ("another object of the size", other),
        ("less than the size", compress_to_vec_zlib(&content[1..], 6)),
        ("more than the size", compress_to_vec_zlib(&[content, b"!"].concat(), 6)),
        ("other bytes of the size", text(content.len(), 98)),
        ("a stream of the size", {
            // It would pass for the object itself.
            let mut stream = compress_to_vec_zlib(content, 6);
            stream.resize(content.len(), 0);
            stream
        }),
        ("a bomb", compress_to_vec_zlib(&vec![0; 50 << 20], 9)),
    ]
}

/// DEFLATE blocks without a final one.
fn deflate_unfinished(content: &[u8]) -> Vec<u8> {
    loosepack::codec::Framing::start(content.to_vec(), 6, false).finish().0
}

#[test]
fn a_stream_that_is_not_what_it_says_is_left_out_and_the_others_are_stored() {
    for tuning in [tuning(), tiny()] {
        with_tuning(tuning, || {
            let dir = SimDir::new();
            let store = create(dir.clone());
            let (wanted, before, after) = (text(3000, 1), text(2000, 2), text(2500, 3));
            let (sound, before_stream) = (compress_to_vec_zlib(&wanted, 6), compress_to_vec_zlib(&before, 6));
            let after_stream = compress_to_vec_zlib(&after, 6);
            let mut writer = store.pack_writer(Compression::Never).unwrap();
            for (problem, stream) in hostile(&wanted) {
                let objects =
                    [object(&before, &before_stream), object(&wanted, &stream), object(&after, &after_stream)];
                assert_eq!(writer.add_packed_many(&objects).unwrap(), [true, false, true], "{problem}");
                writer.check().unwrap();
            }
            writer.commit().unwrap();
            assert_eq!(store.contains(&[id(&wanted)]).unwrap(), [false]);
            // A damaged copy does not stand in the way of a sound one, in one call or later.
            let damaged = &sound[..sound.len() - 1];
            let objects = [object(&wanted, damaged), object(&wanted, &sound), object(&wanted, damaged)];
            let stored = writer.add_packed_many(&objects).unwrap();
            assert_eq!(stored[..2], [false, true]);
            writer.finish().unwrap();
            let store = open(dir);
            assert!(store.get(&id(&wanted)).unwrap() == wanted);
            assert_eq!(store.stats().unwrap().packed_objects, 3);
            is_clean(&store);
        });
    }
}

#[test]
fn an_object_that_is_packed_is_not_written_again() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let content = text(3000, 1);
    let stream = compress_to_vec_zlib(&content, 9);
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    writer.add(&content).unwrap();
    assert_eq!(writer.add_packed_many(&[object(&content, &stream); 3]).unwrap(), [true; 3]);
    writer.commit().unwrap();
    let size = dir.bytes("packs/0").len();
    assert_eq!(writer.add_packed_many(&[object(&content, &stream); 3]).unwrap(), [true; 3]);
    writer.add(&content).unwrap();
    writer.finish().unwrap();
    assert_eq!(dir.bytes("packs/0").len(), size);
    is_clean(&store);
}

#[test]
fn larger_objects_are_refused_before_anything_is_appended() {
    let store = create(SimDir::new());
    let (small, large) = (text(100, 1), text(MOST + 1, 2));
    let (small_stream, large_stream) = (compress_to_vec_zlib(&small, 1), compress_to_vec_zlib(&large, 1));
    let objects = [object(&small, &small_stream), object(&large, &large_stream)];
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    for objects in [&objects[..], &[PackedObject { size: u64::MAX, ..objects[0] }]] {
        let Err(Error::InvalidArgument(message)) = writer.add_packed_many(objects) else { panic!("it was taken") };
        assert!(message.contains("1048576") && message.contains("inflate it"), "{message}");
    }
    writer.finish().unwrap();
    assert_eq!(store.stats().unwrap().packed_objects, 0);
}

#[test]
fn loose_objects_are_inflated() {
    let store = create(SimDir::new());
    let (content, other) = (text(3000, 1), text(50, 2));
    let stream = compress_to_vec_zlib(&content, 9);
    let objects = [object(&content, &stream), object(&other, &stream), object(&content, &stream)];
    let mut batch = store.batch().unwrap();
    assert_eq!(Adder::add_packed_many(&mut batch, &objects).unwrap(), [true, false, true]);
    batch.commit().unwrap();
    drop(batch);
    assert!(store.get(&id(&content)).unwrap() == content);
    assert_eq!(store.stats().unwrap().loose_objects, 1);
}

#[test]
fn a_payload_is_the_stream_that_came() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let content = text(300_000, 1);
    let stream = compress_to_vec_zlib(&content, 4);
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    writer.add_packed_many(&[object(&content, &stream)]).unwrap();
    writer.finish().unwrap();
    let Placement::Packed(location) = store.info(&id(&content)).unwrap().placement else { panic!("it is loose") };
    assert!(dir.bytes("packs/0")[location.offset as usize..][..location.length as usize] == stream);
}

/// Only this program could read it: others wait for the end of the stream.
#[test]
fn verify_finds_a_stream_without_a_final_block() {
    for last in [true, false] {
        let dir = SimDir::new();
        create(dir.clone());
        let content = text(3000, 1);
        let whole = compress_to_vec_zlib(&content, 6);
        let blocks = loosepack::codec::Framing::start(content.clone(), 6, last).finish().0;
        let payload = [&whole[..2], &blocks, &whole[whole.len() - 4..]].concat();
        let (id, length) = (id(&content), payload.len() as u64);
        let header = format!("{{\"id\":\"{id}\",\"size\":3000,\"length\":{length},\"enc\":\"zlib\"}}\n");
        dir.put("packs/0", &[header.as_bytes(), &payload, b"\n"].concat());
        let lines = [put(&id, 0, header.len() as u64, length, 3000)];
        dir.put("index/log-0.jsonl", &forged(&lines, [1, 3000, length]));
        let (_, problems, _) = verify(&open(dir), Default::default());
        assert_eq!(problems.is_empty(), last, "{problems:?}");
    }
}
