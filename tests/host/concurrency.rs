//! Several processes and threads on one container.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use loosepack::dir::cap::CapDir;
use loosepack_host::{Compression, ObjectId};

use crate::support::{Ran, TempDir, command, container, loosepack, noise, runtime};

#[test]
fn processes_add_and_read_while_one_packs_and_cleans() {
    let dir = TempDir::new();
    loosepack(dir.path(), ["init"]).exits(0);
    const ADDERS: usize = 4;
    const FILES: usize = 60;
    for adder in 0..ADDERS {
        for file in 0..FILES {
            // Each third file is the same for all adders.
            let seed = if file % 3 == 0 { file } else { file + 1000 * adder };
            dir.file(format!("in-{adder}/{file:02}"), noise(file * 97, seed as u64));
        }
    }
    let adders: Vec<_> = (0..ADDERS)
        .map(|adder| {
            let mut add = command(dir.path());
            add.args(["-C", "store", "add", "-r", &format!("in-{adder}")]).stdout(Stdio::piped());
            add.spawn().unwrap()
        })
        .collect();
    let done = AtomicBool::new(false);
    let lines = std::thread::scope(|scope| {
        let packer = scope.spawn(|| {
            let mut rounds = 0;
            while !done.load(Ordering::Relaxed) || rounds == 0 {
                loosepack(dir.path(), ["--wait", "60", "pack"]).exits(0);
                loosepack(dir.path(), ["--wait", "60", "clean"]).exits(0);
                rounds += 1;
            }
        });
        let reader = scope.spawn(|| {
            let store = runtime().open(dir.join("store")).unwrap();
            let mut read = 0;
            while !done.load(Ordering::Relaxed) || read == 0 {
                for id in store.objects(None, 1000).unwrap() {
                    assert_eq!(loosepack::codec::sha256(&store.get(&id).unwrap()), id);
                    read += 1;
                }
            }
        });
        let mut lines = Vec::new();
        for adder in adders {
            let ran = Ran::of(adder.wait_with_output().unwrap()).exits(0);
            lines.extend(ran.text().lines().map(str::to_string));
        }
        done.store(true, Ordering::Relaxed);
        packer.join().unwrap();
        reader.join().unwrap();
        lines
    });
    assert_eq!(lines.len(), ADDERS * FILES);
    loosepack(dir.path(), ["pack"]).exits(0);
    loosepack(dir.path(), ["clean"]).exits(0);
    let store = runtime().open(dir.join("store")).unwrap();
    for line in &lines {
        let (id, path) = line.split_once("  ").unwrap();
        let id: ObjectId = id.parse().unwrap();
        assert_eq!(store.get(&id).unwrap(), fs::read(dir.join(path)).unwrap(), "{path}");
    }
    let stats = store.stats().unwrap();
    let distinct: std::collections::BTreeSet<_> = lines.iter().map(|line| &line[..64]).collect();
    assert_eq!((stats.packed_objects, stats.loose_objects), (distinct.len() as u64, 0));
}

#[test]
fn threads_share_a_container_each_with_its_own_handle() {
    let (dir, container) = container();
    let add = |thread: u64| -> Vec<ObjectId> {
        let store = runtime().open(dir.path()).unwrap();
        (0..50).map(|number| store.add(&noise(100, number * 3 + thread % 2)).unwrap()).collect()
    };
    let ids: Vec<ObjectId> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|thread| scope.spawn(move || add(thread))).collect();
        container.pack_loose(Compression::Never).unwrap().finish().unwrap();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(container.contains(&ids).unwrap().into_iter().all(|there| there));
}

#[test]
fn a_handle_goes_from_thread_to_thread_and_is_shared_behind_a_lock() {
    fn send<T: Send>() {}
    fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<loosepack_host::Runtime>();
    send::<loosepack_host::Container>();
    send::<loosepack_host::PackWriter>();
    send::<loosepack::Container<CapDir>>();
    send::<loosepack::PackWriter<CapDir>>();
    send_and_sync::<Mutex<loosepack::Container<CapDir>>>();

    let (dir, container) = container();
    let native = loosepack::Container::open(CapDir::open(dir.path()).unwrap(), Default::default()).unwrap();
    let (container, native) = (Mutex::new(container), Mutex::new(native));
    let work = |thread: u64| {
        for number in 0..30 {
            let id = container.lock().unwrap().add(&noise(100, 4 * number + thread)).unwrap();
            assert_eq!(native.lock().unwrap().get(&id).unwrap(), noise(100, 4 * number + thread));
        }
    };
    std::thread::scope(|scope| {
        (0..4).for_each(|thread| {
            drop(scope.spawn({
                let work = &work;
                move || work(thread)
            }))
        })
    });
    assert_eq!(container.lock().unwrap().objects(None, 1000).unwrap().len(), 120);
}

#[test]
fn a_killed_packer_leaves_the_container_usable_at_once() {
    let dir = TempDir::new();
    loosepack(dir.path(), ["init"]).exits(0);
    // Adding to packs from a pipe that never ends holds the pack lock for as long as we like.
    let mut packer = command(dir.path());
    let mut packer = packer
        .args(["-C", "store", "add", "--to-pack", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mark = dir.join("store/lock/pack.os.json");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !fs::read_to_string(&mark).is_ok_and(|text| text.ends_with('\n')) {
        assert!(Instant::now() < deadline, "the packer takes its place within a minute");
        std::thread::yield_now();
    }
    let holder = format!("process {}", packer.id());
    loosepack(dir.path(), ["pack"]).exits(2).says(&["another packer is at work", &holder, "--wait"]);
    loosepack(dir.path(), ["unlock", "--force"]).exits(2).says(&["another packer is at work", &holder]);
    packer.kill().unwrap();
    packer.wait().unwrap();
    assert!(mark.exists(), "a killed packer leaves its mark");
    loosepack(dir.path(), ["pack"]).exits(0);
    assert!(!mark.exists(), "the next packer takes it over and removes it");
}

#[test]
fn a_second_packer_waits_as_long_as_it_is_told_to() {
    let dir = TempDir::new();
    loosepack(dir.path(), ["init"]).exits(0);
    let mut first = command(dir.path());
    let mut first = first
        .args(["-C", "store", "add", "--to-pack", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    while !dir.join("store/lock/pack.os.json").exists() {
        assert!(first.try_wait().unwrap().is_none(), "the first packer waits for its input");
        std::thread::yield_now();
    }
    loosepack(dir.path(), ["--wait", "1", "pack"]).exits(2).says(&["another packer is at work"]);
    let mut second = command(dir.path());
    let second = second.args(["-C", "store", "--wait", "60", "pack"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(first.stdin.take());
    let mut line = String::new();
    BufReader::new(first.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.ends_with("  -\n"), "{line}");
    assert!(first.wait().unwrap().success());
    Ran::of(second.wait_with_output().unwrap()).exits(0);
    loosepack(dir.path(), ["has", &line[..64]]).exits(0);
}

#[test]
fn a_mark_of_a_host_without_locks_is_reported_with_the_way_out() {
    let dir = TempDir::new();
    loosepack(dir.path(), ["init"]).exits(0);
    dir.file("store/lock/pack.file.json", "{\"holder\":\"a sandbox\",\"since\":1700000000}\n");
    let refused = loosepack(dir.path(), ["pack"]).exits(2);
    refused.says(&["a sandbox", "2023-11-14", "loosepack unlock --force"]);
    loosepack(dir.path(), ["unlock"]).exits(2).says(&["--force"]);
    loosepack(dir.path(), ["unlock", "--force"]).exits(0);
    loosepack(dir.path(), ["pack"]).exits(0);
}
