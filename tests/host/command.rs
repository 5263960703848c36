//! The command, as a person or a script uses it.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Ran, TempDir, command, loosepack, noise};

/// The ID of the bytes "alpha\n", by sha256sum.
const ALPHA: &str = "b6a98d9ce9a2d9149288fa3df42d377c3e42737afdcdaf714e33c0a100b51060";
/// The ID of no bytes.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// The ID of nothing that these tests add.
const ABSENT: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A directory with a container `store` in it.
fn with_store() -> TempDir {
    let dir = TempDir::new();
    loosepack(dir.path(), ["init"]).exits(0);
    dir
}

/// Runs with bytes as standard input.
fn fed(dir: &Path, arguments: &[&str], input: &[u8]) -> Ran {
    let mut child = command(dir)
        .args(["-C", "store"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // A command that stops reading is a result of its own.
        scope.spawn(move || stdin.write_all(input).is_ok());
        Ran::of(child.wait_with_output().unwrap())
    })
}

#[test]
fn init_takes_the_directory_as_an_argument_as_well() {
    let dir = TempDir::new();
    let run = |arguments: &[&str]| Ran::of(command(dir.path()).args(arguments).output().unwrap());
    assert!(run(&["init", "one"]).exits(0).text().starts_with("one: made container "));
    run(&["-C", "one", "status"]).exits(0);
    run(&["-C", "two/", "init", "two"]).exits(0);
    run(&["-C", "three", "init", "four"]).exits(2).says(&["three", "four", "-C"]);
    let named = Ran::of(command(dir.path()).env("LOOSEPACK_DIR", "three").args(["init", "four"]).output().unwrap());
    named.exits(2).says(&["three", "four", "LOOSEPACK_DIR"]);
    assert!(!dir.join("three").exists() && !dir.join("four").exists());
    run(&["init", ""]).exits(2).says(&["empty name"]);
    run(&["init", "five", "--shared", "everybody"]).exits(2).says(&["everybody", "group"]);
    assert!(!dir.join("five").exists());
}

#[test]
fn init_makes_a_container_in_a_new_or_an_empty_directory_and_nowhere_else() {
    let dir = with_store();
    loosepack(dir.path(), ["init"]).exits(2).says(&["there is a container here already"]);
    dir.file("full/file", "x");
    let refused = Ran::of(command(dir.path()).args(["-C", "full", "init"]).output().unwrap());
    refused.exits(2).says(&["not empty", "file"]);
    Ran::of(command(dir.path()).env("LOOSEPACK_DIR", "new/nested").args(["init"]).output().unwrap()).exits(0);
    assert!(dir.join("new/nested/container.json").exists());
    let small = Ran::of(command(dir.path()).args(["-C", "small", "init", "--pack-target", "4K"]).output().unwrap());
    small.exits(0);
    assert!(fs::read_to_string(dir.join("small/container.json")).unwrap().contains("\"pack-target\":4096"));
    let wrong =
        Ran::of(command(dir.path()).args(["-C", "wrong", "init", "--compression-level", "10"]).output().unwrap());
    wrong.exits(2);
    assert!(!dir.join("wrong").exists(), "wrong use leaves nothing");
}

#[test]
fn many_objects_are_written_out_in_the_order_they_are_asked_for() {
    let dir = with_store();
    let content = |number: usize| vec![b'a' + (number % 26) as u8; number * 37_000 % 1_500_000 + number];
    for number in 0..60 {
        dir.file(format!("files/{number}"), content(number));
    }
    for more in [&["-r"][..], &["-r", "--to-pack", "--compress", "always"]] {
        let added = loosepack(dir.path(), ["add", "files"].iter().chain(more)).exits(0);
        let (mut asked, mut expected) = (String::new(), Vec::new());
        for line in added.text().lines().rev().chain(added.text().lines().take(3)) {
            let number = line.rsplit('/').next().unwrap().parse().unwrap();
            asked += &format!("{}\n", &line[..64]);
            expected.extend(content(number));
        }
        let got = fed(dir.path(), &["get", "-"], asked.as_bytes()).exits(0);
        assert!(got.stdout == expected, "{} bytes of {}", got.stdout.len(), expected.len());
        // One that is absent is reported, and leaves no gap for the others.
        for place in [0, 65 * 7, asked.len()] {
            let (before, after) = asked.split_at(place);
            let got = fed(dir.path(), &["get", "-"], format!("{before}{ABSENT}\n{after}").as_bytes()).exits(1);
            assert!(got.says(&[ABSENT]).stdout == expected);
        }
    }
}

#[test]
fn what_add_prints_is_what_sha256sum_checks() {
    let dir = with_store();
    for name in
        ["a.txt", "b c.txt", "folder/deep/d.txt", "back\\slash", "new\nline", "carriage\rreturn", "\u{e4}\u{1f980}"]
    {
        dir.file(name, format!("content of {name}"));
    }
    dir.file("empty", "");
    let paths =
        ["a.txt", "b c.txt", "folder", "back\\slash", "new\nline", "carriage\rreturn", "\u{e4}\u{1f980}", "empty"];
    for more in [&["-r"][..], &["-r", "--to-pack"], &["-r", "--to-pack", "--compress", "always"]] {
        let added = loosepack(dir.path(), ["add"].iter().chain(more).chain(&paths)).exits(0);
        assert_eq!(added.text().lines().count(), paths.len());
        fs::write(dir.join("sums"), &added.stdout).unwrap();
        let mut check = Command::new("sha256sum");
        check.args(["--check", "--strict", "--quiet", "sums"]).current_dir(dir.path());
        Ran::of(check.output().expect("sha256sum is there")).exits(0);
    }
    let ids = fs::read(dir.join("sums")).unwrap();
    let has = fed(dir.path(), &["has", "-"], &ids).exits(0);
    assert_eq!(has.text().lines().filter(|line| line.ends_with("present")).count(), paths.len());
}

#[test]
fn standard_input_is_an_object_too() {
    let dir = with_store();
    assert_eq!(fed(dir.path(), &["add", "-"], b"alpha\n").exits(0).text(), format!("{ALPHA}  -\n"));
    assert_eq!(fed(dir.path(), &["add", "-"], b"").exits(0).text(), format!("{EMPTY}  -\n"));
    let large = noise(3 << 20, 5);
    let added = fed(dir.path(), &["add", "--to-pack", "-"], &large).exits(0);
    assert_eq!(loosepack(dir.path(), ["get", &added.text()[..64]]).exits(0).stdout, large);
}

#[test]
fn objects_are_got_to_standard_output_and_to_files() {
    let dir = with_store();
    dir.file("a.txt", "alpha\n");
    dir.file("empty", "");
    loosepack(dir.path(), ["add", "a.txt", "empty"]).exits(0);
    for packed in [false, true] {
        if packed {
            loosepack(dir.path(), ["pack"]).exits(0);
            loosepack(dir.path(), ["clean"]).exits(0);
        }
        assert_eq!(loosepack(dir.path(), ["get", ALPHA]).exits(0).stdout, b"alpha\n");
        assert_eq!(loosepack(dir.path(), ["get", EMPTY]).exits(0).stdout, b"");
        assert_eq!(loosepack(dir.path(), ["get", ALPHA, EMPTY, ALPHA]).exits(0).stdout, b"alpha\nalpha\n");
        let both = fed(dir.path(), &["get", "-"], format!("{ALPHA}\n{EMPTY}  a name\n{ALPHA}\n").as_bytes());
        assert_eq!(both.exits(0).stdout, b"alpha\nalpha\n");
        fs::write(dir.join("out"), "what was there before").unwrap();
        loosepack(dir.path(), ["get", ALPHA, "-o", "out"]).exits(0);
        assert_eq!(fs::read(dir.join("out")).unwrap(), b"alpha\n");
    }
    fs::write(dir.join("out"), "what was there before").unwrap();
    loosepack(dir.path(), ["get", ABSENT, "-o", "out"]).exits(1).says(&[ABSENT]);
    assert_eq!(fs::read(dir.join("out")).unwrap(), b"what was there before");
    loosepack(dir.path(), ["get", ALPHA, "-o", "no/such/folder"]).exits(2).says(&["no/such/folder"]);
    loosepack(dir.path(), ["get", ABSENT]).exits(1).says(&[ABSENT]);
}

#[test]
fn ids_that_are_none_are_refused() {
    let dir = with_store();
    let upper = ALPHA.to_uppercase();
    let long = format!("{ALPHA}0");
    for id in ["../../etc/passwd", "", &upper, &long, &ALPHA[1..], "/etc/passwd"] {
        for subcommand in ["get", "has", "info"] {
            loosepack(dir.path(), [subcommand, "--", id])
                .exits(2)
                .says(&["invalid object ID", "64 lowercase hex digits"]);
        }
    }
}

#[test]
fn absence_is_an_answer() {
    let dir = with_store();
    dir.file("a.txt", "alpha\n");
    loosepack(dir.path(), ["add", "a.txt"]).exits(0);
    assert_eq!(loosepack(dir.path(), ["has", ALPHA]).exits(0).text(), format!("{ALPHA}  present\n"));
    let both = loosepack(dir.path(), ["has", ALPHA, ABSENT]).exits(1);
    assert_eq!(both.text(), format!("{ALPHA}  present\n{ABSENT}  absent\n"));
    loosepack(dir.path(), ["info", ABSENT]).exits(1).says(&[ABSENT]);
}

#[test]
fn programs_read_json() {
    let dir = with_store();
    dir.file("a.txt", "alpha\n");
    loosepack(dir.path(), ["add", "a.txt"]).exits(0);
    let json = |arguments: &[&str]| -> serde_json::Value {
        let ran = loosepack(dir.path(), arguments).exits(0);
        serde_json::from_str(ran.text()).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", ran.text()))
    };
    assert_eq!(json(&["info", ALPHA, "--json"])["size"], 6);
    assert_eq!(json(&["has", ALPHA, "--json"])["id"], ALPHA);
    assert_eq!(json(&["ls", "--json"])["id"], ALPHA);
    let status = json(&["status", "--json"]);
    assert!(status.is_object(), "{status}");
    assert_eq!(loosepack(dir.path(), ["ls"]).exits(0).text(), format!("{ALPHA}\n"));
}

#[test]
fn jobs_print_progress_and_totals_as_json() {
    let dir = with_store();
    dir.file("a.txt", "alpha\n");
    loosepack(dir.path(), ["add", "a.txt"]).exits(0);
    let jobs = [
        (&["pack", "--json"][..], 256, 1, 0),
        (&["pack", "--json"], 256, 0, 1),
        (&["clean", "--json"], 257, 1, 0),
        (&["verify", "--json"], 258, 1, 0),
        (&["reindex", "--json"], 0, 1, 0),
        (&["fold", "--json"], 1, 1, 0),
        (&["delete", "--json", ALPHA], 1, 1, 0),
    ];
    for (arguments, units, objects, notes) in jobs {
        let ran = loosepack(dir.path(), arguments).exits(0);
        let lines: Vec<serde_json::Value> =
            ran.text().lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
        let (totals, lines) = lines.split_last().expect("there are lines");
        let expected = serde_json::json!({
            "objects": objects, "bytes": 6 * objects, "problems": 0, "notes": notes, "unread": 0
        });
        assert_eq!(*totals, expected, "{arguments:?}");
        assert_eq!(lines.iter().filter(|line| line["note"].is_string()).count(), notes, "{arguments:?}");
        let done: Vec<u64> = lines.iter().filter_map(|line| line["done"].as_u64()).collect();
        let last = lines.iter().rfind(|line| line["done"].is_u64()).expect("progress is printed");
        // The units of `reindex` are bytes.
        let units = if units == 0 { last["total"].as_u64().unwrap() } else { units };
        assert!(done.is_sorted() && done.last() == Some(&units), "{arguments:?}: {done:?}");
        assert!(last["total"] == units && last["bytes"].is_u64(), "{arguments:?}: {last}");
    }
}

#[test]
fn a_job_is_done_although_nobody_reads_its_progress() {
    let dir = with_store();
    dir.file("a.txt", "alpha\n");
    loosepack(dir.path(), ["add", "a.txt"]).exits(0);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut pack = command(dir.path());
    pack.args(["-C", "store", "pack", "--json"]).stdout(writer).stderr(Stdio::piped());
    Ran::of(pack.output().unwrap()).exits(0);
    assert!(loosepack(dir.path(), ["info", ALPHA]).exits(0).text().contains("placement: packed"));
}

#[test]
fn one_bad_file_does_not_stop_the_others() {
    let dir = with_store();
    dir.file("a.txt", "alpha\n");
    dir.file("folder/b.txt", "beta");
    for more in [&[][..], &["--to-pack"]] {
        let arguments = ["add"].iter().chain(more).chain(&["absent", "folder", "a.txt"]);
        let ran = loosepack(dir.path(), arguments).exits(2).says(&["absent", "folder", "-r"]);
        assert_eq!(ran.text(), format!("{ALPHA}  a.txt\n"));
    }
}

#[test]
#[cfg(unix)]
fn links_and_special_files_have_their_rules() {
    use std::os::unix::fs::symlink;
    let dir = with_store();
    dir.file("folder/a.txt", "alpha\n");
    symlink("a.txt", dir.join("folder/link")).unwrap();
    symlink("absent", dir.join("folder/dangling")).unwrap();
    let fifo = Command::new("mkfifo").arg(dir.join("folder/fifo")).status().expect("mkfifo is there");
    assert!(fifo.success());
    let ran = loosepack(dir.path(), ["add", "-r", "folder"]).exits(0);
    let ran = ran.says(&["folder/link", "folder/dangling", "folder/fifo"]);
    assert_eq!(ran.text(), format!("{ALPHA}  folder/a.txt\n"));
    let named = loosepack(dir.path(), ["add", "folder/link"]).exits(0);
    assert_eq!(named.text(), format!("{ALPHA}  folder/link\n"), "a link that is named is followed");
}

#[test]
#[cfg(target_os = "linux")]
fn names_need_not_be_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let dir = with_store();
    dir.file("folder/a.txt", "alpha\n");
    let name = OsStr::from_bytes(b"folder/\xff\xfe");
    dir.file(name, "no text");
    let text = loosepack(dir.path(), ["add", "folder/a.txt"]).exits(0).stdout;
    let named = loosepack(dir.path(), [OsStr::new("add"), name]).exits(0).stdout;
    assert!(named.ends_with(b"  folder/\xff\xfe\n"), "{named:?}");
    let all = loosepack(dir.path(), ["add", "-r", "folder"]).exits(0).stdout;
    assert_eq!(all, [text, named].concat());
    let store = OsStr::from_bytes(b"caf\xe9");
    Ran::of(command(dir.path()).arg("-C").arg(store).arg("init").output().unwrap()).exits(0);
    Ran::of(command(dir.path()).env("LOOSEPACK_DIR", store).arg("ls").output().unwrap()).exits(0);
    Ran::of(command(dir.path()).env("LOOSEPACK_DIR", "").arg("ls").output().unwrap()).exits(2).says(&["LOOSEPACK_DIR"]);
}

/// The paths of tar, find and rm are not bounded either.
#[test]
#[cfg(target_os = "linux")]
fn trees_may_be_deeper_than_the_longest_path() {
    let dir = with_store();
    let script =
        "mkdir t && cd t && for i in $(seq 100); do d=$(printf 'd%060d' $i); mkdir $d && cd $d && echo $i > f; done";
    assert!(
        Command::new("bash").args(["-c", script]).current_dir(dir.path()).status().expect("bash is there").success()
    );
    for more in [&[][..], &["--to-pack"]] {
        let added = loosepack(dir.path(), ["add", "-r", "t"].iter().chain(more)).exits(0);
        assert_eq!(added.text().lines().count(), 100);
    }
    assert!(Command::new("rm").args(["-r", "t"]).current_dir(dir.path()).status().expect("rm is there").success());
}

#[test]
fn ids_are_read_from_what_others_print() {
    let dir = with_store();
    dir.file("a.txt", "alpha\n");
    dir.file("b", "beta");
    let added = loosepack(dir.path(), ["add", "--json", "a.txt"]).exits(0);
    let tagged = format!("\u{feff}SHA256 (b) = {ABSENT}\r\n");
    for (input, found) in [(added.text(), 0), (&tagged, 1), (&format!("{ALPHA} *a.txt\0{ABSENT}  x\0"), 1)] {
        fed(dir.path(), &["has", "-"], input.as_bytes()).exits(found);
    }
    fed(dir.path(), &["has", "-"], b"MD5 (b) = 1\n").exits(2).says(&["line 1", "invalid object ID"]);
}

#[test]
fn paths_are_read_from_lists() {
    let dir = with_store();
    dir.file("a.txt", "alpha\n");
    dir.file("new\nline", "beta");
    let expected = format!("{ALPHA}  a.txt\n");
    assert_eq!(fed(dir.path(), &["add", "--files-from", "-"], b"a.txt\r\n\n").exits(0).text(), expected);
    let both = fed(dir.path(), &["add", "-z", "-0", "--files-from", "-"], b"a.txt\0new\nline\0").exits(0);
    assert!(both.text().starts_with(&format!("{ALPHA}  a.txt\0")) && both.text().ends_with("  new\nline\0"));
    dir.file("list", "absent\na.txt\n");
    assert_eq!(loosepack(dir.path(), ["add", "--files-from", "list"]).exits(2).says(&["absent"]).text(), expected);
    loosepack(dir.path(), ["add", "-", "--files-from", "-"]).exits(2).says(&["once"]);
    loosepack(dir.path(), ["add", "-0", "a.txt"]).exits(2).says(&["files-from"]);
}

#[test]
fn objects_are_deleted_and_those_that_did_not_exist_are_counted() {
    let dir = with_store();
    dir.file("a.txt", "alpha\n");
    dir.file("empty", "");
    for packed in [false, true] {
        let more = if packed { &["--to-pack"][..] } else { &[] };
        loosepack(dir.path(), ["add", "a.txt", "empty"].iter().chain(more)).exits(0);
        loosepack(dir.path(), ["delete", ALPHA, "no id"]).exits(2).says(&["no id", "nothing was deleted"]);
        loosepack(dir.path(), ["has", ALPHA]).exits(0);
        let deleted = fed(dir.path(), &["delete", "-"], format!("{ALPHA}  a.txt\n{ALPHA}\n").as_bytes()).exits(0);
        assert_eq!(deleted.text(), "deleted 1 object, 6 bytes\n");
        loosepack(dir.path(), ["has", ALPHA]).exits(1);
        let again = loosepack(dir.path(), ["delete", ALPHA, EMPTY]).exits(1);
        assert_eq!(again.text(), "deleted 1 object, 0 bytes; 1 object did not exist\n");
        loosepack(dir.path(), ["verify"]).exits(0);
        loosepack(dir.path(), ["reindex"]).exits(0);
        assert_eq!(loosepack(dir.path(), ["ls"]).exits(0).text(), "", "what was deleted does not come back");
    }
}

#[test]
fn what_would_be_deleted_is_counted_and_stays() {
    let dir = with_store();
    dir.file("a.txt", "alpha\n");
    loosepack(dir.path(), ["add", "a.txt"]).exits(0);
    let before = listing(&dir.join("store"));
    let counted = loosepack(dir.path(), ["delete", "--dry-run", ALPHA, ALPHA]).exits(0);
    assert_eq!(counted.text(), "would delete 1 object, 6 bytes\n");
    let counted = loosepack(dir.path(), ["delete", "--dry-run", ABSENT, ALPHA]).exits(1);
    assert_eq!(counted.text(), "would delete 1 object, 6 bytes; 1 object does not exist\n");
    let counted = loosepack(dir.path(), ["delete", "--dry-run", "--json", ABSENT, ALPHA]).exits(1);
    assert_eq!(counted.text(), "{\"absent\":1,\"bytes\":6,\"objects\":1}\n");
    loosepack(dir.path(), ["delete", "--dry-run", "no id"]).exits(2).says(&["nothing was deleted"]);
    assert_eq!(listing(&dir.join("store")), before);
}

#[test]
fn damage_is_found_named_and_survived() {
    let dir = with_store();
    dir.file("a.txt", "alpha\n");
    dir.file("b.txt", "beta");
    loosepack(dir.path(), ["add", "a.txt", "b.txt"]).exits(0);
    let loose = dir.join("store/loose").join(&ALPHA[..2]).join(&ALPHA[2..]);
    fs::write(&loose, "ALPHA\n").unwrap();
    loosepack(dir.path(), ["get", ALPHA]).exits(1).says(&["damaged", &ALPHA[2..]]);
    loosepack(dir.path(), ["get", ALPHA, "-o", "out"]).exits(1).says(&["damaged"]);
    assert!(!dir.join("out").exists(), "no damaged file is made");
    loosepack(dir.path(), ["pack"]).exits(1).says(&["damaged", &ALPHA[2..]]);
    loosepack(dir.path(), ["clean"]).exits(0);
    assert!(loose.exists());

    let log = dir.join("store/index/log-0.jsonl");
    let good = fs::read(&log).unwrap();
    fs::write(&log, String::from_utf8(good.clone()).unwrap().replace("\"size\":4", "\"size\":5")).unwrap();
    loosepack(dir.path(), ["ls"]).exits(1).says(&["index/log-0.jsonl:1", "damaged"]);
    fs::write(&log, good).unwrap();
    fs::write(dir.join("store/container.json"), "{}").unwrap();
    loosepack(dir.path(), ["ls"]).exits(1).says(&["container.json"]);
    fs::write(dir.join("store/container.json"), "{\"format\":7}").unwrap();
    loosepack(dir.path(), ["ls"]).exits(2).says(&["format 7", "later version"]);
    fs::remove_file(dir.join("store/container.json")).unwrap();
    loosepack(dir.path(), ["ls"]).exits(2).says(&["no container", "init"]);
}

#[test]
fn wrong_use_says_what_is_right() {
    let dir = with_store();
    Ran::of(command(dir.path()).args(["-C", "absent", "ls"]).output().unwrap()).exits(2).says(&["absent"]);
    loosepack(dir.path(), ["frobnicate"]).exits(2).says(&["frobnicate", "Usage"]);
    loosepack(dir.path(), ["add"]).exits(2).says(&["PATH"]);
    let help = loosepack(dir.path(), ["--help"]).exits(0);
    for word in [
        "init",
        "add",
        "get",
        "has",
        "ls",
        "info",
        "pack",
        "clean",
        "status",
        "unlock",
        "verify",
        "reindex",
        "fold",
        "LOOSEPACK_DIR",
    ] {
        assert!(help.text().contains(word), "{word} is not in the help");
    }
    let version = loosepack(dir.path(), ["--version"]).exits(0);
    assert!(version.text().contains(env!("CARGO_PKG_VERSION")), "{}", version.text());
}

#[test]
fn a_broken_pipe_is_success() {
    let dir = with_store();
    let content = noise(5 << 20, 7);
    let added = fed(dir.path(), &["add", "-"], &content).exits(0);
    let mut child = command(dir.path())
        .args(["-C", "store", "get", &added.text()[..64]])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    Ran::of(child.wait_with_output().unwrap()).exits(0);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_reported_and_leaves_nothing_half_written() {
    let dir = with_store();
    dir.file("a.txt", "alpha\n");
    loosepack(dir.path(), ["add", "a.txt"]).exits(0);
    // /dev/full refuses every write for want of space.
    let mut get = command(dir.path());
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ran = Ran::of(get.args(["-C", "store", "get", ALPHA]).stdout(full).stderr(Stdio::piped()).output().unwrap());
    ran.exits(2).says(&["loosepack:"]);
    loosepack(dir.path(), ["get", ALPHA, "-o", "/dev/full"]).exits(2).says(&["no space left"]);
}

#[test]
fn a_container_on_a_read_only_medium_reads() {
    let dir = with_store();
    dir.file("a.txt", "alpha\n");
    loosepack(dir.path(), ["add", "a.txt"]).exits(0);
    let before = listing(&dir.join("store"));
    loosepack(dir.path(), ["get", ALPHA]).exits(0);
    loosepack(dir.path(), ["ls", "-l"]).exits(0);
    loosepack(dir.path(), ["status"]).exits(0);
    loosepack(dir.path(), ["has", ALPHA]).exits(0);
    loosepack(dir.path(), ["info", ALPHA]).exits(0);
    assert_eq!(listing(&dir.join("store")), before, "reading changes nothing, no time stamp either");
}

/// All files and directories below, with their times.
fn listing(dir: &Path) -> Vec<(std::path::PathBuf, std::time::SystemTime)> {
    let mut found = vec![(dir.to_path_buf(), fs::metadata(dir).unwrap().modified().unwrap())];
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(listing(&path));
        } else {
            found.push((path.clone(), fs::metadata(&path).unwrap().modified().unwrap()));
        }
    }
    found.sort();
    found
}
