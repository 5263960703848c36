//! The pack lock across processes: of the native host, which has locks of the operating system, and of a runtime that
//! provides WASI alone, where there are lock files.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use loosepack::dir::cap::CapDir;
use loosepack_host::Compression;

use crate::stock;
use crate::support::{Ran, TempDir, command, loosepack, runtime};

const OS_MARK: &str = "store/lock/pack.os.json";
const FILE_MARK: &str = "store/lock/pack.file.json";

fn container() -> TempDir {
    let dir = TempDir::new();
    loosepack(dir.path(), ["init"]).exits(0);
    dir
}

/// A packer that holds its place until its input ends.
fn holder(dir: &TempDir, mut command: Command, mark: &str) -> Child {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(b"from a pipe").unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !fs::read_to_string(dir.join(mark)).is_ok_and(|text| text.ends_with('\n')) {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "the packer takes its place");
        std::thread::sleep(Duration::from_millis(1));
    }
    child
}

fn native(dir: &TempDir) -> Child {
    let mut add = command(dir.path());
    add.args(["-C", "store", "add", "--to-pack", "-"]);
    holder(dir, add, OS_MARK)
}

fn portable(dir: &TempDir) -> Child {
    holder(dir, stock::command(dir.path(), &["add", "--to-pack", "-"]), FILE_MARK)
}

fn run_portable(dir: &TempDir, arguments: &[&str]) -> Ran {
    Ran::of(stock::command(dir.path(), arguments).output().unwrap())
}

/// Lets the holder end, and finds what it has stored.
fn completes(dir: &TempDir, mut child: Child) {
    drop(child.stdin.take());
    let lines: Vec<String> = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap).collect();
    assert!(child.wait().unwrap().success());
    let line = lines.iter().find(|line| line.ends_with("  -")).expect("it tells the id");
    let got = loosepack(dir.path(), ["get", &line[line.len() - 67..line.len() - 3]]).exits(0);
    assert_eq!(got.stdout, b"from a pipe");
}

#[test]
fn a_lock_of_the_operating_system_keeps_out_who_has_none() {
    let dir = container();
    let child = native(&dir);
    for job in ["pack", "clean"] {
        run_portable(&dir, &[job]).exits(1).says(&["another packer is at work", &format!("process {}", child.id())]);
    }
    assert!(!dir.join(FILE_MARK).exists(), "who gives way takes its mark along");
    completes(&dir, child);
    run_portable(&dir, &["pack"]).exits(0);
}

#[test]
fn a_lock_file_keeps_out_who_has_better_locks() {
    let dir = container();
    let child = portable(&dir);
    for job in ["pack", "clean"] {
        loosepack(dir.path(), [job]).exits(2).says(&["another packer is at work", "unlock --force"]);
        run_portable(&dir, &[job]).exits(1).says(&["another packer is at work", "unlock --force"]);
    }
    assert!(!dir.join(OS_MARK).exists(), "who gives way takes its mark along");
    completes(&dir, child);
    assert!(!dir.join(FILE_MARK).exists());
    loosepack(dir.path(), ["pack"]).exits(0);
}

#[test]
fn the_dead_of_both_kinds_are_told_apart() {
    let dir = container();
    let mut child = native(&dir);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(dir.join(OS_MARK).exists(), "a killed packer leaves its mark");
    run_portable(&dir, &["pack"]).exits(1).says(&["another packer is at work", "unlock --force"]);
    loosepack(dir.path(), ["pack"]).exits(0);
    run_portable(&dir, &["pack"]).exits(0);

    let mut child = portable(&dir);
    child.kill().unwrap();
    child.wait().unwrap();
    loosepack(dir.path(), ["pack"]).exits(2).says(&["another packer is at work"]);
    run_portable(&dir, &["pack"]).exits(1).says(&["another packer is at work"]);
    run_portable(&dir, &["unlock", "--force"]).exits(0);
    for _ in 0..2 {
        loosepack(dir.path(), ["pack"]).exits(0);
        run_portable(&dir, &["pack"]).exits(0);
    }
}

#[test]
fn many_packers_of_both_kinds_take_turns() {
    let dir = container();
    const PACKERS: usize = 6;
    const FILES: usize = 20;
    let packers: Vec<Child> = (0..PACKERS)
        .map(|packer| {
            for file in 0..FILES {
                dir.file(format!("in-{packer}/{file}"), format!("file {file} of packer {packer}").repeat(100));
            }
            let folder = format!("in-{packer}");
            let arguments = ["--wait", "120", "add", "--to-pack", "-r", &folder];
            let mut packer = match packer % 3 {
                0 => stock::command(dir.path(), &arguments),
                _ => command(dir.path()),
            };
            if packer.get_program() == env!("CARGO_BIN_EXE_loosepack") {
                packer.args(["-C", "store"]).args(arguments);
            }
            packer.stdout(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut packer in packers {
        assert!(packer.wait().unwrap().success(), "each has its turn");
    }
    let store = runtime().open(dir.join("store")).unwrap();
    assert_eq!(store.stats().unwrap().packed_objects, (PACKERS * FILES) as u64);
    for id in store.objects(None, 1000).unwrap() {
        store.get(&id).unwrap();
    }
    assert!(!dir.join(OS_MARK).exists() && !dir.join(FILE_MARK).exists(), "nobody leaves a mark");
}

#[test]
fn a_place_that_was_given_up_is_free_although_processes_are_started_meanwhile() {
    let (dir, container) = crate::support::container();
    let native = loosepack::Container::open(CapDir::open(dir.path()).unwrap(), Default::default()).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    Command::new("true").status().unwrap();
                }
            });
        }
        let refused = (0..300).find_map(|_| {
            let component = container.pack_writer(Compression::Never).err().map(|error| error.to_string());
            let native = native.pack_writer(Compression::Never).err().map(|error| error.to_string());
            component.or(native)
        });
        done.store(true, Ordering::Relaxed);
        assert_eq!(refused, None);
    });
}
