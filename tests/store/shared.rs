//! Containers that a group shares: every file and directory is the group's as well, whatever the umask.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use loosepack::dir::cap::CapDir;
use loosepack::{Compression, Config, Container, Error, Job as _, Options, Part, Sharing};

use crate::processes::{by_shell, is_root, succeeds};
use crate::sim::SimDir;
use crate::support::{clean, create, folding, id, noise, options, pack, verify};
use crate::watch::{Verdict, Watch};

const SHARED: Config = Config { pack_target: 700, compression_level: 1, shared: Sharing::Group };

/// Environment of the processes of these tests.
const ROLE: &str = "LOOSEPACK_TEST_ROLE";
const STORE: &str = "LOOSEPACK_TEST_STORE";

/// All that is below a directory, and itself.
fn tree(root: &Path) -> Vec<PathBuf> {
    let mut found = vec![root.to_path_buf()];
    let mut next = 0;
    while next < found.len() {
        if found[next].is_dir() {
            let entries = std::fs::read_dir(&found[next]).unwrap();
            found.extend(entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>());
        }
        next += 1;
    }
    found
}

/// The group can do everything, and others nothing: they are kept out by the umask.
fn is_the_groups(root: &Path) {
    for path in tree(root) {
        let found = std::fs::metadata(&path).unwrap();
        let expected = if found.is_dir() { 0o2770 } else { 0o660 };
        assert_eq!(found.mode() & 0o7777, expected, "{path:?}: {:o}", found.mode());
    }
}

/// Everything that makes files, each with objects of its own. Looks at all files while the pack lock is held as well.
fn work(path: &Path, seed: u64) {
    let open = || Container::open(CapDir::open(path).unwrap(), Options { tuning: folding(5), ..options() }).unwrap();
    let store = open();
    store.add(b"the same for all").unwrap();
    store.add(&noise(100, seed)).unwrap();
    store.add_many(&(seed..seed + 20).map(|seed| noise(50, seed)).collect::<Vec<_>>()).unwrap();
    let mut writer = store.writer().unwrap();
    writer.write(&noise(100, seed + 30)).unwrap();
    is_the_groups(path);
    let streamed = writer.finish().unwrap();
    let mut writer = store.pack_writer(Compression::Auto).unwrap();
    (seed + 40..seed + 60).for_each(|seed| assert!(writer.add(&noise(200, seed)).is_ok()));
    writer.commit().unwrap();
    writer.add(&noise(200, seed + 60)).unwrap();
    is_the_groups(path);
    writer.finish().unwrap();
    assert_eq!(pack(&store, Compression::Never), Ok(vec![]));
    clean(&store).unwrap();
    let deleted = store.delete(vec![streamed, id(b"the same for all")]).unwrap().finish().unwrap();
    assert_eq!(deleted.objects, 2);
    assert_eq!(store.reindex().unwrap().finish().unwrap().problems, []);
    store.force_unlock().unwrap();
    let store = open();
    assert_eq!(verify(&store, Part::default()).1, []);
    assert_eq!(store.get(&id(&noise(200, seed + 60))), Ok(noise(200, seed + 60)));
    is_the_groups(path);
}

/// What the processes do.
#[test]
#[ignore = "it is a process of the tests below"]
fn worker() {
    let (Ok(role), Ok(path)) = (std::env::var(ROLE), std::env::var(STORE)) else {
        panic!("it is a process of another test")
    };
    let path = Path::new(&path);
    let dir = || CapDir::open(path).unwrap();
    match role.split_once(' ').unwrap_or((&role, "")) {
        ("create", "") => drop(Container::create(dir(), SHARED, options()).unwrap()),
        ("create", stop) => {
            let stop: u64 = stop.parse().unwrap();
            let calls = std::cell::Cell::new(0);
            let killed = Watch::with(dir(), move |_, _, _| {
                calls.set(calls.get() + 1);
                if calls.get() == stop {
                    std::process::abort();
                }
                Verdict::Pass
            });
            Container::create(killed, SHARED, options()).unwrap();
        }
        ("work", seed) => work(path, seed.parse().unwrap()),
        ("pack", "") => assert_eq!(pack(&Container::open(dir(), options()).unwrap(), Compression::Never), Ok(vec![])),
        ("lose-directories", "") => {
            for name in ["loose/00", "loose/01", "incoming"] {
                std::fs::remove_dir_all(path.join(name)).unwrap();
            }
            let store = Container::open(dir(), options()).unwrap();
            (0..2000).for_each(|seed| drop(store.add(&noise(9, seed)).unwrap().to_text()));
            assert!(path.join("loose/00").exists());
            is_the_groups(path);
        }
        ("be-killed", "") => {
            let mut writer = Container::open(dir(), options()).unwrap().pack_writer(Compression::Never).unwrap();
            writer.add(b"not committed").unwrap();
            std::process::abort();
        }
        ("see-nothing", "") => {
            assert!(std::fs::read_dir(path).is_err());
            assert!(std::fs::read(path.join("container.json")).is_err());
            assert!(CapDir::open(path).is_err() || Container::open(dir(), options()).is_err());
        }
        role => panic!("there is no {role:?}"),
    }
}

/// A directory that only its owner may look into.
fn private() -> tempfile::TempDir {
    let temporary = tempfile::tempdir().unwrap();
    std::fs::set_permissions(temporary.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    temporary
}

/// A process with a strict umask.
fn strict(role: &str, store: &Path) -> Command {
    let mut command = by_shell("umask 077; exec \"$@\"", "shared::worker");
    command.env(ROLE, role).env(STORE, store);
    command
}

#[test]
fn whatever_is_made_in_a_shared_container_is_for_the_group() {
    let temporary = private();
    succeeds(strict("create", temporary.path()));
    is_the_groups(temporary.path());
    succeeds(strict("work 1", temporary.path()));
    succeeds(strict("lose-directories", temporary.path()));
}

/// Killed at any moment, also between the making of a file and its sharing: then it is not the group's.
#[test]
fn an_init_that_was_killed_is_completed_for_the_group() {
    for stop in [2, 4, 6, 9, 100, 266, 269, 272, 275, 278] {
        let temporary = private();
        assert!(!strict(&format!("create {stop}"), temporary.path()).output().unwrap().status.success(), "{stop}");
        if temporary.path().join("container.json").exists() {
            is_the_groups(temporary.path());
            continue;
        }
        for path in tree(temporary.path()) {
            let mode = if path.is_dir() { 0o700 } else { 0o600 };
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        succeeds(strict("create", temporary.path()));
        let leftovers = temporary.path().join("incoming");
        for entry in std::fs::read_dir(leftovers).unwrap() {
            // Files of the one that was killed, which nobody needs.
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
        is_the_groups(temporary.path());
    }
}

#[test]
fn a_container_that_is_not_shared_follows_the_umask() {
    let temporary = private();
    create(CapDir::open(temporary.path()).unwrap()).add(b"bytes").unwrap();
    let text = std::fs::read_to_string(temporary.path().join("container.json")).unwrap();
    assert!(!text.contains("shared"), "{text}");
    assert_eq!(std::fs::metadata(temporary.path()).unwrap().mode() & 0o7777, 0o700);
    assert!(tree(temporary.path()).iter().all(|path| std::fs::metadata(path).unwrap().mode() & 0o2000 == 0));
}

#[test]
fn what_a_container_is_shared_with_is_kept_and_checked() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = || CapDir::open(temporary.path()).unwrap();
    Container::create(dir(), SHARED, options()).unwrap();
    assert_eq!(Container::open(dir(), options()).unwrap().config(), SHARED);
    let path = temporary.path().join("container.json");
    let text = std::fs::read_to_string(&path).unwrap();
    for (value, opens) in [("\"group\"", true), ("null", true), ("\"all\"", false), ("true", false), ("[]", false)] {
        std::fs::write(&path, text.replace("\"group\"", value)).unwrap();
        assert_eq!(Container::open(dir(), options()).is_ok(), opens, "{value}");
    }
}

/// As a WASI host is that has no modes.
#[test]
fn a_directory_without_modes_refuses_to_share() {
    let dir = SimDir::new();
    let refused = Container::create(dir.clone(), SHARED, options()).err();
    assert!(matches!(&refused, Some(Error::InvalidArgument(text)) if text.contains("group")), "{refused:?}");
    assert_eq!(dir.files(), Vec::<String>::new(), "nothing was made");
}

/// A process of another user, by the number of one that needs no entry in `/etc/passwd`.
fn user(number: u32, groups: &str, role: &str, store: &Path) -> Command {
    let script =
        format!("umask 077; exec setpriv --reuid {number} --regid {number} {groups} \"$LOOSEPACK_TEST_EXE\" \"$@\"");
    // The program lies where others may not look.
    let exe = store.with_file_name("program");
    let mut command = by_shell(&format!("shift; {script}"), "shared::worker");
    command.env("LOOSEPACK_TEST_EXE", exe).env(ROLE, role).env(STORE, store).current_dir("/");
    command
}

const GROUP: u32 = 70_100;

#[test]
fn two_users_of_a_group_share_a_container_and_a_third_sees_nothing() {
    if !is_root("a container of two users") {
        return;
    }
    if Command::new("setpriv").arg("--version").output().is_err() {
        println!("skipped: there is no setpriv here");
        return;
    }
    let temporary = tempfile::tempdir().unwrap();
    std::fs::set_permissions(temporary.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::copy(std::env::current_exe().unwrap(), temporary.path().join("program")).unwrap();
    let store = temporary.path().join("store");
    std::fs::create_dir(&store).unwrap();
    std::fs::set_permissions(&store, std::fs::Permissions::from_mode(0o700)).unwrap();
    chown(&store, Some(70_001), Some(GROUP)).unwrap();
    let member = |number, role: &str| user(number, &format!("--groups {GROUP}"), role, &store);
    let [ada, bob] = [70_001, 70_002];
    succeeds(member(ada, "create"));
    for (round, number) in [bob, ada, bob].into_iter().enumerate() {
        succeeds(member(number, &format!("work {}", round * 1000)));
    }
    assert!(tree(&store).iter().all(|path| std::fs::metadata(path).unwrap().gid() == GROUP));
    succeeds(member(bob, "lose-directories"));

    // Remains of one who was killed, in the worst case before they were shared.
    assert!(!member(ada, "be-killed").output().unwrap().status.success());
    let mark = store.join("lock/pack.os.json");
    assert!(mark.exists());
    std::fs::set_permissions(&mark, std::fs::Permissions::from_mode(0o600)).unwrap();
    succeeds(member(bob, "pack"));
    assert!(!mark.exists());
    succeeds(member(bob, "work 5000"));
    let packs = std::fs::read_dir(store.join("packs")).unwrap().count();
    let unusable = store.join(format!("packs/{packs}"));
    std::fs::write(&unusable, b"").unwrap();
    chown(&unusable, Some(ada), Some(GROUP)).unwrap();
    std::fs::set_permissions(&unusable, std::fs::Permissions::from_mode(0o600)).unwrap();
    succeeds(member(bob, "pack"));
    assert!(!unusable.exists());
    succeeds(member(bob, "work 6000"));

    succeeds(user(70_003, "--clear-groups", "see-nothing", &store));
}
