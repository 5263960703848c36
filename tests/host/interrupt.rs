//! Commands that are interrupted, and commands that get too little of the system.

use std::fs;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::{Ran, TempDir, command, loosepack, noise};

/// Waits until something is so; it fails after a minute.
fn wait_for(mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not come to be");
        sleep(Duration::from_millis(5));
    }
}

/// Sends a signal to a process that is running, or was a moment ago.
fn kill(child: &Child, signal: &str) {
    let _ = Command::new("kill").args(["-s", signal, &child.id().to_string()]).stderr(Stdio::null()).status();
}

/// Has children end by these signals, even if whoever started the tests ignores them, as `nohup` does: a signal that
/// is caught here has its default action in a program that is started.
fn children_end_by_signals() {
    for signal in [signal_hook::consts::SIGHUP, signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        let always = Arc::new(AtomicBool::new(true));
        signal_hook::flag::register_conditional_default(signal, always).expect("it can be caught");
    }
}

/// The files of an interrupted add stayed for at least a day, unreported.
#[test]
fn an_interrupted_add_leaves_nothing() {
    children_end_by_signals();
    for (signal, number) in [("INT", 2), ("TERM", 15), ("HUP", 1)] {
        let dir = TempDir::new();
        loosepack(dir.path(), ["init"]).exits(0);
        // Files that are stored together, and a large one that is being written.
        for number in 0..5 {
            dir.file(format!("{number}"), noise(100, number));
        }
        let mut adding = command(dir.path());
        adding.args(["-C", "store", "add", "0", "1", "2", "3", "4", "-"]).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = adding.spawn().expect("it starts");
        let mut input = child.stdin.take().expect("it is piped");
        input.write_all(&noise(3 << 20, 9)).expect("it reads");
        let unfinished = || fs::read_dir(dir.join("store/incoming")).expect("it is there").count();
        wait_for(|| unfinished() == 1);
        kill(&child, signal);
        wait_for(|| child.try_wait().expect("it can be asked").is_some());
        let status = child.wait().expect("it ends");
        assert_eq!(status.signal(), Some(number), "it ends by the signal");
        assert_eq!(unfinished(), 0);
        drop(input);
        loosepack(dir.path(), ["verify"]).exits(0);
    }
}

/// Signals ignored by the parent, as under `nohup`.
#[test]
fn a_signal_that_is_ignored_stays_ignored() {
    let dir = TempDir::new();
    loosepack(dir.path(), ["init"]).exits(0);
    let script = format!("trap '' HUP; exec {} -C store add -", env!("CARGO_BIN_EXE_loosepack"));
    let mut adding = Command::new("sh");
    adding.current_dir(dir.path()).args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = adding.spawn().expect("it starts");
    let mut input = child.stdin.take().expect("it is piped");
    input.write_all(&noise(3 << 20, 9)).expect("it reads");
    wait_for(|| fs::read_dir(dir.join("store/incoming")).expect("it is there").count() == 1);
    kill(&child, "HUP");
    sleep(Duration::from_millis(100));
    drop(input);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert_eq!(fs::read_dir(dir.join("store/incoming")).expect("it is there").count(), 0);
}

#[test]
fn an_interrupted_get_leaves_no_part_of_a_file() {
    children_end_by_signals();
    let dir = TempDir::new();
    loosepack(dir.path(), ["init"]).exits(0);
    dir.file("large", noise(64 << 20, 1));
    let added = loosepack(dir.path(), ["add", "--no-sync", "large"]).exits(0);
    let id = added.text().split_whitespace().next().expect("an id").to_owned();
    let parts = || {
        let entries = fs::read_dir(dir.path()).expect("it is there").map(|entry| entry.expect("it lists").file_name());
        entries.filter(|name| name.to_string_lossy().starts_with(".out")).count()
    };
    let mut interrupted = 0;
    for _ in 0..20 {
        let mut child = command(dir.path()).args(["-C", "store", "get", &id, "-o", "out"]).spawn().expect("it starts");
        wait_for(|| parts() > 0 || child.try_wait().expect("it can be asked").is_some());
        kill(&child, "INT");
        interrupted += u32::from(child.wait().expect("it ends").signal().is_some());
        assert_eq!(parts(), 0);
    }
    assert!(interrupted > 0, "none of them was under way");
}

/// Few open files were a panic.
#[test]
fn few_open_files_are_an_error() {
    let dir = TempDir::new();
    loosepack(dir.path(), ["init"]).exits(0);
    for files in [5, 6, 7, 8, 10] {
        let script = format!("ulimit -n {files}; exec {} -C store status", env!("CARGO_BIN_EXE_loosepack"));
        let mut limited = Command::new("sh");
        let ran = Ran::of(limited.current_dir(dir.path()).args(["-c", &script]).output().expect("sh starts"));
        assert!(ran.code == 0 || ran.code == 2, "{files} files: {} {}", ran.code, ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{files} files: {}", ran.stderr);
    }
}
