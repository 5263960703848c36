//! Imports that leave their container as it is.

use std::fs;

use loosepack::{Compression, Placement};

use super::theirs::{Theirs, all_kinds, noise, text, zlib};
use super::{Kept, finish, holds, import, import_with, ours, reopened};
use crate::key::Hash;
use crate::{Error, Import};

#[test]
fn all_kinds_of_objects_come_over_and_a_second_time_nothing_does() {
    for prefix in [0, 1, 2, 5] {
        let theirs = Theirs::with(Hash::Sha256, prefix);
        let contents = all_kinds();
        theirs.fill(&contents);
        // A hole, as deleting leaves one.
        theirs.append(0, b"bytes of no object");
        let before = (theirs.names("."), theirs.names("packs"));
        let folder = tempfile::tempdir().unwrap();
        let store = ours(folder.path());
        let (counts, kept) = import(&store, theirs.dir());
        assert_eq!((kept.problems, kept.notes), (vec![], vec![]), "prefix {prefix}");
        assert_eq!(counts.done, counts.total);
        assert_eq!(before, (theirs.names("."), theirs.names("packs")), "nothing was made");
        let store = reopened(folder.path());
        holds(&store, &contents);
        assert_eq!(store.stats().unwrap().packed_objects, contents.len() as u64);
        let pack = fs::read(folder.path().join("packs/0")).unwrap();
        // Streams are those that were there.
        for content in contents.iter().filter(|content| (300..=1 << 20).contains(&content.len())).step_by(10) {
            let id = loosepack::codec::sha256(content);
            let Placement::Packed(location) = store.info(&id).unwrap().placement else { panic!("it is loose") };
            if location.compressed() {
                assert!(pack[location.offset as usize..][..location.length as usize] == zlib(content));
            }
        }
        let (again, kept) = import(&store, theirs.dir());
        assert_eq!((again.objects, again.present, kept.problems), (0, again.total, vec![]));
        assert_eq!(fs::read(folder.path().join("packs/0")).unwrap().len(), pack.len());
    }
}

#[test]
fn streams_that_cannot_be_kept_and_objects_to_compress_come_over() {
    let theirs = Theirs::new();
    // A stream that is exactly as long as its object.
    let same = (0..).map(|seed| [noise(seed % 90, seed), vec![b'x'; seed / 90]].concat());
    let same = same.into_iter().find(|content| zlib(content).len() == content.len()).unwrap();
    let contents = [same, text(5000, 1), text(5000, 2), noise(3000, 3), b"short".to_vec()];
    for (number, content) in contents.iter().enumerate() {
        theirs.add_packed(content, number % 2 == 0, 0);
    }
    for compress in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let store = ours(folder.path());
        let when = if compress { Compression::Always } else { Compression::Never };
        let mut writer = store.pack_writer(when).unwrap();
        let all = Import { dir: theirs.dir(), rehash: false, compress, remove: false };
        let counts = crate::import(&store, &mut writer, &all, &mut Kept::default()).unwrap();
        writer.finish().unwrap();
        assert_eq!((counts.objects, counts.problems), (5, 0));
        holds(&store, &contents);
        let Placement::Packed(location) = store.info(&loosepack::codec::sha256(&contents[1])).unwrap().placement else {
            panic!("it is loose")
        };
        assert_eq!(location.compressed(), compress);
    }
}

#[test]
fn an_import_that_was_stopped_goes_on() {
    let theirs = Theirs::new();
    let contents: Vec<Vec<u8>> = (0..90_000).map(|n| text(20 + n % 50, n)).collect();
    for (pack, contents) in contents.chunks(30_000).enumerate() {
        let db = theirs.db();
        db.execute_batch("BEGIN").unwrap();
        let mut bytes = Vec::new();
        for content in contents {
            let (offset, len) = (bytes.len() as i64, content.len() as i64);
            bytes.extend_from_slice(content);
            let insert = "INSERT INTO db_object (hashkey, compressed, size, \"offset\", length, pack_id) VALUES (?, 0, ?, ?, ?, ?)";
            db.execute(insert, rusqlite::params![theirs.key(content), len, offset, len, pack as i64]).unwrap();
        }
        theirs.append(pack as i64, &bytes);
        db.execute_batch("COMMIT").unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let mut kept = Kept { most: Some(0), ..Kept::default() };
    let all = Import { dir: theirs.dir(), rehash: false, compress: false, remove: false };
    assert!(matches!(import_with(&ours(folder.path()), &all, &mut kept), Err(Error::Stopped)));
    let store = reopened(folder.path());
    let before = store.stats().unwrap().packed_objects;
    assert!((65_536..90_000).contains(&before), "{before}");
    let (counts, _) = import(&store, theirs.dir());
    assert_eq!((counts.objects, counts.present), (90_000 - before, before));
    holds(&store, &contents);
}

#[test]
fn what_is_damaged_or_hostile_is_reported_and_the_rest_comes_over() {
    let theirs = Theirs::new();
    let good = [text(3000, 1), noise(3000, 2), text(2_000_000, 3), noise(10, 4), text(500, 5)];
    theirs.add_packed(&good[0], true, 0);
    theirs.add_packed(&good[1], false, 0);
    let outside = tempfile::tempdir().unwrap();
    let secret = text(4000, 99);
    fs::write(outside.path().join("secret"), &secret).unwrap();
    let row = |content: &[u8], payload: &[u8], compressed: bool| {
        let offset = theirs.append(0, payload);
        let values = (theirs.key(content), compressed, content.len() as i64, offset, payload.len() as i64);
        theirs.insert([&values.0, &values.1, &values.2, &values.3, &values.4, &0]);
    };
    // Payloads of small and of large objects that are not what their rows say.
    let mut number = 100;
    for len in [2000, 3_000_000] {
        let mut next = || {
            number += 1;
            text(len, number)
        };
        let content = next();
        row(&content, &[&content[1..], b"x"].concat(), false);
        let content = next();
        row(&content, &zlib(&text(len, 1)), true);
        let content = next();
        row(&content, &[&zlib(&content)[..], b"x"].concat(), true);
        let content = next();
        row(&content, &zlib(&content)[..20], true);
        let content = next();
        row(&content, &zlib(&content[..len - 1]), true);
        let content = next();
        row(&content, &zlib(&[&content[..], b"x"].concat()), true);
        let content = next();
        row(&content, b"", true);
        let content = next();
        row(&content, &content[1..], false);
    }
    let wrong = number - 100;
    // Rows that lead elsewhere.
    let unique = |n: i32| theirs.key(format!("unique {n}").as_bytes());
    theirs.insert([&"../../../../../etc/passwd", &0, &10, &0, &10, &0]);
    theirs.insert([&format!("{}/{}", &unique(1)[..2], outside.path().display()), &0, &10, &0, &10, &0]);
    theirs.insert([&unique(2).to_uppercase(), &0, &10, &0, &10, &0]);
    theirs.insert([&unique(3)[..63].to_string(), &0, &10, &0, &10, &0]);
    theirs.insert([&vec![1_u8; 64], &0, &10, &0, &10, &0]);
    theirs.insert([&unique(4), &0, &10, &0, &10, &"../config.json"]);
    theirs.insert([&unique(5), &0, &10, &0, &10, &-2]);
    theirs.insert([&unique(6), &0, &10, &0, &10, &1.5]);
    theirs.insert([&unique(7), &0, &-1, &0, &-1, &0]);
    theirs.insert([&unique(8), &0, &10, &-1, &10, &0]);
    theirs.insert([&unique(9), &0, &10, &i64::MAX, &10, &0]);
    theirs.insert([&unique(10), &0, &i64::MAX, &0, &i64::MAX, &0]);
    theirs.insert([&unique(11), &1, &i64::MAX, &1, &i64::MAX, &0]);
    theirs.insert([&unique(12), &2, &10, &0, &10, &0]);
    theirs.insert([&unique(13), &0, &10, &0, &10, &77]);
    theirs.insert([&unique(14), &0, &11, &0, &10, &0]);
    let rows = 16;
    theirs.add_packed(&good[2], true, 1);
    theirs.add_packed(&good[3], false, i64::from(u32::MAX) + 1);
    // Links, folders and wrong contents in place of files.
    theirs.add_loose(&good[4]);
    let path = theirs.loose_path(&secret);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(outside.path().join("secret"), &path).unwrap();
    #[cfg(not(unix))]
    fs::create_dir_all(&path).unwrap();
    fs::create_dir_all(theirs.loose_path(b"a folder")).unwrap();
    theirs.add_loose(b"sound");
    fs::write(theirs.loose_path(b"sound"), b"wrong").unwrap();
    fs::write(theirs.path("loose/readme"), b"no object").unwrap();
    let loose = 3;

    let folder = tempfile::tempdir().unwrap();
    let store = ours(folder.path());
    let (counts, kept) = import(&store, theirs.dir());
    assert_eq!(counts.problems, (wrong + rows + loose) as u64, "{:#?}", kept.problems);
    let store = reopened(folder.path());
    holds(&store, &good);
    assert_eq!(store.objects(None, 100).unwrap().len(), good.len(), "nothing else came over");
    assert!(kept.problems.iter().any(|finding| finding.file == "packs/77" && finding.message.contains("no such file")));
}

#[test]
fn rows_that_all_refer_to_the_same_bytes_are_not_read_again_and_again() {
    let theirs = Theirs::new();
    theirs.append(0, &vec![0; 1 << 20]);
    for number in 0..40 {
        theirs.insert([&theirs.key(&[number]), &0, &(1 << 20), &0, &(1 << 20), &0]);
    }
    let folder = tempfile::tempdir().unwrap();
    let (_, kept) = import(&ours(folder.path()), theirs.dir());
    let refused = kept.problems.iter().filter(|finding| finding.message.contains("more than 16 times")).count();
    assert_eq!((kept.problems.len(), refused), (40, 24));
}

#[test]
fn what_is_no_container_of_theirs_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = ours(folder.path());
    let fails = |theirs: &Theirs, says: &str| {
        let all = Import { dir: theirs.dir(), rehash: false, compress: false, remove: false };
        let message = import_with(&store, &all, &mut Kept::default()).unwrap_err().to_string();
        assert!(message.contains(says), "{message}");
    };
    let theirs = Theirs::new();
    fs::remove_file(theirs.path("config.json")).unwrap();
    fails(&theirs, "it has no config.json");
    let theirs = Theirs::new();
    fs::write(theirs.path("packs.idx"), b"no database").unwrap();
    fails(&theirs, "packs.idx");
    let theirs = Theirs::new();
    fs::remove_file(theirs.path("packs.idx")).unwrap();
    fails(&theirs, "packs.idx: no such file");
    for sql in [
        "DROP TABLE db_object",
        "ALTER TABLE db_object RENAME COLUMN length TO len",
        "DROP TABLE db_object; CREATE VIEW db_object AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)
         SELECT x AS id, x AS hashkey, 0 AS compressed, x AS size, x AS \"offset\", x AS length, x AS pack_id FROM n",
    ] {
        let theirs = Theirs::new();
        theirs.db().execute_batch(sql).unwrap();
        fails(&theirs, "it has no table db_object");
    }
    #[cfg(unix)]
    for name in ["packs.idx", "packs.idx-wal", "packs.idx-shm"] {
        let (theirs, other) = (Theirs::new(), Theirs::new());
        let _ = fs::remove_file(theirs.path(name));
        std::os::unix::fs::symlink(other.path("packs.idx"), theirs.path(name)).unwrap();
        fails(&theirs, "is no regular file");
    }
}

#[test]
fn sha1_is_refused_unless_objects_may_get_other_names() {
    let theirs = Theirs::with(Hash::Sha1, 2);
    let contents = all_kinds();
    theirs.fill(&contents);
    theirs.add_loose(b"sound");
    fs::write(theirs.loose_path(b"sound"), b"wrong").unwrap();
    let wrong = text(5000, 1);
    let offset = theirs.append(0, &zlib(&text(5000, 2)));
    theirs.insert([&theirs.key(&wrong), &1, &5000, &offset, &(zlib(&text(5000, 2)).len() as i64), &0]);
    let folder = tempfile::tempdir().unwrap();
    let store = ours(folder.path());
    let all = Import { dir: theirs.dir(), rehash: false, compress: false, remove: false };
    let message = import_with(&store, &all, &mut Kept::default()).unwrap_err().to_string();
    assert!(message.contains("SHA-1") && message.contains("--rehash"), "{message}");
    assert_eq!(store.stats().unwrap().packed_objects, 0);
    let mut kept = Kept::default();
    let counts = import_with(&store, &Import { rehash: true, ..all }, &mut kept).unwrap();
    assert_eq!((counts.problems, kept.problems.len()), (2, 2), "{:?}", kept.problems);
    let store = reopened(folder.path());
    holds(&store, &contents);
    assert_eq!(store.stats().unwrap().packed_objects, contents.len() as u64);
    for content in &contents {
        let pair = (theirs.key(content), loosepack::codec::sha256(content));
        assert!(kept.renamed.contains(&pair), "{pair:?}");
    }
}

#[test]
fn a_container_in_use_is_read_as_its_own_readers_do() {
    let theirs = Theirs::new();
    let contents: Vec<Vec<u8>> = (0..100).map(|n| text(500 + n, n)).collect();
    theirs.add_packed(&contents[0], false, 0);
    contents[1..].iter().for_each(|content| theirs.add_loose(content));
    // A writer that has it open: there is a log, which is read.
    let writer = theirs.db();
    theirs.add_packed(&text(77, 77), true, 0);
    // Between index and loose objects, all loose objects are packed and removed.
    let db = theirs.db();
    let packed = contents.clone();
    let place = theirs.dir().to_path_buf();
    let (keys, paths): (Vec<_>, Vec<_>) = packed.iter().map(|c| (theirs.key(c), theirs.loose_path(c))).unzip();
    let mut offset = theirs.append(1, &packed[1..].concat()) as usize;
    let mut done = false;
    let then = move || {
        if std::mem::replace(&mut done, true) {
            return;
        }
        assert!(place.exists());
        for number in 1..packed.len() {
            let (at, len) = (offset as i64, packed[number].len() as i64);
            let insert = "INSERT INTO db_object (hashkey, compressed, size, \"offset\", length, pack_id) VALUES (?, 0, ?, ?, ?, 1)";
            db.execute(insert, rusqlite::params![keys[number], len, at, len]).unwrap();
            offset += len as usize;
            fs::remove_file(&paths[number]).unwrap();
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let store = ours(folder.path());
    let mut kept = Kept { then: Some(Box::new(then)), ..Kept::default() };
    let all = Import { dir: theirs.dir(), rehash: false, compress: false, remove: false };
    let counts = import_with(&store, &all, &mut kept).unwrap();
    drop(writer);
    assert_eq!((counts.problems, kept.problems), (0, vec![]));
    let store = reopened(folder.path());
    holds(&store, &contents);
    finish(store.reindex());
    holds(&store, &contents);
}
