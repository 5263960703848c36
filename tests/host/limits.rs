//! Limits of the component: what it cannot do.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use loosepack::codec;
use loosepack_artifacts::COMMAND;
use loosepack_host::{Compression, Config, Error, Limits, ObjectId, Options, Runtime, StoreError};
use wasmtime_wasi::FsPerms;

use crate::stock;
use crate::support::{TempDir, container, loosepack, noise, runtime};

/// Bytes of all files below a directory, and the targets of links.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            found.append(&mut files(&path));
        } else if kind.is_symlink() {
            found.insert(path.clone(), fs::read_link(path).unwrap().to_string_lossy().into_owned().into_bytes());
        } else {
            found.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    found
}

#[test]
#[cfg(unix)]
fn a_container_cannot_be_led_outside_by_links() {
    use std::os::unix::fs::symlink;
    let (dir, container) = container();
    let outside = TempDir::new();
    let id = container.add(b"some bytes").unwrap();
    let hex = id.to_string();
    let shard = dir.join("loose").join(&hex[..2]);
    outside.file(&hex[2..], "some bytes");
    fs::remove_dir_all(&shard).unwrap();
    symlink(outside.path(), &shard).unwrap();
    let refused = container.get(&id);
    assert!(matches!(refused, Err(Error::Store(StoreError::Io(_) | StoreError::Corrupt(_)))), "{refused:?}");
    let refused = container.add(b"some bytes");
    assert!(refused.is_err(), "{refused:?}");
    let names: Vec<_> = fs::read_dir(outside.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, [&hex[2..]], "nothing outside was touched");
}

#[test]
#[cfg(unix)]
fn links_in_place_of_files_are_not_followed() {
    use std::os::unix::fs::symlink;
    let (dir, container) = container();
    let outside = TempDir::new();
    let target = outside.file("target", "untouched");
    let mut writer = container.pack_writer(Compression::Never).unwrap();
    let id = writer.add(b"some bytes").unwrap();
    writer.finish().unwrap();
    fs::remove_file(dir.join("packs/0")).unwrap();
    symlink(&target, dir.join("packs/0")).unwrap();
    fs::remove_file(dir.join("lock/pack")).unwrap();
    symlink(&target, dir.join("lock/pack")).unwrap();
    let container = runtime().open(dir.path()).unwrap();
    let refused = container.get(&id);
    assert!(matches!(refused, Err(Error::Store(StoreError::Corrupt(_)))), "{refused:?}");
    assert!(container.pack_writer(Compression::Never).is_err());
    assert_eq!(fs::read(&target).unwrap(), b"untouched");
}

#[test]
fn a_command_opens_only_what_its_line_names() {
    let dir = TempDir::new();
    dir.file("named", "named");
    dir.file("other", "other");
    loosepack(dir.path(), ["init"]).exits(0);
    // The folder's entries are granted with the folder, and only with -r.
    dir.file("folder/inside", "inside");
    loosepack(dir.path(), ["add", "named", "folder"]).exits(2).says(&["folder", "-r"]);
    let added = loosepack(dir.path(), ["add", "-r", "named", "folder"]).exits(0);
    let names: Vec<_> = added.text().lines().map(|line| &line[66..]).collect();
    assert_eq!(names, ["named", "folder/inside"]);
}

#[test]
#[cfg(unix)]
fn no_path_leads_out_of_the_directory_that_is_lent() {
    use std::os::unix::fs::symlink;
    let (_dir, container) = container();
    let secret = container.add(b"some bytes").unwrap();
    let home = TempDir::new();
    home.file("outside/secret", "secret");
    home.file("inside/folder/file", "fine");
    let (inside, outside) = (home.join("inside"), home.join("outside"));
    symlink("../outside", inside.join("away")).unwrap();
    symlink(&outside, inside.join("far-away")).unwrap();
    symlink("../outside/secret", inside.join("secret")).unwrap();
    symlink("folder/file", inside.join("near")).unwrap();
    let before = files(home.path());
    let absolute = outside.join("secret").to_str().unwrap().to_string();
    let paths = [
        "../outside/secret",
        "folder/../../outside/secret",
        "./../outside/secret",
        "away/secret",
        "away/../outside/secret",
        "far-away/secret",
        "secret",
        "secret/",
        "secret/.",
        "folder/file/",
        "folder/file/..",
        "near/",
        "away/",
        "..",
        ".",
        "/",
        "",
        "//",
        "folder\0file",
        &absolute,
        &"a/".repeat(5000),
        &"x".repeat(5000),
    ];
    for path in paths {
        let path = path.to_string();
        if let Ok(results) = container.add_files(&inside, std::slice::from_ref(&path)) {
            assert!(results.iter().all(Result::is_err), "{path:?} was read: {results:?}");
        }
        if let Ok(results) =
            container.pack_writer(Compression::Never).unwrap().add_files(&inside, std::slice::from_ref(&path))
        {
            assert!(results.iter().all(Result::is_err), "{path:?} was read: {results:?}");
        }
        // A rename replaces a link, and never what it leads to.
        if path != "secret" {
            assert!(container.get_to_file(&secret, &inside, &path).is_err(), "{path:?} was written");
        }
        assert!(files(home.path()) == before, "{path:?}");
    }
    container.get_to_file(&secret, &inside, "secret").unwrap();
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"secret");
    assert_eq!(fs::read(inside.join("secret")).unwrap(), b"some bytes");
    assert!(container.add_files(&inside, &["folder/file".into()]).unwrap()[0].is_ok(), "what is lent is read");
    assert_eq!(container.objects(None, 100).unwrap().len(), 2, "nothing else was stored");
}

#[test]
fn what_is_granted_for_reading_only_stays_as_it_is() {
    let dir = TempDir::new();
    dir.file("a.txt", "alpha");
    loosepack(dir.path(), ["init"]).exits(0);
    loosepack(dir.path(), ["add", "a.txt"]).exits(0);
    dir.file("b.txt", "beta");
    fs::create_dir(dir.join("empty")).unwrap();
    dir.file("store/lock/pack.file.json", "{}");
    dir.file("store/incoming/0123456789abcdef-0", "left by a crash");
    let before = files(dir.path());
    for arguments in [
        &["-C", "store", "add", "b.txt"][..],
        &["-C", "store", "add", "--to-pack", "b.txt"],
        &["-C", "store", "pack"],
        &["-C", "store", "clean"],
        &["-C", "store", "unlock", "--force"],
        &["-C", "empty", "init"],
        &["-C", "store", "get", "-o", "c.txt", &codec::sha256(b"alpha").to_string()],
    ] {
        // These commands open the container for writing; it is the grant that does not let them.
        let (code, output) = stock::run(COMMAND, dir.path(), ".", FsPerms::ReadOnly, arguments);
        assert_eq!(code, 1, "{arguments:?}: {output}");
        assert!(files(dir.path()) == before, "{arguments:?} has changed something");
    }
    assert_eq!(fs::read_dir(dir.join("empty")).unwrap().count(), 0);
}

/// A container with many objects, and their ids.
fn filled(runtime: &Runtime, dir: &TempDir, count: u64) -> Vec<ObjectId> {
    let store = runtime.create(dir.path(), Config::default(), Options::default()).unwrap();
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    let contents: Vec<Vec<u8>> = (0..count).map(|number| number.to_le_bytes().to_vec()).collect();
    let ids = writer.add_many(&contents).unwrap();
    writer.finish().unwrap();
    ids
}

#[track_caller]
fn is_sound(dir: &TempDir, ids: &[ObjectId]) {
    let store = runtime().open(dir.path()).unwrap();
    let mut batch = store.read_many(ids).unwrap();
    let mut read = 0;
    while let items = batch.next_items().unwrap()
        && !items.is_empty()
    {
        read += items.len();
        assert!(items.iter().all(|(_, content)| matches!(content, loosepack_host::Content::Bytes(_))));
    }
    drop(batch);
    assert_eq!(read, ids.len());
    store.add(b"goes on").unwrap();
    assert_eq!(store.pack_loose(Compression::Never).unwrap().finish().unwrap().problems, []);
}

#[test]
fn a_call_ends_at_its_deadline() {
    let dir = TempDir::new();
    let ids = filled(&runtime(), &dir, 20_000);
    let call = Duration::from_millis(200);
    let hasty = Runtime::with_limits(Limits { call: Some(call), ..Limits::default() }).unwrap();
    let store = hasty.open(dir.path()).unwrap();
    // Each call has its own time: many short ones are not stopped.
    let start = Instant::now();
    while start.elapsed() < 3 * call {
        store.get(&ids[0]).unwrap();
    }
    let many: Vec<Vec<u8>> = (0..1_000_000_u64).map(|number| number.to_le_bytes().to_vec()).collect();
    let start = Instant::now();
    let stopped = store.add_many(&many);
    assert!(matches!(stopped, Err(Error::Runtime(_))), "{:?}", stopped.map(|added| added.len()));
    println!("stopped after {:?}", start.elapsed());
    assert!(matches!(store.get(&ids[0]), Err(Error::Runtime(_))), "a handle that was stopped is of no more use");
    drop(store);
    is_sound(&dir, &ids);
}

#[test]
fn a_packer_that_is_stopped_gives_up_its_place() {
    let dir = TempDir::new();
    let ids = filled(&runtime(), &dir, 1000);
    let hasty = Runtime::with_limits(Limits { call: Some(Duration::from_millis(200)), ..Limits::default() }).unwrap();
    let store = hasty.open(dir.path()).unwrap();
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    let contents: Vec<Vec<u8>> = (0..1_000_000_u64).map(|number| number.to_le_bytes().to_vec()).collect();
    assert!(matches!(writer.add_many(&contents), Err(Error::Runtime(_))));
    assert!(matches!(writer.finish(), Err(Error::Runtime(_))));
    drop(store);
    is_sound(&dir, &ids);
}

#[test]
fn memory_ends_at_its_limit() {
    let dir = TempDir::new();
    let large = noise(20 << 20, 1);
    let mut ids = filled(&runtime(), &dir, 1000);
    ids.push(runtime().open(dir.path()).unwrap().add(&noise(1 << 20, 2)).unwrap());
    let large_id = runtime().open(dir.path()).unwrap().add(&large).unwrap();
    let narrow = Runtime::with_limits(Limits { memory: 16 << 20, ..Limits::default() }).unwrap();
    let store = narrow.open(dir.path()).unwrap();
    let too_large = store.get(&large_id);
    assert!(matches!(too_large, Err(Error::Store(StoreError::TooLarge(size))) if size == 20 << 20));
    assert_eq!(store.get(&ids[1000]).unwrap(), noise(1 << 20, 2), "a refusal is not the end");
    let mut reader = store.reader(&large_id).unwrap();
    assert_eq!(std::io::copy(&mut reader, &mut std::io::sink()).unwrap(), 20 << 20, "pieces need less");
    drop(reader);
    assert!(matches!(store.add(&large), Err(Error::Runtime(_))), "what does not fit stops the component");
    assert!(matches!(store.get(&ids[0]), Err(Error::Runtime(_))), "a handle that was stopped is of no more use");
    drop(store);
    is_sound(&dir, &ids[..1000]);
}
