//! Exports, and imports of what was exported.

use std::fs;
use std::path::Path;

use loosepack::dir::cap::CapDir;
use loosepack::{Compression, Config, Container};
use rusqlite::Connection;

use super::theirs::all_kinds;
use super::{Kept, finish, holds, import, ours, reopened};
use crate::{Counts, Error, Export};

fn export(from: &Path, to: &Path, pack_target: u64) -> (Result<Counts, Error>, Kept) {
    let mut kept = Kept::default();
    let export = Export { from, to, pack_target };
    (crate::export(&reopened(from), &export, &mut kept), kept)
}

#[test]
fn all_objects_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { pack_target: 1 << 20, ..Config::default() };
    let store = Container::create(CapDir::open(folder.path()).unwrap(), config, Default::default()).unwrap();
    let contents = all_kinds();
    for (number, contents) in contents.chunks(50).enumerate() {
        let when = [Compression::Always, Compression::Never, Compression::Auto][number % 3];
        let mut writer = store.pack_writer(when).unwrap();
        writer.add_many(contents).unwrap();
        writer.finish().unwrap();
    }
    store.add(b"loose").unwrap();
    let deleted = store.add(b"deleted").unwrap();
    finish(store.delete(vec![deleted]));
    let other = tempfile::tempdir().unwrap();
    let to = other.path().join("new/theirs");
    let (counts, kept) = export(folder.path(), &to, 1 << 20);
    assert_eq!((counts.unwrap().objects, kept.problems), (contents.len() as u64 + 1, vec![]));
    // Packs are full, but for the last, and no larger than needed.
    let mut packs = 0;
    while let Ok(found) = fs::metadata(to.join(format!("packs/{packs}"))) {
        assert!(found.len() < 8 << 20);
        packs += 1;
    }
    assert!(packs > 4 && packs == fs::read_dir(to.join("packs")).unwrap().count(), "{packs}");
    assert!(!to.join("packs.idx-wal").exists() && !to.join("config.json.part").exists());
    let db = Connection::open(to.join("packs.idx")).unwrap();
    let compressed: i64 = db
        .query_row("SELECT count(*) FROM db_object WHERE compressed AND size > 1048576 AND length < size", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert!(compressed >= 1, "large streams stay as they are");
    drop(db);
    let back = tempfile::tempdir().unwrap();
    let store = ours(back.path());
    let (counts, kept) = import(&store, &to);
    assert_eq!((counts.objects, kept.problems), (contents.len() as u64 + 1, vec![]));
    holds(&store, &contents);
    holds(&store, &[b"loose".to_vec()]);
}

#[test]
fn a_damaged_object_is_reported_and_a_sound_copy_taken() {
    let folder = tempfile::tempdir().unwrap();
    let store = ours(folder.path());
    let contents: Vec<Vec<u8>> = (0..30).map(|n| super::theirs::text(900, n)).collect();
    for content in &contents {
        store.add(content).unwrap();
    }
    finish(store.pack_loose(Compression::Always));
    // All are still loose: but for the first, which is damaged in its pack.
    let id = loosepack::codec::sha256(&contents[0]);
    let loosepack::Placement::Packed(location) = store.info(&id).unwrap().placement else { panic!("it is loose") };
    let path = folder.path().join("packs/0");
    let mut pack = fs::read(&path).unwrap();
    pack[location.offset as usize..][..location.length as usize].fill(0x55);
    let second = loosepack::codec::sha256(&contents[1]);
    let loosepack::Placement::Packed(other) = store.info(&second).unwrap().placement else { panic!("it is loose") };
    pack[other.offset as usize + 5] ^= 1;
    fs::write(&path, &pack).unwrap();
    let text = id.to_string();
    fs::remove_file(folder.path().join("loose").join(&text[..2]).join(&text[2..])).unwrap();
    let other = tempfile::tempdir().unwrap();
    let (counts, kept) = export(folder.path(), other.path(), 1 << 32);
    let counts = counts.unwrap();
    assert_eq!((counts.objects, counts.problems), (29, 1));
    assert!(kept.problems[0].file.contains(&text), "{:?}", kept.problems);
    let back = tempfile::tempdir().unwrap();
    let store = ours(back.path());
    assert_eq!(import(&store, other.path()).0.objects, 29);
    holds(&store, &contents[1..]);
}

#[test]
fn a_directory_with_something_in_it_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    drop(ours(folder.path()));
    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("mine"), b"mine").unwrap();
    let message = export(folder.path(), other.path(), 1).0.unwrap_err().to_string();
    assert!(message.contains("is not empty"), "{message}");
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 1);
}
