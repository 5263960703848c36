//! Containers that a group shares, by the command: the sandbox has no modes, so the host gives them.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{Ran, TempDir, loosepack, noise};

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
#[track_caller]
fn is_the_groups(root: &Path) {
    for path in tree(root) {
        let found = std::fs::metadata(&path).unwrap();
        let expected = if found.is_dir() { 0o2770 } else { 0o660 };
        assert_eq!(found.mode() & 0o7777, expected, "{path:?}: {:o}", found.mode());
    }
}

/// `loosepack ARGUMENTS` with a strict umask, by way of `through`.
fn strict(program: &Path, through: &str, dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("umask 077; exec {through} \"$@\""), "sh"]).arg(program).args(arguments);
    command.current_dir(dir).env_remove("LOOSEPACK_DIR").stdin(Stdio::null());
    command
}

fn exits(mut command: Command, code: i32) -> Ran {
    Ran::of(command.output().unwrap()).exits(code)
}

#[test]
fn the_command_makes_everything_in_a_shared_container_for_the_group() {
    let dir = TempDir::new();
    let run = |arguments: &[&str]| {
        let ran = exits(strict(Path::new(env!("CARGO_BIN_EXE_loosepack")), "", dir.path(), arguments), 0);
        is_the_groups(&dir.join("store"));
        ran
    };
    run(&["init", "store", "--shared", "group", "--pack-target", "1k"]);
    (0..40).for_each(|seed| drop(dir.file(format!("in/{seed}"), noise(200, seed))));
    dir.file("one", "one more");
    run(&["-C", "store", "add", "-r", "in"]);
    let id = run(&["-C", "store", "add", "one"]).text()[..64].to_string();
    run(&["-C", "store", "add", "--to-pack", "one"]);
    run(&["-C", "store", "pack"]);
    run(&["-C", "store", "clean"]);
    run(&["-C", "store", "delete", &id]);
    run(&["-C", "store", "reindex"]);
    // What is written elsewhere is not the container's.
    exits(strict(Path::new(env!("CARGO_BIN_EXE_loosepack")), "", dir.path(), &["-C", "store", "add", "one"]), 0);
    let get = ["-C", "store", "get", &id, "-o", "out"];
    exits(strict(Path::new(env!("CARGO_BIN_EXE_loosepack")), "", dir.path(), &get), 0);
    assert_eq!(std::fs::metadata(dir.join("out")).unwrap().mode() & 0o7777, 0o600);
    let status = loosepack(dir.path(), ["status"]).exits(0);
    assert!(status.text().contains("shared with the group"), "{}", status.text());
    let status = loosepack(dir.path(), ["status", "--json"]).exits(0);
    assert!(status.text().contains("\"shared\":\"group\""), "{}", status.text());
}

#[test]
fn two_users_share_a_container_by_the_command() {
    const GROUP: u32 = 70_100;
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        println!("skipped: a container of two users needs root");
        return;
    }
    if Command::new("setpriv").arg("--version").output().is_err() {
        println!("skipped: there is no setpriv here");
        return;
    }
    let temporary = tempfile::tempdir().unwrap();
    let [program, store] = ["loosepack", "store"].map(|name| temporary.path().join(name));
    std::fs::set_permissions(temporary.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_loosepack"), &program).unwrap();
    std::fs::create_dir(&store).unwrap();
    std::fs::set_permissions(&store, std::fs::Permissions::from_mode(0o700)).unwrap();
    chown(&store, Some(70_001), Some(GROUP)).unwrap();
    let member = |number: u32, arguments: &[&str]| {
        let through = format!("setpriv --reuid {number} --regid {number} --groups {GROUP}");
        strict(&program, &through, temporary.path(), &[&["-C", "store"], arguments].concat())
    };
    let [ada, bob] = [70_001, 70_002];
    exits(member(ada, &["init", "--shared", "group"]), 0);
    for number in [bob, ada, bob] {
        for seed in 0..20 {
            let path = temporary.path().join(format!("in-{number}-{seed}"));
            std::fs::write(path, noise(100, seed % 15 + u64::from(number))).unwrap();
        }
        let files: Vec<String> = (0..20).map(|seed| format!("in-{number}-{seed}")).collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let added = exits(member(number, &[&["add"], &files[..10]].concat()), 0);
        let id = added.text()[..64].to_string();
        exits(member(number, &["pack"]), 0);
        exits(member(number, &[&["add", "--to-pack"], &files[10..]].concat()), 0);
        exits(member(number, &["clean"]), 0);
        exits(member(number, &["delete", &id]), 0);
        // Left by a host without locks, whoever that was.
        std::fs::write(store.join("lock/pack.file.json"), "{}").unwrap();
        exits(member(number, &["pack"]), 2);
        exits(member(number, &["unlock", "--force"]), 0);
        exits(member(number, &["verify"]), 0);
        is_the_groups(&store);
    }
    assert!(tree(&store).iter().all(|path| std::fs::metadata(path).unwrap().gid() == GROUP));
    let third = "setpriv --reuid 70003 --regid 70003 --clear-groups";
    for arguments in [["-C", "store", "ls"], ["-C", "store", "status"], ["-C", "store", "pack"]] {
        exits(strict(&program, third, temporary.path(), &arguments), 2).says(&["permission denied"]);
    }
    let mut cat = Command::new("sh");
    cat.args(["-c", &format!("exec {third} cat \"$0\"")]).arg(store.join("container.json"));
    assert!(!cat.output().unwrap().status.success());
}
