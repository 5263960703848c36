//! Processes on one container that are killed at random moments: what they had printed by then is kept.
//!
//! `LOOSEPACK_KILL_SECONDS` makes it go on for longer, `LOOSEPACK_SEED` draws other moments.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, RwLock};
use std::time::{Duration, Instant};

use loosepack::dir::cap::CapDir;
use loosepack_host::{Access, Compression, ObjectId, Options};

use crate::stock;
use crate::support::{Ran, TempDir, command, draw, loosepack, noise, runtime, setting};

/// State shared by the threads that kill.
struct Field {
    dir: TempDir,
    until: Instant,
    /// Acknowledged objects.
    kept: Mutex<BTreeMap<ObjectId, Vec<u8>>>,
    kills: AtomicU64,
    processes: AtomicU64,
    /// Held by whoever adds, so that a collection starts with a list that names everything.
    adding: RwLock<()>,
}

impl Field {
    /// `loosepack -C store --no-sync ARGUMENTS`, natively or portable. A kill is no power cut: nothing need be synced
    /// to survive one.
    fn command(&self, portable: bool, arguments: &[&str]) -> Command {
        let arguments = [&["--no-sync"], arguments].concat();
        if portable {
            return stock::command(self.dir.path(), &arguments);
        }
        let mut native = command(self.dir.path());
        native.args(["-C", "store"]).args(arguments);
        native
    }

    /// Starts a process, kills it after `moment`, and keeps what it has acknowledged; whether it was killed before its
    /// end.
    fn kill(&self, mut command: Command, moment: Duration) -> bool {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (ran, killed) = self.end(child, moment);
        // The last line may be torn.
        let whole = ran.text().rsplit_once('\n').map_or("", |(whole, _)| whole);
        for line in whole.lines() {
            if let Some((id, path)) = line.split_once("  ")
                && let Ok(id) = id.parse::<ObjectId>()
            {
                let content = fs::read(self.dir.join(path)).unwrap();
                self.kept.lock().unwrap().insert(id, content);
            }
        }
        killed
    }

    /// Kills a process after `moment`. Returns what it printed, and whether it was killed before its end.
    fn end(&self, mut child: Child, moment: Duration) -> (Ran, bool) {
        std::thread::sleep(moment);
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        let killed = output.status.signal().is_some();
        self.processes.fetch_add(1, Ordering::Relaxed);
        self.kills.fetch_add(killed.into(), Ordering::Relaxed);
        let ran = Ran::of(output);
        if !killed && ran.code != 0 {
            assert!(ran.stderr.contains("another packer is at work"), "{}", ran.stderr);
        }
        (ran, killed)
    }

    fn goes_on(&self) -> bool {
        Instant::now() < self.until
    }

    /// Adds files, some of which others add as well.
    fn writer(&self, name: &str, portable: bool, mut seed: u64) {
        let mut round = 0;
        while self.goes_on() {
            round += 1;
            let folder = format!("in-{name}-{round}");
            for file in 0..40 {
                let content = if file % 8 == 0 { draw(&mut seed, 100) } else { draw(&mut seed, u64::MAX) };
                self.dir.file(format!("{folder}/{file:02}"), noise(draw(&mut seed, 3000) as usize, content));
            }
            let to_pack = draw(&mut seed, 4) == 0 && !portable;
            let arguments: &[&str] =
                if to_pack { &["add", "--to-pack", "-r", &folder] } else { &["add", "-r", &folder] };
            let adding = self.adding.read().unwrap();
            self.kill(self.command(portable, arguments), Duration::from_millis(draw(&mut seed, 60)));
            drop(adding);
            // Acknowledged objects are kept in memory.
            fs::remove_dir_all(self.dir.join(folder)).unwrap();
        }
    }

    /// Packs and cleans. Of the packers without locks only one may run at a time, so that its lock file can be removed.
    fn packer(&self, may_be_portable: bool, mut seed: u64) {
        while self.goes_on() {
            let portable = may_be_portable && draw(&mut seed, 2) == 0;
            let arguments: &[&str] = match draw(&mut seed, 7) {
                0 => &["clean"],
                1 => &["pack"],
                2 => &["pack", "--compress", "always"],
                3 => &["pack", "--clean"],
                4 => &["repack", "--min-dead", "1"],
                5 => &["repack", "--compress", "auto"],
                _ => {
                    self.collect(Duration::from_millis(draw(&mut seed, 80)));
                    continue;
                }
            };
            let killed = self.kill(self.command(portable, arguments), Duration::from_millis(draw(&mut seed, 80)));
            let mut marked = portable && killed;
            while marked {
                let ran = loosepack(self.dir.path(), ["unlock", "--force"]);
                marked = ran.code != 0;
                assert!(!marked || ran.stderr.contains("another packer is at work"), "{}", ran.stderr);
            }
        }
    }

    /// Collects what nobody was told of, while others add.
    fn collect(&self, moment: Duration) {
        let adding = self.adding.write().unwrap();
        let keep: String = self.kept.lock().unwrap().keys().map(|id| format!("{id}\n")).collect();
        let list = self.dir.file("keep", keep);
        let count = || fs::metadata(self.dir.join("store/lock/gc")).map_or(0, |found| found.len());
        let before = count();
        let mut child = self
            .command(false, &["gc", "--grace", "0", "--allow-empty", "-"])
            .stdin(fs::File::open(list).unwrap())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Once it has started, which makes the count odd, whatever is added is spared. One that was killed is ended first.
        let has_started = || count() != before && !count().is_multiple_of(2);
        while !has_started() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        drop(adding);
        self.end(child, moment);
    }

    /// Backs up, again and again.
    fn backer(&self, mut seed: u64) {
        while self.goes_on() {
            let moment = Duration::from_millis(draw(&mut seed, 150));
            self.kill(self.command(false, &["backup", "copy"]), moment);
        }
    }

    /// Reads what was acknowledged.
    fn reader(&self, mut seed: u64) -> u64 {
        let (mut reads, mut store) = (0, runtime().open(self.dir.join("store")).unwrap());
        while self.goes_on() {
            let number = draw(&mut seed, self.kept.lock().unwrap().len().max(1) as u64);
            let picked =
                self.kept.lock().unwrap().iter().nth(number as usize).map(|(id, content)| (*id, content.clone()));
            if let Some((id, content)) = picked {
                assert!(store.get(&id).unwrap() == content, "{id} reads wrong");
                reads += 1;
            }
            if draw(&mut seed, 50) == 0 {
                store = runtime().open(self.dir.join("store")).unwrap();
            }
        }
        reads
    }
}

#[test]
fn what_was_acknowledged_survives_kills() {
    let (seconds, seed) = (setting("LOOSEPACK_KILL_SECONDS", 8), setting("LOOSEPACK_SEED", 1));
    let dir = TempDir::new();
    loosepack(dir.path(), ["init", "--pack-target", "1M"]).exits(0);
    // Compiled before the time starts to run.
    drop(stock::command(dir.path(), &[]));
    let until = Instant::now() + Duration::from_secs(seconds);
    let field = Field {
        dir,
        until,
        kept: Mutex::default(),
        kills: AtomicU64::new(0),
        processes: AtomicU64::new(0),
        adding: RwLock::default(),
    };
    let reads = std::thread::scope(|scope| {
        scope.spawn(|| field.writer("a", false, seed));
        scope.spawn(|| field.writer("b", false, seed + 1));
        scope.spawn(|| field.writer("c", true, seed + 2));
        scope.spawn(|| field.packer(true, seed + 3));
        scope.spawn(|| field.packer(false, seed + 4));
        scope.spawn(|| field.backer(seed + 6));
        scope.spawn(|| field.reader(seed + 5)).join().unwrap()
    });
    let kept = field.kept.into_inner().unwrap();
    let (kills, processes) = (field.kills.into_inner(), field.processes.into_inner());
    println!("seed {seed}: {kills} kills of {processes} processes, {} objects kept, {reads} reads", kept.len());
    assert!(kills > 0 && !kept.is_empty() && reads > 0, "there was something to lose");

    // Whatever was left of the backups, one more has everything.
    loosepack(field.dir.path(), ["backup", "copy"]).exits(0);
    let copy = runtime().open_with(field.dir.join("copy"), Options { access: Access::ReadOnly, ..Options::default() });
    let copy = copy.unwrap();
    for (id, content) in &kept {
        assert!(copy.get(id).unwrap() == *content, "seed {seed}: {id} was acknowledged");
    }
    assert_eq!(copy.verify(Default::default()).unwrap().finish().unwrap().problems, []);

    // By the same logic without a sandbox, and then by the component after one more packer has put everything in order.
    loosepack(field.dir.path(), ["unlock", "--force"]).exits(0);
    let native =
        loosepack::Container::open(CapDir::open(field.dir.join("store")).unwrap(), Default::default()).unwrap();
    for (id, content) in &kept {
        assert!(native.get(id).as_ref() == Ok(content), "seed {seed}: {id} was acknowledged");
    }
    let store = runtime().open(field.dir.join("store")).unwrap();
    assert_eq!(store.pack_loose(Compression::Auto).unwrap().finish().unwrap().problems, []);
    assert_eq!(store.clean().unwrap().finish().unwrap().problems, []);
    let mut listed: Vec<ObjectId> = Vec::new();
    while let page = store.objects(listed.last(), u32::MAX).unwrap()
        && !page.is_empty()
    {
        listed.extend(page);
    }
    for id in &listed {
        let content = store.get(id).unwrap();
        assert!(kept.get(id).is_none_or(|kept| *kept == content), "seed {seed}: {id} reads wrong");
    }
    assert!(kept.keys().all(|id| listed.binary_search(id).is_ok()), "seed {seed}: what was acknowledged is listed");
    assert_eq!(store.verify(Default::default()).unwrap().finish().unwrap().problems, []);
    let stats = store.stats().unwrap();
    assert_eq!((stats.packed_objects, stats.loose_objects), (listed.len() as u64, 0));
}
