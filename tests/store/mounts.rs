//! Directories of a container that are mounts of their own.

use std::path::Path;

use loosepack::dir::cap::CapDir;
use loosepack::{Compression, Container, Error, Job as _, Part};

use crate::processes::{by_shell, is_root, succeeds};
use crate::support::{clean, create, options, pack, verify};

const ROLE: &str = "LOOSEPACK_TEST_ROLE";
const STORE: &str = "LOOSEPACK_TEST_STORE";

/// Works in a container of which the directory that is its role is another mount.
#[test]
#[ignore = "it is a process of the test below"]
fn worker() {
    let (Ok(role), Ok(path)) = (std::env::var(ROLE), std::env::var(STORE)) else {
        panic!("it is a process of another test")
    };
    let dir = || CapDir::open(Path::new(&path)).unwrap();
    match &*role {
        "packs" | "lock" => {
            let store = Container::open(dir(), options()).unwrap();
            let ids = store.add_many(&(0..20_u8).map(|byte| vec![byte; 30]).collect::<Vec<_>>()).unwrap();
            assert_eq!(pack(&store, Compression::Never), Ok(vec![]));
            assert_eq!(clean(&store), Ok(20));
            assert!(ids.iter().all(|id| store.get(id).is_ok()));
            assert_eq!(verify(&store, Part::default()).1, []);
        }
        "loose" | "incoming" => {
            let store = Container::open(dir(), options()).unwrap();
            let many = (0..20_u8).map(|byte| vec![byte; 30]).collect::<Vec<_>>();
            for refused in [store.add(b"bytes").map(drop), store.add_many(&many).map(drop)] {
                names_both(refused, "loose/");
            }
            assert_eq!(store.objects(None, 10), Ok(vec![]));
            assert_eq!(store.stats().unwrap().unfinished, 0, "what was written is removed");
        }
        "index" => {
            // The mount hides the index, which has to be rebuilt.
            let store = Container::open_damaged(dir(), options()).unwrap();
            names_both(store.reindex().and_then(|mut job| job.finish()).map(drop), "index");
        }
        role => panic!("there is no {role}"),
    }
}

#[track_caller]
fn names_both(refused: Result<(), Error>, other: &str) {
    let Err(Error::Other(text)) = refused else { panic!("{refused:?}") };
    assert!(text.contains("incoming and ") && text.contains(other) && text.contains("mount the whole"), "{text}");
}

#[test]
fn packs_may_be_a_mount_of_their_own_and_what_may_not_is_named() {
    if !is_root("a mount") {
        return;
    }
    let unshare = "unshare --mount --propagation private";
    let tried = std::process::Command::new("sh").args(["-c", &format!("{unshare} mount -t tmpfs none /mnt")]).output();
    if !tried.is_ok_and(|output| output.status.success()) {
        println!("skipped: nothing can be mounted here");
        return;
    }
    for role in ["packs", "lock", "loose", "incoming", "index"] {
        for mount in ["-t tmpfs none", "--bind \"$OTHER\""] {
            let temporary = tempfile::tempdir().unwrap();
            let [store, other] = ["store", "other"].map(|name| temporary.path().join(name));
            [&store, &other].into_iter().for_each(|path| std::fs::create_dir(path).unwrap());
            create(CapDir::open(&store).unwrap());
            let script = format!(
                "exec {unshare} sh -c 'mount {mount} \"$LOOSEPACK_TEST_STORE/{role}\" && exec \"$@\"' sh \"$@\""
            );
            let mut command = by_shell(&script, "mounts::worker");
            command.env(ROLE, role).env(STORE, &store).env("OTHER", &other);
            println!("{role}, {mount}");
            succeeds(command);
        }
    }
}
