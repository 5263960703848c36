//! Collecting, repacking, backing up and mending, by the command and the Rust API.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use loosepack_host::{
    Access, BackupOptions, Compression, GcOptions, Limits, ObjectId, Options, RepackOptions, Runtime,
};
use serde_json::Value;

use crate::support::{Ran, TempDir, command, container, loosepack, noise, runtime, setting};

/// Runs `loosepack ARGUMENTS` with this as standard input.
fn fed(dir: &Path, arguments: &[&str], input: &str) -> Ran {
    let mut command = command(dir);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that refuses its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    Ran::of(child.wait_with_output().unwrap())
}

fn run(dir: &Path, arguments: &[&str]) -> Ran {
    Ran::of(command(dir).args(arguments).output().unwrap())
}

/// A container `store` with 60 files packed, in packs of 20 KB, and 10 loose. Returns the lines of `add`.
fn filled() -> (TempDir, Vec<String>) {
    let dir = TempDir::new();
    loosepack(dir.path(), ["init", "--pack-target", "20K"]).exits(0);
    for number in 0..70 {
        dir.file(format!("in/{number:02}"), noise(900 + 10 * number, number as u64));
    }
    let first: Vec<String> = (0..60).map(|number| format!("in/{number:02}")).collect();
    let mut lines = loosepack(dir.path(), ["add", "--to-pack"].into_iter().chain(first.iter().map(String::as_str)))
        .exits(0)
        .text()
        .to_string();
    let rest: Vec<String> = (60..70).map(|number| format!("in/{number:02}")).collect();
    lines += loosepack(dir.path(), ["add"].into_iter().chain(rest.iter().map(String::as_str))).exits(0).text();
    (dir, lines.lines().map(Into::into).collect())
}

fn packs_size(dir: &Path) -> u64 {
    fs::read_dir(dir.join("store/packs")).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

#[test]
fn garbage_is_collected_and_its_bytes_are_freed() {
    let (dir, lines) = filled();
    let keep = lines.iter().step_by(3).map(|line| format!("{line}\n")).collect::<String>();
    let gc = |arguments: &[&str], input: &str| fed(dir.path(), &[&["-C", "store", "gc"], arguments].concat(), input);
    // Nothing happens when the list is wrong, empty, or not to be believed.
    gc(&["-"], "").exits(2).says(&["the list is empty", "--allow-empty"]);
    gc(&["-"], &format!("{keep}nonsense\n")).exits(2).says(&["nonsense", "nothing was deleted"]);
    gc(&["--grace", "5", "-"], &keep).exits(2).says(&["s, m, h or d"]);
    assert!(gc(&["--dry-run", "-"], &keep).exits(0).text().contains("would delete 40 objects"));
    assert_eq!(loosepack(dir.path(), ["ls"]).exits(0).text().lines().count(), 70);
    // Loose objects are young.
    assert!(gc(&["-"], &keep).exits(0).text().contains("deleted 40 objects"));
    let before = packs_size(dir.path());
    assert!(loosepack(dir.path(), ["repack", "--dry-run"]).exits(0).text().starts_with("would move 20 objects"));
    assert_eq!(packs_size(dir.path()), before);
    let json = loosepack(dir.path(), ["repack", "--json"]).exits(0);
    let last: Value = serde_json::from_str(json.text().lines().last().unwrap()).unwrap();
    assert_eq!((last["objects"].as_u64(), last["problems"].as_u64()), (Some(20), Some(0)));
    assert!(packs_size(dir.path()) * 2 < before);
    assert!(loosepack(dir.path(), ["repack"]).exits(0).text().starts_with("moved 0 objects"));
    let listed = loosepack(dir.path(), ["ls"]).exits(0).text().lines().count();
    assert_eq!(listed, 30);
    loosepack(dir.path(), ["verify"]).exits(0);
    for line in lines.iter().step_by(3) {
        let (id, path) = line.split_once("  ").unwrap();
        assert_eq!(loosepack(dir.path(), ["get", id]).exits(0).stdout, fs::read(dir.join(path)).unwrap());
    }
    loosepack(dir.path(), ["repack", "--level", "9"]).exits(2).says(&["--compress"]);
    loosepack(dir.path(), ["repack", "--min-dead", "101"]).exits(2).says(&["101"]);
    assert!(gc(&["--allow-empty", "-"], "").exits(0).text().contains("deleted 20 objects"));
}

#[test]
fn packing_and_cleaning_at_once_leaves_no_loose_file() {
    let (dir, _) = filled();
    assert!(loosepack(dir.path(), ["pack", "--clean"]).exits(0).text().starts_with("packed 10 objects"));
    let status: Value = serde_json::from_str(loosepack(dir.path(), ["status", "--json"]).exits(0).text()).unwrap();
    assert_eq!((status["loose-objects"].as_u64(), status["packed-objects"].as_u64()), (Some(0), Some(70)));
    assert!(status["index-size"].as_u64() > Some(1000));
    assert_eq!(status["packs-dead"].as_u64().map(|dead| dead < 2000), Some(true));
}

#[test]
fn a_backup_is_made_completed_checked_and_restored() {
    let (dir, lines) = filled();
    assert!(loosepack(dir.path(), ["backup", "--verify", "copy"]).exits(0).text().contains("no damage"));
    assert!(loosepack(dir.path(), ["backup", "copy"]).exits(0).text().contains("0 bytes in all"));
    run(dir.path(), &["-C", "copy", "add", "in/00"]).exits(2).says(&["backup", "restore"]);
    for line in &lines {
        let (id, path) = line.split_once("  ").unwrap();
        assert_eq!(run(dir.path(), &["-C", "copy", "get", id]).exits(0).stdout, fs::read(dir.join(path)).unwrap());
    }
    run(dir.path(), &["-C", "again", "restore", "copy"]).exits(0);
    run(dir.path(), &["-C", "again", "add", "in/00"]).exits(0);
    run(dir.path(), &["-C", "again", "verify"]).exits(0);
    assert_eq!(run(dir.path(), &["-C", "again", "ls"]).exits(0).text().lines().count(), 70);
    // Nothing that is worked with is replaced, and nothing foreign.
    loosepack(dir.path(), ["backup", "again"]).exits(2).says(&["again"]);
    loosepack(dir.path(), ["backup", "in"]).exits(2).says(&["in"]);
    loosepack(dir.path(), ["restore", "copy"]).exits(2).says(&["store"]);
    run(dir.path(), &["-C", "more", "restore", "nowhere"]).exits(2).says(&["no container in nowhere"]);
    assert!(!dir.join("more").exists());
    // Full packs by a second name.
    loosepack(dir.path(), ["backup", "--link", "linked"]).exits(0);
    run(dir.path(), &["-C", "linked", "verify"]).exits(0);
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let inode = |path: &str| fs::metadata(dir.join(path)).unwrap().ino();
        assert_eq!(inode("store/packs/0"), inode("linked/packs/0"));
        assert_ne!(inode("store/packs/0"), inode("copy/packs/0"));
    }
}

#[test]
fn damage_is_mended_from_a_backup_and_the_doctor_says_how() {
    let (dir, lines) = filled();
    loosepack(dir.path(), ["backup", "copy"]).exits(0);
    assert!(loosepack(dir.path(), ["doctor"]).exits(0).text().contains("there is nothing to do"));
    let pack = dir.join("store/packs/1");
    let mut bytes = fs::read(&pack).unwrap();
    bytes[1000] ^= 1;
    fs::write(&pack, bytes).unwrap();
    fs::remove_file(dir.join("store/packs/0")).unwrap();
    let told = loosepack(dir.path(), ["doctor"]).exits(1).text().to_string();
    assert!(told.contains("run `loosepack repair --from BACKUP`"), "{told}");
    assert!(loosepack(dir.path(), ["repair", "--from", "copy"]).exits(0).text().starts_with("mended"));
    loosepack(dir.path(), ["repack", "--min-dead", "0"]).exits(0);
    assert!(loosepack(dir.path(), ["doctor"]).exits(0).text().contains("no damage"));
    loosepack(dir.path(), ["repair", "--from", "in"]).exits(2).says(&["in"]);
    // What the index has lost comes by an import: of some, and of all.
    run(dir.path(), &["-C", "other", "init"]).exits(0);
    let first = format!("{}\n{}\n", lines[3], lines[65]);
    assert!(
        fed(dir.path(), &["-C", "other", "import", "copy", "--ids", "-"], &first).exits(0).text().contains("2 objects")
    );
    assert!(run(dir.path(), &["-C", "other", "import", "copy"]).exits(0).text().contains("copied 68 objects"));
    assert!(run(dir.path(), &["-C", "other", "import", "copy"]).exits(0).text().contains("copied 0 objects"));
    run(dir.path(), &["-C", "other", "verify"]).exits(0);
    run(dir.path(), &["-C", "other", "import", "copy", "--ids", &"0".repeat(64)]).exits(1).says(&["does not have it"]);
    run(dir.path(), &["-C", "other", "import", "nowhere"]).exits(2).says(&["nowhere"]);
    fs::write(dir.join("store/index/manifest.json"), "damaged").unwrap();
    let told = loosepack(dir.path(), ["doctor"]).exits(1).text().to_string();
    assert!(told.contains("run `loosepack reindex`"), "{told}");
}

#[test]
fn status_advises_what_is_worth_it() {
    let dir = TempDir::new();
    loosepack(dir.path(), ["init"]).exits(0);
    for number in 0..1000 {
        dir.file(format!("in/{number}"), format!("{number}"));
    }
    loosepack(dir.path(), ["add", "-r", "in"]).exits(0);
    assert!(loosepack(dir.path(), ["status"]).exits(0).text().contains("worth it   `loosepack pack --clean`"));
    loosepack(dir.path(), ["pack"]).exits(0);
    assert!(loosepack(dir.path(), ["status"]).exits(0).text().contains("`loosepack clean`: 1000 objects"));
    loosepack(dir.path(), ["clean"]).exits(0);
    assert!(!loosepack(dir.path(), ["status"]).exits(0).text().contains("worth it"));
}

#[test]
fn the_rust_api_does_the_same() {
    let (_dir, store) = container();
    let contents: Vec<Vec<u8>> = (0..40).map(|seed| noise(2000, seed)).collect();
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    let ids = writer.add_many(&contents).unwrap();
    writer.finish().unwrap();
    let keep: Vec<ObjectId> = ids[..10].to_vec();
    let dry = GcOptions { dry_run: true, grace: Duration::from_secs(5) };
    assert_eq!(store.gc(&keep, dry).unwrap().finish().unwrap().objects, 30);
    let collected = store.gc(&keep, GcOptions::default()).unwrap().finish().unwrap();
    assert_eq!((collected.objects, collected.bytes), (30, 60_000));
    let packs = store.packs().unwrap();
    assert_eq!((packs.len(), packs[0].objects), (1, 10));
    assert!(packs[0].dead() > 60_000);
    assert_eq!(store.repack(RepackOptions::default()).unwrap().finish().unwrap().objects, 10);
    let packs = store.packs().unwrap();
    assert_eq!((packs.len(), packs[0].number, packs[0].dead()), (1, 1, 0));

    let other = TempDir::new();
    let copy = runtime().create(other.path(), Default::default(), Default::default()).unwrap();
    copy.add(&contents[3]).unwrap();
    assert_eq!(copy.import(_dir.path(), None).unwrap().finish().unwrap().objects, 9);
    assert_eq!(copy.import(_dir.path(), Some(&keep)).unwrap().finish().unwrap().objects, 0);
    assert_eq!(copy.repair(_dir.path()).unwrap().finish().unwrap().objects, 0);
    let backup = TempDir::new();
    store.backup(backup.path(), BackupOptions::default()).unwrap().finish().unwrap();
    let reading = Options { access: Access::ReadOnly, ..Options::default() };
    let backup = runtime().open_with(backup.path(), reading).unwrap();
    for (id, content) in keep.iter().zip(&contents) {
        assert_eq!(backup.get(id).unwrap(), *content);
        assert_eq!(copy.get(id).unwrap(), *content);
    }
}

/// `LOOSEPACK_OBJECTS` makes it a million.
#[test]
fn upkeep_takes_64_mib_of_memory_however_many_objects_there_are() {
    let count = setting("LOOSEPACK_OBJECTS", 60_000);
    let limits = Limits { memory: 64 << 20, ..Limits::default() };
    let runtime = Runtime::with_limits(limits).unwrap();
    let (dir, other, copy) = (TempDir::new(), TempDir::new(), TempDir::new());
    let store = runtime.create(dir.path(), Default::default(), Default::default()).unwrap();
    let content = |number: u64| [b"object ".as_slice(), &number.to_le_bytes()].concat();
    let mut ids: Vec<ObjectId> = Vec::new();
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    for start in (0..count).step_by(10_000) {
        let contents: Vec<Vec<u8>> = (start..(start + 10_000).min(count)).map(content).collect();
        ids.extend(writer.add_many(&contents).unwrap());
    }
    writer.finish().unwrap();
    let loose: Vec<Vec<u8>> = (count..count + count / 20).map(content).collect();
    ids.extend(store.add_many(&loose).unwrap());
    store.backup(copy.path(), BackupOptions::default()).unwrap().finish().unwrap();
    // Half of what is packed goes; what is loose is young.
    let keep: Vec<ObjectId> = ids.iter().copied().step_by(2).collect();
    let grace = GcOptions { grace: Duration::from_secs(3600), ..GcOptions::default() };
    let collected = store.gc(&keep, grace).unwrap().finish().unwrap();
    assert_eq!(collected.objects, count / 2);
    let packed = store.pack_and_clean(Compression::Auto).unwrap().finish().unwrap();
    assert_eq!((packed.objects, packed.problems), (count / 20, vec![]));
    let moved = store.repack(RepackOptions::default()).unwrap().finish().unwrap();
    assert!(moved.objects >= count / 2 && moved.problems.is_empty());
    let target = runtime.create(other.path(), Default::default(), Default::default()).unwrap();
    assert_eq!(target.import(copy.path(), None).unwrap().finish().unwrap().objects, ids.len() as u64);
    assert_eq!(target.repair(copy.path()).unwrap().finish().unwrap().objects, 0);
    store.backup(copy.path(), BackupOptions::default()).unwrap().finish().unwrap();
    assert_eq!(store.stats().unwrap().packed_objects, count / 2 + count / 20);
    // The ids of one question are in memory together.
    for ids in ids.chunks(10_000) {
        assert!(target.contains(ids).unwrap().iter().all(|found| *found));
    }
}
