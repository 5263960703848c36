//! Remotes in a folder of this machine: everything that needs no server.

use std::fs;
use std::path::Path;

use crate::tool::{Machine, container, folder, listed, sorted};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The URL of a folder.
pub(crate) fn url(folder: &Path) -> String {
    format!("file://{}/team", text(folder))
}

#[test]
fn what_is_pushed_is_read_listed_counted_checked_and_copied() {
    let (machine, bucket, here) = (Machine::new(Vec::new()), folder(), folder());
    let (url, store) = (url(bucket.path()), here.path().join("store"));
    let ids = container(&machine, &store, "mine", 300);
    machine.ok(&["remote", "init", &url]);
    let pushed = machine.ok(&["-C", text(&store), "push", &url]);
    assert!(pushed.starts_with("pushed 300 objects"), "{pushed}");
    assert_eq!(listed(&machine, &url), sorted(ids.clone()));
    let other = Machine::new(Vec::new());
    let content = machine.ok(&["-C", text(&store), "get", &ids[7]]);
    assert_eq!(other.ok(&["-C", &url, "get", &ids[7]]), content);
    other.ok(&["-C", &url, "has", &ids[0], &ids[299]]);
    let (status, _) = other.fails(&["-C", &url, "has", &"0".repeat(64)]);
    assert_eq!(status, 1);
    let info = other.ok(&["-C", &url, "info", "--json", &ids[7]]);
    assert!(info.contains(&format!("\"size\":{}", content.len())), "{info}");
    assert!(other.ok(&["-C", &url, "status"]).contains("300"));
    let verified = other.json(&["-C", &url, "verify", "--json"]);
    assert_eq!((&verified["objects"], &verified["problems"]), (&300.into(), &0.into()));
    // Out to files, and to a backup, which is a container like any other.
    let (out, backup) = (here.path().join("out"), here.path().join("backup"));
    let sums: String = ids.iter().take(3).map(|id| format!("{id}  file-{}\n", &id[..4])).collect();
    let exported = other.run_with(&["-C", &url, "export", "--manifest", "-", text(&out)], &sums);
    assert!(exported.status.success(), "{exported:?}");
    assert_eq!(fs::read_dir(&out).unwrap().count(), 3);
    other.ok(&["-C", &url, "backup", text(&backup)]);
    assert_eq!(listed(&other, text(&backup)), sorted(ids.clone()));
    // Some, by import.
    let some = here.path().join("some");
    other.ok(&["init", text(&some)]);
    other.ok(&["-C", text(&some), "import", &url, "--ids", &ids[1]]);
    assert_eq!(listed(&other, text(&some)), [ids[1].clone()]);
    // Copied by any tool, the folder is a container.
    assert_eq!(listed(&other, text(&bucket.path().join("team"))), sorted(ids));
}

#[test]
fn a_clone_reads_through_and_pulls_and_pushes() {
    let (machine, bucket, here) = (Machine::new(Vec::new()), folder(), folder());
    let (url, store) = (url(bucket.path()), here.path().join("store"));
    let ids = container(&machine, &store, "mine", 50);
    machine.ok(&["remote", "init", &url]);
    machine.ok(&["-C", text(&store), "push", &url]);
    let other = Machine::new(Vec::new());
    let (lazy, whole) = (here.path().join("lazy"), here.path().join("whole"));
    other.ok(&["clone", &url, text(&lazy)]);
    assert_eq!(listed(&other, text(&lazy)), sorted(ids.clone()));
    other.ok(&["-C", text(&lazy), "get", &ids[3]]);
    let packs = || fs::read_dir(lazy.join("packs")).unwrap().count();
    assert_eq!(packs(), 0);
    // What is added there is there alone until it is pushed.
    let new = container(&other, &lazy, "theirs", 20);
    assert_eq!(listed(&machine, &url).len(), 50);
    assert!(other.ok(&["-C", text(&lazy), "push"]).starts_with("pushed 20 objects"));
    assert_eq!(listed(&machine, &url), sorted(ids.clone().into_iter().chain(new)));
    assert!(machine.ok(&["-C", text(&store), "pull"]).starts_with("pulled 20 objects"));
    assert!(machine.ok(&["-C", text(&store), "pull"]).starts_with("pulled 0 objects"));
    other.ok(&["clone", "--all", &url, text(&whole)]);
    fs::rename(bucket.path().join("team"), bucket.path().join("away")).unwrap();
    let ok = other.json(&["-C", text(&whole), "verify", "--json"]);
    assert_eq!((&ok["objects"], &ok["problems"]), (&70.into(), &0.into()));
    // What is only there is told as unreachable, not as absent.
    let (status, said) = Machine::new(Vec::new()).fails(&["-C", text(&lazy), "get", &ids[3]]);
    assert!(status != 0 && said.contains("no remote here"), "{status} {said}");
}

#[test]
fn what_is_evicted_is_read_from_the_remote() {
    let (machine, bucket, here) = (Machine::new(Vec::new()), folder(), folder());
    let (url, store) = (url(bucket.path()), here.path().join("store"));
    let ids = container(&machine, &store, "mine", 50);
    machine.ok(&["remote", "init", &url]);
    let content = machine.ok(&["-C", text(&store), "get", &ids[9]]);
    let pushed = machine.json(&["-C", text(&store), "push", "--evict", "--json", &url]);
    assert_eq!((&pushed["objects"], &pushed["evicted"]), (&50.into(), &50.into()));
    assert!(pushed["remote"]["writes"].as_u64() > Some(0), "{pushed}");
    let bytes: u64 =
        fs::read_dir(store.join("packs")).unwrap().map(|pack| pack.unwrap().metadata().unwrap().len()).sum();
    assert_eq!(bytes, 0);
    assert_eq!(machine.ok(&["-C", text(&store), "get", &ids[9]]), content);
    assert_eq!(listed(&machine, text(&store)), sorted(ids.clone()));
    let found = machine.run_with(&["-C", text(&store), "has", "-"], &ids.join("\n"));
    assert!(found.status.success());
    let got = machine.run_with(&["-C", text(&store), "get", "-"], &ids.join("\n"));
    assert!(got.status.success() && got.stdout.len() > 50 * 8);
    // They come back.
    assert!(machine.ok(&["-C", text(&store), "pull"]).starts_with("pulled 50 objects"));
    let verified = machine.json(&["-C", text(&store), "verify", "--json"]);
    assert_eq!(&verified["objects"], &serde_json::Value::from(50));
}

#[test]
fn maintenance_keeps_what_it_is_told_to() {
    let (machine, bucket, here) = (Machine::new(Vec::new()), folder(), folder());
    let (url, store) = (url(bucket.path()), here.path().join("store"));
    machine.ok(&["remote", "init", &url]);
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        ids = container(&machine, &store, name, 20);
        machine.ok(&["-C", text(&store), "push", &url]);
    }
    assert!(machine.ok(&["remote", "fold", &url]).starts_with("made one file of 3"));
    assert!(machine.ok(&["remote", "fold", &url]).contains("already"));
    let gc = |arguments: &[&str]| {
        let all: Vec<&str> = ["remote", "gc", &url].into_iter().chain(arguments.iter().copied()).collect();
        machine.run_with(&all, &ids.join("\n"))
    };
    let said = |output: &std::process::Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let dry = gc(&["--keep", "-", "--dry-run", "--young", "0"]);
    assert!(said(&dry).starts_with("would delete 40 objects"), "{dry:?}");
    assert_eq!(listed(&machine, &url).len(), 60);
    // All of it is new.
    assert!(said(&gc(&["--keep", "-"])).starts_with("deleted 0 objects"));
    let done = gc(&["--keep", "-", "--young", "0"]);
    assert!(said(&done).starts_with("deleted 40 objects"), "{done:?}");
    assert_eq!(listed(&machine, &url), sorted(ids.clone()));
    let done = gc(&["--grace", "0", "--orphans", "--json"]);
    let done: serde_json::Value = serde_json::from_str(said(&done).lines().last().unwrap()).unwrap();
    assert!(done["files"].as_u64() > Some(2) && done["waiting"] == 0, "{done}");
    let verified = Machine::new(Vec::new()).json(&["-C", &url, "verify", "--json"]);
    assert_eq!((&verified["objects"], &verified["problems"]), (&20.into(), &0.into()));
    // An empty list is a slip.
    let (status, said) = machine.fails(&["remote", "gc", &url, "--keep", "-"]);
    assert!(status == 2 && said.contains("--allow-empty"), "{said}");
}

#[test]
fn wrong_use_is_told_and_changes_nothing() {
    let (machine, bucket, here) = (Machine::new(Vec::new()), folder(), folder());
    let (url, store) = (url(bucket.path()), here.path().join("store"));
    let ids = container(&machine, &store, "mine", 3);
    let cases: [(&[&str], &str); 8] = [
        (&["-C", &url, "get", &ids[0]], "remote init"),
        (&["-C", text(&store), "push"], "no remote was pushed to or cloned"),
        (&["-C", text(&store), "push", "elsewhere"], "s3://BUCKET/PREFIX"),
        (&["-C", text(&store), "push", "s3://user:topsecret@bucket/x"], "put credentials into the environment"),
        (&["-C", &url, "add", "Cargo.toml"], "push"),
        (&["-C", &url, "pack"], "push"),
        (&["init", &url], "push"),
        (&["clone", &url, "x"], "remote init"),
    ];
    for (arguments, expected) in cases {
        let (status, said) = machine.fails(arguments);
        assert!(status == 2 && said.contains(expected), "{arguments:?}: {status} {said}");
        assert!(!said.contains("topsecret"), "{said}");
    }
    machine.ok(&["remote", "init", &url]);
    let (status, said) = machine.fails(&["remote", "init", &url]);
    assert!(status == 2 && said.contains("already"), "{said}");
    fs::write(store.join("remote.json"), "{}").unwrap();
    let (status, said) = machine.fails(&["-C", text(&store), "get", &ids[0]]);
    assert!(status == 2 && said.contains("remote.json"), "{said}");
}

/// Nobody who is told of a failure sees what is secret.
#[test]
fn credentials_are_in_no_message() {
    let secret = "a-very-secret-key";
    let environment = [
        ("AWS_ACCESS_KEY_ID", "a-key-id-of-mine"),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_SESSION_TOKEN", "a-session-token"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("AWS_REGION", "here"),
    ];
    let machine = Machine::new(environment.map(|(name, value)| (name.into(), value.into())).to_vec());
    let here = folder();
    let store = here.path().join("store");
    container(&machine, &store, "mine", 1);
    for arguments in [&["-C", "s3://bucket/x", "ls"][..], &["-C", text(&store), "push", "s3://bucket/x"]] {
        let (status, said) = machine.fails(arguments);
        assert_eq!(status, 2);
        for hidden in [secret, "a-session-token", "a-key-id-of-mine"] {
            assert!(!said.contains(hidden), "{said}");
        }
    }
}

/// The cache is bounded, may be damaged or vanish, and is used by several at once.
#[test]
fn a_cache_is_no_more_than_a_cache() {
    let (machine, bucket, here) = (Machine::new(Vec::new()), folder(), folder());
    let (url, store) = (url(bucket.path()), here.path().join("store"));
    machine.ok(&["remote", "init", &url]);
    let mut ids = Vec::new();
    for name in ["a", "b", "c", "d"] {
        ids.extend(container(&machine, &store, name, 200));
        machine.ok(&["-C", text(&store), "push", &url]);
    }
    let received = |output: std::process::Output| {
        assert!(output.status.success(), "{output:?}");
        let summary = String::from_utf8(output.stdout).unwrap();
        let summary: serde_json::Value = serde_json::from_str(summary.lines().last().unwrap()).unwrap();
        (summary["objects"].as_u64().unwrap(), summary["remote"]["received"].as_u64().unwrap())
    };
    let copy = |machine: &Machine, capacity: &str| {
        let copy = folder();
        let mut command = machine.command(&["-C", &url, "backup", "--json", text(&copy.path().join("copy"))]);
        let (_, received) = received(command.env("LOOSEPACK_CACHE_SIZE", capacity).output().unwrap());
        assert_eq!(listed(machine, text(&copy.path().join("copy"))).len(), 800);
        received
    };
    let read = |machine: &Machine| copy(machine, "1G");
    let verify = |machine: &Machine| {
        let (objects, received) = received(machine.run(&["-C", &url, "verify", "--json"]));
        assert_eq!(objects, 800);
        received
    };
    let reader = Machine::new(Vec::new());
    let (first, second) = (read(&reader), read(&reader));
    assert!(first > 200_000 && second < 10_000, "{first} {second}");
    // What is examined is what the server has.
    assert!(verify(&reader) > 200_000);
    assert!(read(&reader) < 10_000);
    // Zeros, as after a power cut, in the middle of every file.
    {
        let folder = "files";
        for entry in fs::read_dir(reader.cache()).unwrap().map(|entry| entry.unwrap().path().join(folder)) {
            for file in fs::read_dir(entry).into_iter().flatten().map(|file| file.unwrap().path()) {
                let mut bytes = fs::read(&file).unwrap();
                if bytes.len() > 1000 {
                    bytes[500..900].fill(0);
                    fs::write(&file, bytes).unwrap();
                }
            }
        }
    }
    assert!(read(&reader) > 200_000);
    assert!(read(&reader) < 10_000);
    // A cache of a few bytes.
    assert!(copy(&reader, "1K") > 200_000);
    let both = Machine::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| read(&both));
            scope.spawn(|| verify(&both));
        }
    });
    fs::remove_dir_all(reader.cache()).unwrap();
    fs::create_dir(reader.cache()).unwrap();
    assert!(read(&reader) > 200_000);
    // Damage at the server, of what the cache has whole.
    let packs = bucket.path().join("team/packs");
    let pack = fs::read_dir(packs).unwrap().map(|pack| pack.unwrap().path()).next().unwrap();
    let mut bytes = fs::read(&pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 300].fill(0);
    fs::write(&pack, bytes).unwrap();
    assert!(read(&reader) < 10_000);
    assert_eq!(reader.fails(&["-C", &url, "doctor"]).0, 1);
    let (status, said) = reader.fails(&["-C", &url, "verify"]);
    assert!(status == 1 && said.contains("damaged"), "{said}");
}

/// As docs/remotes.md tells it.
#[test]
fn damage_in_the_bucket_is_mended_by_who_has_the_objects() {
    let (machine, bucket, here) = (Machine::new(Vec::new()), folder(), folder());
    let (url, store) = (url(bucket.path()), here.path().join("store"));
    machine.ok(&["remote", "init", &url]);
    let ids = container(&machine, &store, "mine", 50);
    machine.ok(&["-C", text(&store), "push", &url]);
    let damaged = &ids[17];
    let info = machine.json(&["-C", &url, "info", "--json", damaged]);
    let pack = bucket.path().join(format!("team/packs/{}", info["pack"]));
    let mut bytes = fs::read(&pack).unwrap();
    bytes[info["offset"].as_u64().unwrap() as usize] ^= 1;
    fs::write(&pack, bytes).unwrap();
    let (status, said) = machine.fails(&["-C", &url, "verify"]);
    assert!(status == 1 && said.contains(&**damaged), "{said}");
    machine.ok(&["-C", text(&store), "push", &url]);
    assert_eq!(machine.fails(&["-C", &url, "get", damaged]).0, 1);

    let sound: Vec<String> = listed(&machine, &url).into_iter().filter(|id| id != damaged).collect();
    let deleted = machine.run_with(&["remote", "gc", &url, "--young", "0s", "--keep", "-"], &sound.join("\n"));
    assert!(deleted.status.success(), "{deleted:?}");
    machine.ok(&["-C", text(&store), "push", &url]);
    let verified = machine.json(&["-C", &url, "verify", "--json"]);
    assert_eq!((&verified["objects"], &verified["problems"]), (&50.into(), &0.into()));
    assert_eq!(machine.ok(&["-C", &url, "get", damaged]), machine.ok(&["-C", text(&store), "get", damaged]));
}
