//! What a component cannot do.

use std::fs;

use loosepack_host::{Compression, Error, StoreError};

use crate::support::{TempDir, container, loosepack, runtime};

#[test]
#[cfg(unix)]
fn a_container_cannot_be_led_outside_by_links() {
    use std::os::unix::fs::symlink;
    let (dir, mut container) = container();
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
    let (dir, mut container) = container();
    let outside = TempDir::new();
    let target = outside.file("target", "untouched");
    let mut writer = container.pack_writer(Compression::Never).unwrap();
    let id = writer.add(b"some bytes").unwrap();
    writer.finish().unwrap();
    fs::remove_file(dir.join("packs/0")).unwrap();
    symlink(&target, dir.join("packs/0")).unwrap();
    fs::remove_file(dir.join("lock/pack")).unwrap();
    symlink(&target, dir.join("lock/pack")).unwrap();
    let mut container = runtime().open(dir.path()).unwrap();
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
