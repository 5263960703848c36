//! An object of more than 4 GiB goes in and comes out, in little memory.

use std::fs::File;
use std::io::{BufReader, Read, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{TempDir, command, noise};

const SIZE: u64 = (4 << 30) + 12_345;

/// Resident memory of the whole process at most, in KiB.
const MEMORY_MAX: u64 = 100 << 10;

/// The largest resident memory the process has had so far, in KiB; `None` where the system does not tell.
fn peak_memory(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// Wait for a process to end well; fails if it ever takes too much memory.
#[track_caller]
fn finish(mut child: Child) {
    let mut peak = 0;
    let status = loop {
        peak = peak_memory(child.id()).unwrap_or(0).max(peak);
        if let Some(status) = child.try_wait().expect("the process can be waited for") {
            break status;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(status.success(), "{status}");
    assert!(!cfg!(target_os = "linux") || peak > 0, "no memory was measured");
    assert!(peak < MEMORY_MAX, "{peak} KiB resident");
}

fn run(command: &mut Command) -> Child {
    command.stdout(Stdio::null()).spawn().expect("the command starts")
}

/// Read an object and compare it with the file.
#[track_caller]
fn compare(dir: &Path, store: &str, id: &str) {
    let mut child = command(dir).args(["-C", store, "get", id]).stdout(Stdio::piped()).spawn().unwrap();
    let mut object = child.stdout.take().unwrap();
    let mut file = BufReader::with_capacity(1 << 20, File::open(dir.join("large")).unwrap());
    let (mut expected, mut found) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let mut compared = 0;
    loop {
        let len = file.read(&mut expected).unwrap();
        if len == 0 {
            break;
        }
        object.read_exact(&mut found[..len]).unwrap();
        assert!(found[..len] == expected[..len], "the bytes from {compared} on differ");
        compared += len as u64;
    }
    assert_eq!(compared, SIZE);
    assert_eq!(object.read(&mut found).unwrap(), 0, "more came out than went in");
    finish(child);
}

#[test]
fn four_gibibytes_go_in_and_come_out_in_little_memory() {
    let dir = TempDir::new();
    let mut file = File::create(dir.join("large")).unwrap();
    file.set_len(SIZE).unwrap();
    for (number, position) in [0, 1_000_000, 1 << 31, (1 << 32) - 7, SIZE - 100_000].into_iter().enumerate() {
        file.seek(SeekFrom::Start(position)).unwrap();
        file.write_all(&noise(100_000, number as u64)).unwrap();
    }
    drop(file);
    let loosepack = |store: &str, arguments: &[&str]| {
        let mut command = command(dir.path());
        command.args(["-C", store, "--no-sync"]).args(arguments);
        command
    };
    finish(run(&mut loosepack("store", &["init"])));
    finish(run(&mut loosepack("store", &["add", "large"])));
    let id = loosepack("store", &["ls"]).output().unwrap().stdout;
    let id = String::from_utf8(id).unwrap().trim().to_string();
    compare(dir.path(), "store", &id);
    finish(run(&mut loosepack("store", &["pack", "--compress", "always"])));
    finish(run(&mut loosepack("store", &["clean"])));
    assert!(std::fs::metadata(dir.join("store/packs/0")).unwrap().len() < SIZE / 10, "it is compressed");
    compare(dir.path(), "store", &id);

    finish(run(&mut loosepack("plain", &["init"])));
    finish(run(&mut loosepack("plain", &["add", "--to-pack", "--compress", "never", "large"])));
    assert!(std::fs::metadata(dir.join("plain/packs/0")).unwrap().len() > SIZE, "it is not compressed");
    compare(dir.path(), "plain", &id);
}
