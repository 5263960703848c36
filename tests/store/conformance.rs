//! One suite for every implementation of `Dir`: what the documentation of `loosepack::dir` says, sentence by sentence.
//!
//! Uses nothing but `std` and `loosepack`, so that it can be compiled into a guest as well.

use loosepack::dir::{Entry, Kind, Metadata};
use loosepack::{Code, Dir, File};

/// Makes a link, the second path, to the first one, in the directory that was made last.
pub(crate) type Link<'a> = &'a dyn Fn(&str, &str);

/// Holds an implementation to the contract. `make` gives an empty directory each time; `symlink` and `hard_link` are for
/// those that can.
///
/// # Panics
/// When the contract is broken.
pub(crate) fn run<D: Dir>(make: impl Fn() -> D, symlink: Option<Link<'_>>, hard_link: Option<Link<'_>>) {
    files_hold_what_was_written(&make());
    files_grow_and_shrink(&make());
    handles_see_each_other(&make());
    creating_is_exclusive(&make());
    renaming_replaces(&make());
    removed_files_stay_open(&make());
    lists_are_sorted(&make());
    metadata_tells_kind_size_and_time(&make());
    errors_have_their_codes(&make());
    directories_sync(&make());
    locks_exclude(&make());
    clones_are_the_same_directory(&make());
    if let Some(symlink) = symlink {
        links_are_not_followed(&make(), symlink);
    }
    if let Some(hard_link) = hard_link {
        names_are_counted(&make(), hard_link);
    }
}

fn put<D: Dir>(dir: &D, path: &str, bytes: &[u8]) -> D::File {
    let file = dir.create_new(path).expect("a new file can be made");
    write_all(&file, bytes, 0);
    file
}

fn write_all(file: &impl File, bytes: &[u8], offset: u64) {
    let mut done = 0;
    while done < bytes.len() {
        let written = file.write_at(&bytes[done..], offset + done as u64).expect("an open file can be written");
        assert!(0 < written && written <= bytes.len() - done, "a write does something, and no more than asked");
        done += written;
    }
}

fn read_from(file: &impl File, offset: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0xee; 70_000];
        let read = file.read_at(&mut buffer, offset + bytes.len() as u64).expect("an open file can be read");
        if read == 0 {
            return bytes;
        }
        assert!(buffer[read..].iter().all(|byte| *byte == 0xee), "a read touches only what it says it has read");
        bytes.extend_from_slice(&buffer[..read]);
    }
}

fn content(dir: &impl Dir, path: &str) -> Vec<u8> {
    read_from(&dir.open_read(path).expect("the file can be opened"), 0)
}

fn len(file: &impl File) -> u64 {
    file.metadata().expect("an open file has metadata").len
}

fn exists(dir: &impl Dir, path: &str) -> bool {
    match dir.metadata(path) {
        Ok(_) => true,
        Err(code) => {
            assert_eq!(code, Code::NotFound, "what is not there is NotFound");
            false
        }
    }
}

#[track_caller]
fn fails<T>(result: Result<T, Code>, expected: &[Code]) {
    match result {
        Ok(_) => panic!("succeeded, expected one of {expected:?}"),
        Err(code) => assert!(expected.contains(&code), "failed with {code:?}, expected one of {expected:?}"),
    }
}

fn files_hold_what_was_written(dir: &impl Dir) {
    let file = put(dir, "file", b"hello world");
    assert_eq!(read_from(&file, 0), b"hello world", "what create_new gives can be read");
    assert_eq!(content(dir, "file"), b"hello world", "what was written is there");
    write_all(&file, b"W", 6);
    assert_eq!(content(dir, "file"), b"hello World", "a write in the middle leaves the rest");
    assert_eq!(read_from(&file, 6), b"World", "reads start at their position");
    assert_eq!(file.read_at(&mut [0; 4], 11), Ok(0), "0 is the end of the file");
    assert_eq!(file.read_at(&mut [0; 4], 1 << 40), Ok(0), "far behind the end is the end");
    assert_eq!(file.read_at(&mut [], 0), Ok(0), "a read of nothing gives nothing");
    file.sync().expect("a file can be synced");
    drop(file);

    let again = dir.open_write("file").expect("an existing file can be opened for writing");
    assert_eq!(read_from(&again, 0), b"hello World", "opening for writing never truncates");
    write_all(&again, b"!", 11);
    assert_eq!(content(dir, "file"), b"hello World!", "a write at the end appends");

    let large: Vec<u8> = (0..1_000_003_u32).map(|n| (n * 7 / 3) as u8).collect();
    put(dir, "large", &large);
    assert_eq!(content(dir, "large"), large, "a large file comes back, however small the reads and writes");
    put(dir, "empty", b"");
    assert_eq!(content(dir, "empty"), b"", "a file may be empty");
}

fn files_grow_and_shrink(dir: &impl Dir) {
    let file = put(dir, "file", b"abcdef");
    write_all(&file, b"z", 9);
    assert_eq!(content(dir, "file"), b"abcdef\0\0\0z", "a gap before a write reads as zeros");
    file.set_len(3).expect("a file can be cut");
    assert_eq!(content(dir, "file"), b"abc", "set_len cuts");
    file.set_len(5).expect("a file can be extended");
    assert_eq!(content(dir, "file"), b"abc\0\0", "set_len extends by zeros, not by what was there before");
    file.set_len(0).expect("a file can be emptied");
    assert_eq!(len(&file), 0, "set_len cuts to nothing");
    write_all(&file, b"x", 2);
    assert_eq!(content(dir, "file"), b"\0\0x", "what was cut off does not come back in a gap");
}

fn handles_see_each_other(dir: &impl Dir) {
    let writer = put(dir, "file", b"one");
    let reader = dir.open_read("file").expect("the file can be opened");
    assert_eq!(read_from(&reader, 0), b"one", "what one handle wrote is seen by others");
    write_all(&writer, b" two", 3);
    assert_eq!(read_from(&reader, 3), b" two", "also by those that were open before");
    assert_eq!(len(&reader), 7, "the size is that of now");
    writer.set_len(1).expect("the file can be cut");
    assert_eq!(len(&reader), 1, "cutting is seen as well");
}

fn creating_is_exclusive(dir: &impl Dir) {
    put(dir, "file", b"first");
    fails(dir.create_new("file"), &[Code::Exists]);
    assert_eq!(content(dir, "file"), b"first", "a refused create_new leaves the file alone");
    dir.create_dir("dir").expect("a directory can be made");
    fails(dir.create_dir("dir"), &[Code::Exists]);
    fails(dir.create_dir("file"), &[Code::Exists]);
    fails(dir.create_new("dir"), &[Code::Exists]);
    let made = (0..8).filter(|_| dir.create_new("dir/contested").is_ok()).count();
    assert_eq!(made, 1, "of many who create a file, one succeeds");
}

fn renaming_replaces(dir: &impl Dir) {
    for path in ["from", "to"] {
        dir.create_dir(path).expect("a directory can be made");
    }
    put(dir, "from/a", b"new");
    dir.rename("from/a", "to/b").expect("a file can move to another directory");
    assert!(!exists(dir, "from/a"), "after a rename the old name is gone");
    assert_eq!(content(dir, "to/b"), b"new", "after a rename the file has the new name");

    let old = put(dir, "to/target", b"old");
    dir.rename("to/b", "to/target").expect("rename replaces a file");
    assert_eq!(content(dir, "to/target"), b"new", "whoever opens the target finds the whole of the other file");
    assert!(!exists(dir, "to/b"), "after a rename the old name is gone");
    assert_eq!(read_from(&old, 0), b"old", "who has the replaced file open goes on reading it");

    let open = put(dir, "open", b"12");
    dir.rename("open", "moved").expect("an open file can be renamed");
    write_all(&open, b"3", 2);
    assert_eq!(content(dir, "moved"), b"123", "an open file stays the same file when it is renamed");

    fails(dir.rename("absent", "x"), &[Code::NotFound]);
    fails(dir.rename("moved", "absent/x"), &[Code::NotFound]);
    fails(dir.rename("moved", "from"), &[Code::IsDirectory, Code::Exists, Code::Access, Code::NotPermitted]);
    assert_eq!(content(dir, "moved"), b"123", "a refused rename leaves the file where it is");
}

fn removed_files_stay_open(dir: &impl Dir) {
    let file = put(dir, "file", b"still here");
    if dir.remove_file("file").is_ok() {
        assert!(!exists(dir, "file"), "a removed file is gone");
        assert_eq!(read_from(&file, 0), b"still here", "who has a removed file open goes on reading it");
        put(dir, "file", b"another");
        assert_eq!(read_from(&file, 0), b"still here", "also when its name is taken by another");
    }
    dir.create_dir("dir").expect("a directory can be made");
    fails(dir.remove_file("dir"), &[Code::IsDirectory, Code::NotPermitted, Code::Access]);
    fails(dir.remove_file("absent"), &[Code::NotFound]);
    fails(dir.remove_file("dir/absent"), &[Code::NotFound]);
}

fn lists_are_sorted(dir: &impl Dir) {
    assert_eq!(dir.list("."), Ok(Vec::new()), "an empty directory has no entries, not even itself");
    dir.create_dir("sub").expect("a directory can be made");
    let mut names: Vec<String> = (0..300).map(|n| format!("{:x}", n * 7919 % 300)).collect();
    for name in &names {
        put(dir, &format!("sub/{name}"), b"");
    }
    names.sort();
    let listed = dir.list("sub").expect("a directory can be listed");
    assert!(listed.iter().map(|entry| &entry.name).eq(&names), "all entries are listed, sorted by name");
    assert!(listed.iter().all(|entry| entry.kind == Kind::File), "files are listed as files");
    put(dir, "B", b"");
    put(dir, "a", b"");
    let entry = |name: &str, kind| Entry { name: name.into(), kind };
    let expected = vec![entry("B", Kind::File), entry("a", Kind::File), entry("sub", Kind::Dir)];
    assert_eq!(dir.list("."), Ok(expected), "the directory itself is listed, in the order of bytes");
    fails(dir.list("absent"), &[Code::NotFound]);
    fails(dir.list("a"), &[Code::NotDirectory]);
}

fn metadata_tells_kind_size_and_time(dir: &impl Dir) {
    let before = dir.now();
    let file = put(dir, "file", b"12345");
    dir.create_dir("dir").expect("a directory can be made");
    let found = dir.metadata("file").expect("the file is there");
    assert_eq!((found.kind, found.len), (Kind::File, 5), "a file has its size");
    // Time stamps of file systems lag behind the clock by up to some milliseconds.
    let slack = 5_000_000_000;
    if found.modified != 0 {
        let window = before.saturating_sub(slack)..=dir.now() + slack;
        assert!(window.contains(&found.modified), "the time is that of the last write, on the clock of now()");
    }
    let Metadata { kind, len, modified, links } = file.metadata().expect("an open file has metadata");
    assert_eq!(
        (kind, len, modified),
        (found.kind, found.len, found.modified),
        "an open file tells what its entry does"
    );
    assert!(links <= 1 && found.links <= 1, "a file that was just made has one name");
    assert_eq!(dir.metadata("dir").map(|found| found.kind), Ok(Kind::Dir), "a directory is a directory");
    assert_eq!(dir.metadata(".").map(|found| found.kind), Ok(Kind::Dir), "so is the directory itself");
    fails(dir.metadata("absent"), &[Code::NotFound]);
    fails(dir.metadata("absent/x"), &[Code::NotFound]);
}

fn errors_have_their_codes(dir: &impl Dir) {
    put(dir, "file", b"x");
    dir.create_dir("dir").expect("a directory can be made");
    fails(dir.open_read("absent"), &[Code::NotFound]);
    fails(dir.open_write("absent"), &[Code::NotFound]);
    assert!(!exists(dir, "absent"), "opening never makes a file");
    fails(dir.open_read("absent/x"), &[Code::NotFound]);
    fails(dir.create_new("absent/x"), &[Code::NotFound]);
    fails(dir.create_dir("absent/x"), &[Code::NotFound]);
    for result in [
        dir.open_read("file/x").map(drop),
        dir.create_new("file/x").map(drop),
        dir.create_dir("file/x"),
        dir.metadata("file/x").map(drop),
        dir.list("file/x").map(drop),
    ] {
        fails(result, &[Code::NotDirectory]);
    }
    fails(dir.open_write("dir"), &[Code::IsDirectory, Code::Access]);
    // A directory may be opened for reading, but it has no bytes.
    if let Ok(opened) = dir.open_read("dir") {
        assert_eq!(opened.metadata().map(|found| found.kind), Ok(Kind::Dir), "an open directory says what it is");
        fails(opened.read_at(&mut [0; 4], 0), &[Code::IsDirectory]);
    }
}

fn directories_sync(dir: &impl Dir) {
    dir.create_dir("dir").expect("a directory can be made");
    dir.create_dir("dir/sub").expect("a directory can be made");
    put(dir, "dir/file", b"x");
    for path in [".", "dir", "dir/sub"] {
        assert_eq!(dir.sync_dir(path), Ok(()), "{path} can be synced, or syncing does nothing");
    }
    assert_eq!(content(dir, "dir/file"), b"x", "syncing changes nothing that can be seen");
}

fn locks_exclude<D: Dir>(dir: &D) {
    let other = dir.clone();
    let lock = match dir.try_lock("lock") {
        Ok(lock) => lock,
        Err(code) => {
            assert_eq!(code, Code::Unsupported, "who has no locks says so");
            fails(other.try_lock("lock"), &[Code::Unsupported]);
            return;
        }
    };
    assert!(exists(dir, "lock"), "locking makes the file");
    fails(other.try_lock("lock"), &[Code::WouldBlock]);
    fails(dir.try_lock("lock"), &[Code::WouldBlock]);
    let unrelated = dir.try_lock("another").expect("another file can be locked");
    assert_eq!(content(dir, "lock"), b"", "a locked file can be read");
    drop(lock);
    let lock = other.try_lock("lock").expect("a lock that was dropped is free");
    fails(dir.try_lock("lock"), &[Code::WouldBlock]);
    drop((lock, unrelated));
    put(dir, "file", b"content");
    drop(dir.try_lock("file").expect("a file that exists can be locked"));
    assert_eq!(content(dir, "file"), b"content", "locking leaves the bytes alone");
    fails(dir.try_lock("absent/lock"), &[Code::NotFound]);
}

fn clones_are_the_same_directory(dir: &impl Dir) {
    let other = dir.clone();
    put(dir, "file", b"x");
    assert_eq!(content(&other, "file"), b"x", "a clone is a handle on the same directory");
    other.remove_file("file").expect("a file can be removed through another handle");
    assert!(!exists(dir, "file"), "what one handle removed is gone for others");
}

fn links_are_not_followed(dir: &impl Dir, symlink: Link<'_>) {
    put(dir, "file", b"target");
    symlink("file", "link");
    symlink("absent", "dangling");
    for link in ["link", "dangling"] {
        fails(dir.open_read(link), &[Code::Loop]);
        fails(dir.open_write(link), &[Code::Loop]);
        fails(dir.create_new(link), &[Code::Exists]);
        fails(dir.create_dir(link), &[Code::Exists]);
        assert_eq!(dir.metadata(link).map(|found| found.kind), Ok(Kind::Symlink), "a link is a link");
        fails(dir.try_lock(link), &[Code::Loop, Code::Unsupported]);
    }
    assert!(!exists(dir, "absent"), "nothing is made where a link leads");
    let listed = dir.list(".").expect("the directory can be listed");
    let kinds: Vec<Kind> = listed.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [Kind::Symlink, Kind::File, Kind::Symlink], "links are listed as links");
    put(dir, "new", b"new");
    dir.rename("new", "link").expect("rename replaces a link");
    assert_eq!(content(dir, "link"), b"new", "the link was replaced");
    assert_eq!(content(dir, "file"), b"target", "where it led to is untouched");
    dir.remove_file("dangling").expect("a link can be removed");
    assert!(!exists(dir, "dangling"), "the link is gone");
}

fn names_are_counted(dir: &impl Dir, hard_link: Link<'_>) {
    let names = |path: &str| dir.metadata(path).expect("the file is there").links;
    let file = put(dir, "file", b"one file");
    let counted = || file.metadata().expect("an open file has metadata").links;
    assert_eq!((counted(), names("file")), (1, 1), "a file that was just made has one name");
    hard_link("file", "other");
    assert_eq!((counted(), names("file"), names("other")), (2, 2, 2), "and then two, also for who has it open");
    dir.rename("other", "moved").expect("a name of a file can be changed");
    assert_eq!(counted(), 2, "a name that changes is no further name");
    dir.remove_file("moved").expect("a name of a file can be removed");
    assert_eq!((counted(), names("file")), (1, 1), "a name less");
    assert_eq!(content(dir, "file"), b"one file", "the file stays");
}
