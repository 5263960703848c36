//! Imports that remove what has been imported.

use std::fs;

use super::theirs::{Theirs, all_kinds, text};
use super::{Kept, Ours, holds, import_with, ours, reopened};
use crate::key::Hash;
use crate::{Counts, Error, Import};

fn move_over(store: &Ours, theirs: &Theirs, kept: &mut Kept) -> Result<Counts, Error> {
    import_with(store, &Import { dir: theirs.dir(), rehash: false, compress: false, remove: true }, kept)
}

#[test]
fn everything_goes_and_their_container_stays_one() {
    for prefix in [0, 2] {
        let theirs = Theirs::with(Hash::Sha256, prefix);
        let contents = all_kinds();
        theirs.fill(&contents);
        let folder = tempfile::tempdir().unwrap();
        let mut kept = Kept::default();
        let counts = move_over(&ours(folder.path()), &theirs, &mut kept).unwrap();
        assert_eq!((counts.problems, counts.removed, kept.problems, kept.notes), (0, 4, vec![], vec![]));
        holds(&reopened(folder.path()), &contents);
        assert_eq!((theirs.rows(), theirs.names("packs")), (0, vec![]));
        assert!(contents.iter().all(|content| !theirs.loose_path(content).exists()));
        // What came in meanwhile goes over the next time.
        theirs.add_packed(b"later", false, 0);
        assert_eq!(move_over(&reopened(folder.path()), &theirs, &mut Kept::default()).unwrap().removed, 1);
        holds(&reopened(folder.path()), &[b"later".to_vec()]);
    }
}

#[test]
fn what_cannot_be_imported_stays_with_its_pack() {
    let theirs = Theirs::new();
    let contents: Vec<Vec<u8>> = (0..40).map(|n| text(1000, n)).collect();
    contents[..20].iter().for_each(|content| theirs.add_packed(content, true, 0));
    contents[20..].iter().for_each(|content| theirs.add_packed(content, false, 1));
    theirs.append(0, b"something");
    theirs.insert([&theirs.key(b"else"), &0, &9, &0, &9, &0]);
    theirs.add_loose(b"sound");
    fs::write(theirs.loose_path(b"sound"), b"wrong").unwrap();
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let store = if folder.path().join("packs").exists() { reopened(folder.path()) } else { ours(folder.path()) };
        let mut kept = Kept::default();
        let counts = move_over(&store, &theirs, &mut kept).unwrap();
        assert_eq!((counts.problems, kept.notes.len()), (2, 1));
        assert!(kept.notes[0].file == "packs/0" && kept.notes[0].message.contains("stays"));
        assert_eq!((theirs.rows(), theirs.names("packs")), (21, vec!["0".into()]));
        assert_eq!(fs::read(theirs.loose_path(b"sound")).unwrap(), b"wrong");
        drop(store);
        holds(&reopened(folder.path()), &contents);
    }
}

#[test]
fn a_pack_that_another_packer_writes_stays() {
    let theirs = Theirs::new();
    theirs.add_packed(b"locked", false, 0);
    theirs.add_packed(b"free", false, 1);
    fs::write(theirs.path("packs/0.lock"), b"").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut kept = Kept::default();
    move_over(&ours(folder.path()), &theirs, &mut kept).unwrap();
    assert!(kept.notes[0].message.contains("packs/0.lock exists"), "{:?}", kept.notes);
    assert_eq!(theirs.names("packs"), ["0", "0.lock"]);
    holds(&reopened(folder.path()), &[b"locked".to_vec(), b"free".to_vec()]);
}

#[test]
fn a_change_by_somebody_else_ends_it_and_nothing_is_lost() {
    let theirs = Theirs::new();
    let contents = [text(1000, 1), text(1000, 2)];
    theirs.add_packed(&contents[0], false, 0);
    let (db, key) = (theirs.db(), theirs.key(&contents[1]));
    let offset = theirs.append(0, &contents[1]);
    let mut done = false;
    let then = move || {
        if !std::mem::replace(&mut done, true) {
            let insert = "INSERT INTO db_object (hashkey, compressed, size, \"offset\", length, pack_id) VALUES (?, 0, 1000, ?, 1000, 0)";
            db.execute(insert, rusqlite::params![key, offset]).unwrap();
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let mut kept = Kept { then: Some(Box::new(then)), ..Kept::default() };
    let error = move_over(&ours(folder.path()), &theirs, &mut kept).unwrap_err().to_string();
    assert!(error.contains("changed by another process"), "{error}");
    assert_eq!(theirs.rows(), 2);
    assert!(theirs.path("packs/0").exists());
    let mut kept = Kept::default();
    move_over(&reopened(folder.path()), &theirs, &mut kept).unwrap();
    assert_eq!(theirs.names("packs"), Vec::<String>::new());
    holds(&reopened(folder.path()), &contents);
}

#[test]
fn nothing_is_removed_for_what_is_not_flushed() {
    let theirs = Theirs::new();
    theirs.add_packed(b"object", false, 0);
    let folder = tempfile::tempdir().unwrap();
    drop(ours(folder.path()));
    let options = loosepack::Options { durability: loosepack::Durability::None, ..Default::default() };
    let store = loosepack::Container::open(loosepack::dir::cap::CapDir::open(folder.path()).unwrap(), options).unwrap();
    let error = move_over(&store, &theirs, &mut Kept::default()).unwrap_err().to_string();
    assert!(error.contains("flushes"), "{error}");
    assert_eq!((theirs.rows(), theirs.names("packs")), (1, vec!["0".into()]));
}

/// Each state that a kill leaves while a pack is removed.
#[test]
fn a_removal_that_was_cut_short_is_completed() {
    const MARK: &[u8] = b"loosepack import\n";
    const REMOVED: &[u8] = b"loosepack import\nimported\n";
    // The lock file, whether the rows are deleted, whether the pack is removed, and whether the pack goes.
    for (lock, deleted, removed, goes) in [
        (MARK, false, false, true),
        (REMOVED, false, false, true),
        (&REMOVED[..20], false, false, true),
        (REMOVED, true, false, true),
        (REMOVED, true, true, true),
        // Nobody knows what is in a pack without rows and without a mark.
        (MARK, true, false, false),
    ] {
        let theirs = Theirs::new();
        theirs.add_packed(b"in the pack", false, 0);
        theirs.add_packed(b"in another", false, 1);
        fs::write(theirs.path("packs/0.lock"), lock).unwrap();
        fs::write(theirs.path("packs/1.lock.loosepack"), b"loose").unwrap();
        if deleted {
            theirs.db().execute("DELETE FROM db_object WHERE pack_id = 0", []).unwrap();
        }
        if removed {
            fs::remove_file(theirs.path("packs/0")).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let store = ours(folder.path());
        if deleted {
            store.add(b"in the pack").unwrap();
        }
        move_over(&store, &theirs, &mut Kept::default()).unwrap();
        drop(store);
        let left: &[&str] = if goes { &[] } else { &["0"] };
        assert_eq!(theirs.names("packs"), left, "{lock:?}, {deleted}, {removed}");
        holds(&reopened(folder.path()), &[b"in the pack".to_vec(), b"in another".to_vec()]);
    }
}

#[test]
fn old_names_are_written_down_before_they_go() {
    let theirs = Theirs::with(Hash::Sha1, 2);
    let contents = [text(1000, 1), text(1000, 2)];
    theirs.add_packed(&contents[0], true, 0);
    theirs.add_loose(&contents[1]);
    let folder = tempfile::tempdir().unwrap();
    // The reporter cannot write them down.
    let mut kept = Kept { most: Some(0), ..Kept::default() };
    let all = Import { dir: theirs.dir(), rehash: true, compress: false, remove: true };
    assert!(matches!(import_with(&ours(folder.path()), &all, &mut kept), Err(Error::Stopped)));
    assert_eq!(theirs.rows(), 1);
    assert!(theirs.path("packs/0").exists() && theirs.loose_path(&contents[1]).exists());
    let mut kept = Kept::default();
    import_with(&reopened(folder.path()), &all, &mut kept).unwrap();
    assert_eq!(kept.renamed.len(), 2);
    assert!(!theirs.path("packs/0").exists() && !theirs.loose_path(&contents[1]).exists());
}
