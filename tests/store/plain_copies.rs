//! Plain copies, by `cp` and the like, of a container that is being worked in: the order that loses nothing, and those
//! that do.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use loosepack::dir::cap::CapDir;
use loosepack::{Compression, Config, Container, Dir as _, Durability, Error, Job as _, Options, Part};

use crate::processes::process;
use crate::sim::SimDir;
use crate::support::{clean, create, folding, id, noise, open, options, pack, setting, verify};

/// The order that `docs/backup.md` gives.
const SAFE: [&str; 3] = ["loose", "index", "packs"];

/// How a copy turns out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// It is sound, and has the object.
    Sound,
    /// It has the object, and its index has entries for records that it has not.
    Damaged,
    /// It has the object after a reindex.
    Reindexed,
    /// The object is lost.
    Lost,
}

/// Copies a loose object in this order while it is packed and cleaned, after `moment` directories have been copied.
fn copied_in_order(order: [&str; 3], moment: usize) -> Outcome {
    let (dir, copy) = (SimDir::new(), SimDir::new());
    let store = create(dir.clone());
    let object = store.add(b"acknowledged before the copy began").expect("it can be added");
    for (step, name) in order.iter().enumerate() {
        if step == moment {
            assert_eq!(pack(&store, Compression::Never), Ok(vec![]));
            assert_eq!(clean(&store), Ok(1));
        }
        copy_directory(&dir, &copy, name);
    }
    copy.put("container.json", &dir.bytes("container.json"));
    let outcome =
        |there| if verify(&open(copy.clone()), Part::default()).1.is_empty() { there } else { Outcome::Damaged };
    if open(copy.clone()).get(&object).is_ok() {
        return outcome(Outcome::Sound);
    }
    open(copy.clone()).reindex().and_then(|mut job| job.finish()).expect("it can be rebuilt");
    if open(copy.clone()).get(&object).is_ok() { outcome(Outcome::Reindexed) } else { Outcome::Lost }
}

fn copy_directory(from: &SimDir, to: &SimDir, name: &str) {
    to.create_dir(name).expect("it is the first of this name");
    for path in from.files().into_iter().filter(|path| path.starts_with(&format!("{name}/"))) {
        if let Some((parent, _)) = path.rsplit_once('/').filter(|(parent, _)| *parent != name) {
            let _ = to.create_dir(parent);
        }
        to.put(&path, &from.bytes(&path));
    }
}

#[test]
fn of_the_orders_to_copy_in_one_is_sound_at_every_moment() {
    let worst = |order| (0..3).map(|moment| copied_in_order(order, moment)).max().expect("there are three moments");
    assert_eq!(worst(SAFE), Outcome::Sound);
    assert_eq!(worst(["loose", "packs", "index"]), Outcome::Damaged);
    assert_eq!(worst(["index", "loose", "packs"]), Outcome::Reindexed);
    // An object that is still loose when the packs are copied, and packed when the loose objects are.
    for order in [["packs", "loose", "index"], ["packs", "index", "loose"], ["index", "packs", "loose"]] {
        assert_eq!(worst(order), Outcome::Lost, "{order:?}");
    }
}

/// Folds often, as files of the index that vanish meanwhile are the hardest part of a copy.
fn busy() -> Options {
    Options { durability: Durability::None, tuning: folding(30), ..Options::default() }
}

fn content(seed: u64) -> Vec<u8> {
    noise(20 + seed as usize % 900, seed)
}

const ROLE: &str = "LOOSEPACK_TEST_ROLE";
const STORE: &str = "LOOSEPACK_TEST_STORE";

/// Works in the container until it is killed. Prints the seeds of acknowledged objects.
#[test]
#[ignore = "it is a process of the test below"]
fn worker() {
    let (Ok(role), Ok(path)) = (std::env::var(ROLE), std::env::var(STORE)) else {
        panic!("it is a process of another test")
    };
    let store = Container::open(CapDir::open(path).unwrap(), busy()).unwrap();
    let acknowledge = |seeds: std::ops::Range<u64>| {
        let lines: String = seeds.map(|seed| format!("\nacknowledged {seed}\n")).collect();
        std::io::stdout().write_all(lines.as_bytes()).unwrap();
    };
    match &*role {
        "add" => {
            for seed in 0.. {
                store.add(&content(seed)).unwrap();
                acknowledge(seed..seed + 1);
                // Copies and checks take longer the more there is.
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        "pack" => {
            for seed in (1 << 32..).step_by(7) {
                unless_locked(store.pack_writer(Compression::Never), |mut writer| {
                    (seed..seed + 7).for_each(|seed| assert!(writer.add(&content(seed)).is_ok()));
                    writer.finish().unwrap();
                    acknowledge(seed..seed + 7);
                });
                unless_locked(store.pack_loose(Compression::Auto), |mut job| drop(job.finish().unwrap()));
                unless_locked(store.clean(), |mut job| drop(job.finish().unwrap()));
            }
        }
        "delete" => {
            for seed in 2 << 32.. {
                let object = store.add(&content(seed)).unwrap();
                unless_locked(store.delete(vec![object]), |mut job| drop(job.finish().unwrap()));
            }
        }
        role => panic!("there is no {role}"),
    }
}

fn unless_locked<T>(started: Result<T, Error>, run: impl FnOnce(T)) {
    match started {
        Ok(started) => run(started),
        Err(Error::Locked(_)) => std::thread::yield_now(),
        Err(error) => panic!("{error}"),
    }
}

/// A worker, killed at the end of the test, whether that succeeds or not.
struct Worker(Child);

impl Worker {
    fn start(role: &str, store: &Path) -> Self {
        let mut command = process("plain_copies::worker");
        command.env(ROLE, role).env(STORE, store).stdout(Stdio::piped());
        Worker(command.spawn().unwrap())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The tools of this machine that copy a directory, and their arguments.
fn tools() -> Vec<(&'static str, &'static [&'static str])> {
    let all: [(&str, &[&str]); 3] = [("cp", &["-r"]), ("cp", &["-al"]), ("rsync", &["-a"])];
    let there = |tool: &str| Command::new(tool).arg("--version").stdout(Stdio::null()).status().is_ok();
    let (there, missing): (Vec<_>, Vec<_>) = all.into_iter().partition(|(tool, _)| there(tool));
    missing.iter().for_each(|(tool, _)| println!("skipped: there is no {tool} here"));
    there
}

/// Copies as `docs/backup.md` says. Files that vanish meanwhile make the tools fail, after they have copied the others.
fn copy(tool: &str, arguments: &[&str], from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for name in SAFE.into_iter().chain(["container.json"]) {
        let output = Command::new(tool).args(arguments).arg(from.join(name)).arg(to).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let vanished = |line: &str| ["No such file", "vanished", "some files"].iter().any(|text| line.contains(text));
        assert!(output.status.success() || said.lines().all(vanished), "{tool} {arguments:?}: {said}");
    }
}

/// Notes the objects that a worker says are acknowledged.
fn listen(out: ChildStdout, acknowledged: &Mutex<BTreeSet<u64>>) {
    for line in BufReader::new(out).lines().map_while(Result::ok) {
        if let Some(seed) = line.strip_prefix("acknowledged ").and_then(|seed| seed.parse().ok()) {
            acknowledged.lock().unwrap().insert(seed);
        }
    }
}

/// The container of a copy, with its index rebuilt if that is needed to read these objects; whether it was.
fn open_copy(path: &Path, kept: &BTreeSet<u64>) -> (Container<CapDir>, bool) {
    let open = || Container::open(CapDir::open(path).unwrap(), options());
    if let Ok(store) = open()
        && kept.iter().all(|seed| store.get(&id(&content(*seed))).is_ok())
    {
        return (store, false);
    }
    let damaged = Container::open_damaged(CapDir::open(path).unwrap(), options()).unwrap();
    damaged.reindex().unwrap().finish().unwrap();
    (open().unwrap(), true)
}

#[test]
fn a_copy_in_the_middle_of_work_has_what_was_acknowledged_before() {
    let temporary = tempfile::tempdir().unwrap();
    let path = |name: &str| -> PathBuf { temporary.path().join(name) };
    std::fs::create_dir(path("store")).unwrap();
    let config = Config { pack_target: 50_000, ..Config::default() };
    Container::create(CapDir::open(path("store")).unwrap(), config, busy()).unwrap();
    let seconds = setting("LOOSEPACK_KILL_SECONDS", 6);
    let acknowledged = Mutex::default();
    std::thread::scope(|scope| {
        let mut workers = ["add", "pack", "delete"].map(|role| Worker::start(role, &path("store")));
        for worker in &mut workers {
            let (acknowledged, out) = (&acknowledged, worker.0.stdout.take().unwrap());
            scope.spawn(move || listen(out, acknowledged));
        }
        let (mut copies, mut rebuilt, mut most) = (0, 0, 0);
        let until = Instant::now() + Duration::from_secs(seconds);
        let tools = tools();
        while Instant::now() < until || copies < 2 * tools.len() {
            let (tool, arguments) = tools[copies % tools.len()];
            let kept: BTreeSet<u64> = acknowledged.lock().unwrap().clone();
            let target = path(&format!("copy-{copies}"));
            copy(tool, arguments, &path("store"), &target);
            let (store, again) = open_copy(&target, &kept);
            for seed in &kept {
                let found = store.get(&id(&content(*seed)));
                assert!(found.as_ref() == Ok(&content(*seed)), "{tool} {arguments:?}: {seed} is lost: {found:?}");
            }
            assert_eq!(verify(&store, Part::default()).1, [], "{tool} {arguments:?}");
            std::fs::remove_dir_all(target).unwrap();
            (copies, rebuilt, most) = (copies + 1, rebuilt + usize::from(again), most.max(kept.len()));
            assert!(workers.iter_mut().all(|worker| worker.0.try_wait().unwrap().is_none()), "a worker has failed");
        }
        println!("{copies} copies, {rebuilt} of them reindexed, up to {most} objects");
        assert!(most > 50, "{most} objects were acknowledged before a copy");
    });
}
