//! An object of more than 4 GiB goes in and comes out, in little memory.

use std::fs::File;
use std::io::{BufReader, Read, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{Ran, TempDir, command, noise};

const SIZE: u64 = (4 << 30) + 123_456;

/// Resident memory of the whole process at most, in KiB.
const MEMORY_MAX: u64 = 100 << 10;

/// The largest resident memory the process has had so far, in KiB; `None` where the system does not tell.
fn peak_memory(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// A process whose memory is looked at while it runs.
struct Watched {
    child: Child,
    peak: u64,
}

impl Watched {
    fn start(command: &mut Command) -> Self {
        Watched { child: command.spawn().expect("the command starts"), peak: 0 }
    }

    fn look(&mut self) {
        self.peak = peak_memory(self.child.id()).unwrap_or(0).max(self.peak);
    }

    /// Waits for it to end well; fails if it ever took too much memory.
    #[track_caller]
    fn finish(mut self) {
        let status = loop {
            self.look();
            if let Some(status) = self.child.try_wait().expect("the process can be waited for") {
                break status;
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        assert!(status.success(), "{status}");
        assert!(!cfg!(target_os = "linux") || self.peak > 0, "no memory was measured");
        assert!(self.peak < MEMORY_MAX, "{} KiB resident", self.peak);
    }
}

/// Reads an object and compares it with the file.
#[track_caller]
fn compare(dir: &Path, store: &str, id: &str) {
    let mut get = Watched::start(command(dir).args(["-C", store, "get", id]).stdout(Stdio::piped()));
    let mut object = get.child.stdout.take().unwrap();
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
        get.look();
    }
    assert_eq!(compared, SIZE);
    assert_eq!(object.read(&mut found).unwrap(), 0, "more came out than went in");
    get.finish();
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
    let run = |store: &str, arguments: &[&str]| {
        let ran = Ran::of(loosepack(store, arguments).output().expect("the command starts"));
        ran.exits(0)
    };
    let watch =
        |store: &str, arguments: &[&str]| Watched::start(loosepack(store, arguments).stdout(Stdio::null())).finish();
    run("store", &["init"]);
    watch("store", &["add", "large"]);
    let listed = run("store", &["ls"]);
    let id = listed.text().trim();
    compare(dir.path(), "store", id);
    watch("store", &["pack", "--compress", "always"]);
    run("store", &["clean"]);
    assert!(std::fs::metadata(dir.join("store/packs/0")).unwrap().len() < SIZE / 10, "it is compressed");
    compare(dir.path(), "store", id);

    run("plain", &["init"]);
    watch("plain", &["add", "--to-pack", "--compress", "never", "large"]);
    assert!(std::fs::metadata(dir.join("plain/packs/0")).unwrap().len() > SIZE, "it is not compressed");
    compare(dir.path(), "plain", id);
}
