//! What `add` takes besides files: pipes, commands, patterns, file systems. And files with holes, which `get` makes.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::support::{Ran, TempDir, command, loosepack, noise};

fn with_store() -> TempDir {
    let dir = TempDir::new();
    loosepack(dir.path(), ["init"]).exits(0);
    dir
}

fn make_pipe(dir: &TempDir, name: &str) {
    let made = Command::new("mkfifo").arg(dir.join(name)).status().expect("mkfifo is there");
    assert!(made.success());
}

/// Runs a script in a directory; `$L` is the command on the container.
fn bash(dir: &Path, script: &str) -> Ran {
    let mut bash = Command::new("bash");
    bash.args(["-c", script]).current_dir(dir).stdin(Stdio::null());
    bash.env("L", format!("{} -C store", env!("CARGO_BIN_EXE_loosepack"))).env_remove("LOOSEPACK_DIR");
    Ran::of(bash.output().expect("bash is there"))
}

fn id(content: impl AsRef<[u8]>) -> String {
    loosepack::codec::sha256(content.as_ref()).to_string()
}

/// Names of what was added.
fn names(ran: &Ran) -> Vec<&str> {
    ran.text().lines().map(|line| &line[66..]).collect()
}

/// A writer that was waiting was woken, and then nothing was read from it.
#[test]
fn a_pipe_with_a_waiting_writer_is_added() {
    let dir = with_store();
    make_pipe(&dir, "pipe");
    let large = noise(3 << 20, 4);
    dir.file("large", &large);
    let ran = bash(dir.path(), "cat large > pipe & sleep 0.2; $L add pipe; wait").exits(0);
    assert_eq!(ran.text(), format!("{}  pipe\n", id(&large)));
    let empty = bash(dir.path(), ": > pipe & sleep 0.2; $L add pipe; wait").exits(0);
    assert_eq!(empty.text(), format!("{}  pipe\n", id("")));
}

#[test]
fn a_pipe_whose_writer_comes_late_and_is_slow_is_added() {
    let dir = with_store();
    make_pipe(&dir, "pipe");
    let mut add = command(dir.path());
    let child = add.args(["-C", "store", "add", "pipe"]).stdout(Stdio::piped()).spawn().expect("it starts");
    sleep(Duration::from_millis(500));
    let mut writer = OpenOptions::new().write(true).open(dir.join("pipe")).unwrap();
    // Longer than a pipe without a writer is waited for.
    sleep(Duration::from_secs(4));
    writer.write_all(b"late ").unwrap();
    sleep(Duration::from_millis(200));
    writer.write_all(b"and slow").unwrap();
    drop(writer);
    let ran = Ran::of(child.wait_with_output().unwrap()).exits(0);
    assert_eq!(ran.text(), format!("{}  pipe\n", id("late and slow")));
}

#[test]
fn process_substitutions_are_added() {
    let dir = with_store();
    let ran = bash(dir.path(), "$L add <(echo a; sleep 0.3; echo b) <(true)").exits(0);
    let ids: Vec<&str> = ran.text().lines().map(|line| &line[..64]).collect();
    assert_eq!(ids, [id("a\nb\n"), id("")]);
    // Writers that have ended before the pipe is looked at.
    let ended = bash(dir.path(), "exec 7< <(echo c) 8< <(true); sleep 0.2; $L add /dev/fd/7 /dev/fd/8").exits(0);
    assert_eq!(ended.text().lines().map(|line| &line[..64]).collect::<Vec<_>>(), [id("c\n"), id("")]);
}

#[test]
fn what_nobody_writes_to_and_what_is_no_file_is_refused() {
    let dir = with_store();
    make_pipe(&dir, "pipe");
    dir.file("a", "a");
    let _socket = std::os::unix::net::UnixListener::bind(dir.join("socket")).unwrap();
    let ran = loosepack(dir.path(), ["add", "pipe", "socket", "/dev/null", "a"]).exits(2);
    let ran =
        ran.says(&["nobody writes to the pipe pipe", "start its writer", "socket is neither", "/dev/null is neither"]);
    assert_eq!(ran.text(), format!("{}  a\n", id("a")));
}

#[test]
fn the_output_of_a_command_is_added_unless_it_fails() {
    let dir = with_store();
    let run = |script: &str| loosepack(dir.path(), ["add", "--stdin-from-command", "sh", "-c", script]);
    for more in [&[][..], &["--to-pack"]] {
        let start = ["add"].iter().chain(more);
        let ran = loosepack(dir.path(), start.chain(&["--stdin-from-command", "printf", "%s-%s", "--json", "-x"]));
        assert_eq!(ran.exits(0).text(), format!("{}  -\n", id("--json--x")));
    }
    assert_eq!(run("exit 0").exits(0).text(), format!("{}  -\n", id("")));
    run("echo part; exit 3").exits(2).says(&["the command sh failed", "exit status: 3"]);
    run("echo part; kill -9 $$").exits(2).says(&["the command sh failed", "signal: 9"]);
    run("head -c 5000000 /dev/zero; exit 3").exits(2).says(&["exit status: 3"]);
    loosepack(dir.path(), ["add", "--stdin-from-command", "no-such-program"]).exits(2).says(&["no-such-program"]);
    loosepack(dir.path(), ["add", "a", "--stdin-from-command", "true"]).exits(2).says(&["cannot be used with"]);
    assert_eq!(loosepack(dir.path(), ["ls"]).exits(0).text().lines().count(), 2, "nothing of the failed ones");
    assert_eq!(fs::read_dir(dir.join("store/incoming")).unwrap().count(), 0);
}

#[test]
fn patterns_leave_out_what_they_match() {
    let dir = with_store();
    for name in ["a.c", "a.o", "keep.o", "target/x.c", "sub/target/y.c", "sub/b.o", "sub/target.c", "#c"] {
        dir.file(Path::new("t").join(name), name);
    }
    let add = |patterns: &[&str]| {
        let patterns = patterns.iter().flat_map(|pattern| ["--exclude", pattern]);
        loosepack(dir.path(), ["add", "-r", "t"].into_iter().chain(patterns)).exits(0)
    };
    let all = ["t/#c", "t/a.c", "t/a.o", "t/keep.o", "t/sub/b.o", "t/sub/target/y.c", "t/sub/target.c", "t/target/x.c"];
    let without = |left_out: &[&str]| -> Vec<&str> {
        let mut left: Vec<&str> = all.into_iter().filter(|name| !left_out.contains(name)).collect();
        left.sort_unstable();
        left
    };
    let sorted = |ran: &Ran| -> Vec<String> {
        let mut names: Vec<String> = names(ran).into_iter().map(String::from).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(sorted(&add(&[])), without(&[]));
    assert_eq!(sorted(&add(&["*.o", "!keep.o"])), without(&["t/a.o", "t/sub/b.o"]));
    assert_eq!(sorted(&add(&["target/"])), without(&["t/sub/target/y.c", "t/target/x.c"]));
    assert_eq!(sorted(&add(&["/target", "#c"])), without(&["t/target/x.c", "t/#c"]));
    loosepack(dir.path(), ["add", "-r", "t", "--exclude", "[z-a]"]).exits(2).says(&["PATTERN", "`[z-a]`"]);
    // In lists, but not on the command line.
    dir.file("list", "t/a.c\n./t/a.o\nt/target/x.c\n");
    let listed = ["add", "t/keep.o", "--files-from", "list", "--exclude", "*.o", "--exclude", "target/"];
    assert_eq!(names(&loosepack(dir.path(), listed).exits(0)), ["t/keep.o", "t/a.c"]);
}

/// A mount needs privileges: the test adds what others have mounted.
#[test]
#[cfg(target_os = "linux")]
fn other_file_systems_are_left_out() {
    let dir = with_store();
    dir.file("t/a", "a");
    dir.file("t/sub/b", "b");
    let one = loosepack(dir.path(), ["add", "-r", "-x", "t"]).exits(0);
    assert_eq!(names(&one), ["t/a", "t/sub/b"]);
    let script = "mount -t tmpfs none t/sub && echo c > t/sub/c && touch t/file && mount --bind t/sub/c t/file && \
                  $L add -r t && $L add -r -x t";
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--map-root-user", "sh", "-c", script]).current_dir(dir.path()).stdin(Stdio::null());
    let ran = unshare.env("L", format!("{} -C store", env!("CARGO_BIN_EXE_loosepack"))).output();
    let ran = Ran::of(ran.expect("unshare is there"));
    if ran.code == 1 || ran.stderr.contains("unshare") || ran.stderr.contains("mount:") {
        eprintln!("not tried, for there are no mounts to be had here: {}", ran.stderr);
        return;
    }
    let ran = ran.exits(0).says(&["skipped 2 on other file systems: t/file, t/sub"]);
    assert_eq!(names(&ran), ["t/a", "t/file", "t/sub/c", "t/a"]);
}

/// The file system decides whether there are holes: a file that is made with one tells.
#[test]
fn holes_are_made_of_zeros() {
    let dir = with_store();
    let mut content = noise(100_000, 3);
    content.resize(4 << 20, 0);
    content.extend(noise(5000, 4));
    content.resize(content.len() + (2 << 20) + 17, 0);
    dir.file("a", &content);
    dir.file("zeros", vec![0; 1 << 20]);
    dir.file("empty", "");
    let probe = fs::File::create(dir.join("probe")).unwrap();
    probe.set_len(content.len() as u64).unwrap();
    let has_holes = fs::metadata(dir.join("probe")).unwrap().blocks() * 512 < 1 << 20;
    for name in ["a", "zeros", "empty"] {
        let content = fs::read(dir.join(name)).unwrap();
        loosepack(dir.path(), ["add", name]).exits(0);
        fs::write(dir.join("out"), "something longer than nothing").unwrap();
        loosepack(dir.path(), ["get", &id(&content), "-o", "out", "--sparse"]).exits(0);
        assert!(fs::read(dir.join("out")).unwrap() == content, "{name}");
        let allocated = fs::metadata(dir.join("out")).unwrap().blocks() * 512;
        assert!(!has_holes || allocated < 300_000, "{name}: {allocated} bytes of {} are allocated", content.len());
    }
    loosepack(dir.path(), ["get", &id(&content), "--sparse"]).exits(2).says(&["--output"]);
}
