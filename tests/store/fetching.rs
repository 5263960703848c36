//! How often a container waits for bytes that have to come from far away: what is told ahead is fetched together.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use loosepack::dir::{Entry, Metadata};
use loosepack::{Code, Compression, Config, Container, Content, Dir, Error, File, Job as _, ObjectId, Options, Tuning};

use crate::sim::SimDir;
use crate::support::{id, noise, run};

/// A directory whose packs and runs are far away. The other files change and are small: they are here.
#[derive(Clone)]
struct Far {
    inner: SimDir,
    seen: Rc<RefCell<Seen>>,
}

/// What has come, and in how many rounds.
#[derive(Default)]
struct Seen {
    here: BTreeMap<String, Vec<Range<u64>>>,
    rounds: u64,
    /// Nothing was read since bytes were told: what is told now comes in the same round.
    telling: bool,
    /// Of each file how far it has been read, and how far behind that a read began at most.
    furthest: BTreeMap<String, u64>,
    back: u64,
}

impl Seen {
    /// Makes bytes present; whether they were not.
    fn fetch(&mut self, path: &str, range: &Range<u64>) -> bool {
        let here = self.here.entry(path.into()).or_default();
        let mut missing = range.start;
        let mut sorted: Vec<&Range<u64>> = here.iter().collect();
        sorted.sort_by_key(|range| range.start);
        for present in sorted {
            if present.start <= missing {
                missing = missing.max(present.end);
            }
        }
        let absent = missing < range.end;
        if absent {
            here.push(range.clone());
        }
        absent
    }
}

struct FarFile {
    inner: <SimDir as Dir>::File,
    path: String,
    seen: Rc<RefCell<Seen>>,
}

impl FarFile {
    fn is_far(&self) -> bool {
        self.path.starts_with("index/run-") || self.path.starts_with("packs/")
    }

    fn known(&self, range: Range<u64>) -> Range<u64> {
        range.start..range.end.min(self.inner.metadata().expect("it is open").len)
    }
}

impl Far {
    fn new(inner: &SimDir) -> Self {
        Far { inner: inner.clone(), seen: Rc::default() }
    }

    /// Rounds since this was last asked.
    fn rounds(&self) -> u64 {
        self.seen.borrow_mut().telling = false;
        std::mem::take(&mut self.seen.borrow_mut().rounds)
    }

    fn file(&self, path: &str, inner: Result<<SimDir as Dir>::File, Code>) -> Result<FarFile, Code> {
        Ok(FarFile { inner: inner?, path: path.into(), seen: self.seen.clone() })
    }
}

impl Dir for Far {
    type File = FarFile;
    type Lock = <SimDir as Dir>::Lock;

    fn create_dir(&self, path: &str) -> Result<(), Code> {
        self.inner.create_dir(path)
    }

    fn create_new(&self, path: &str) -> Result<FarFile, Code> {
        self.file(path, self.inner.create_new(path))
    }

    fn open_read(&self, path: &str) -> Result<FarFile, Code> {
        self.file(path, self.inner.open_read(path))
    }

    fn open_write(&self, path: &str) -> Result<FarFile, Code> {
        self.file(path, self.inner.open_write(path))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Code> {
        self.inner.rename(from, to)
    }

    fn remove_file(&self, path: &str) -> Result<(), Code> {
        self.inner.remove_file(path)
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, Code> {
        self.inner.list(path)
    }

    fn metadata(&self, path: &str) -> Result<Metadata, Code> {
        self.inner.metadata(path)
    }

    fn sync_dir(&self, path: &str) -> Result<(), Code> {
        self.inner.sync_dir(path)
    }

    fn sync_all(&self) -> Result<(), Code> {
        self.inner.sync_all()
    }

    fn try_lock(&self, path: &str) -> Result<Self::Lock, Code> {
        self.inner.try_lock(path)
    }

    fn now(&self) -> u64 {
        self.inner.now()
    }
}

impl File for FarFile {
    fn metadata(&self) -> Result<Metadata, Code> {
        self.inner.metadata()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Code> {
        if self.is_far() {
            let range = self.known(offset..offset + buffer.len() as u64);
            let mut seen = self.seen.borrow_mut();
            seen.telling = false;
            seen.rounds += u64::from(seen.fetch(&self.path, &range));
            let furthest = seen.furthest.get(&self.path).copied().unwrap_or(0);
            if self.path.starts_with("packs/") {
                seen.back = seen.back.max(furthest.saturating_sub(range.start));
            }
            seen.furthest.insert(self.path.clone(), furthest.max(range.end));
        }
        self.inner.read_at(buffer, offset)
    }

    fn prefetch(&self, ranges: &[Range<u64>]) {
        assert!(self.is_far(), "{} is here", self.path);
        let mut seen = self.seen.borrow_mut();
        let mut any = false;
        for range in ranges {
            let known = self.known(range.clone());
            assert_eq!(known, *range, "bytes of {} that there are not", self.path);
            any |= seen.fetch(&self.path, range);
        }
        if any && !std::mem::replace(&mut seen.telling, true) {
            seen.rounds += 1;
        }
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize, Code> {
        self.inner.write_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> Result<(), Code> {
        self.inner.set_len(len)
    }

    fn sync(&self) -> Result<(), Code> {
        self.inner.sync()
    }
}

fn content(number: u64) -> Vec<u8> {
    noise(60 + (number % 90) as usize, number)
}

fn ids(numbers: Range<u64>) -> Vec<ObjectId> {
    numbers.map(|number| id(&content(number))).collect()
}

/// Runs of so many entries, none of which is merged with another, and three packs.
fn container(runs: &[u64]) -> SimDir {
    let dir = SimDir::new();
    let options = Options { tuning: Tuning { log_entries: 1, ..Tuning::default() }, ..Options::default() };
    let bytes: u64 = (0..runs.iter().sum()).map(|number| content(number).len() as u64 + 130).sum();
    let config = Config { pack_target: bytes / 3 + 1, ..Config::default() };
    let store = Container::create(dir.clone(), config, options).unwrap();
    let mut next = 0;
    for run in runs {
        let contents: Vec<Vec<u8>> = (next..next + run).map(content).collect();
        let mut writer = store.pack_writer(Compression::Never).unwrap();
        writer.add_many(&contents).unwrap();
        writer.finish().unwrap();
        next += run;
    }
    let files = |start: &str| dir.files().iter().filter(|path| path.starts_with(start)).count();
    assert_eq!((files("index/run-"), files("packs/")), (runs.len(), 3));
    dir
}

/// Sizes in which runs are looked up by all fences, by parts of them for a while, and by parts always.
fn tunings() -> [Tuning; 3] {
    let tiny = Tuning {
        chunk: 3000,
        gap: 20,
        together: 4000,
        batch_bytes: 5000,
        fetch_bytes: 60_000,
        cold_fences: 8,
        ..Tuning::default()
    };
    [Tuning { cold_fences: 128, ..tiny }, tiny, Tuning { fences: 0, ..tiny }]
}

fn open(dir: &SimDir, tuning: Tuning) -> (Far, Container<Far>) {
    let far = Far::new(dir);
    let store = Container::open(far.clone(), Options { tuning, ..Options::default() }).unwrap();
    (far, store)
}

#[test]
fn opening_takes_one_round_and_a_cold_object_three_more() {
    for (runs, asked) in [(&[3000][..], 0..3000), (&[3000, 1000, 300, 90, 20], 0..3000)] {
        let dir = container(runs);
        for tuning in tunings() {
            for number in asked.clone().step_by(37) {
                let (far, store) = open(&dir, tuning);
                assert_eq!(far.rounds(), 1, "of opening");
                assert_eq!(store.get(&id(&content(number))).as_ref(), Ok(&content(number)));
                let rounds = far.rounds();
                assert!(rounds <= 3, "{rounds} rounds for object {number} with {tuning:?}");
            }
        }
    }
}

#[test]
fn a_certain_miss_takes_three_rounds_however_many_runs_there_are() {
    for runs in [&[3000][..], &[3000, 1000, 300, 90, 20, 5]] {
        let dir = container(runs);
        for tuning in tunings() {
            for number in 0..200 {
                let (far, store) = open(&dir, tuning);
                far.rounds();
                let absent = id(&noise(20, number));
                assert_eq!(store.get(&absent), Err(Error::NotFound(absent)));
                let rounds = far.rounds();
                assert!(rounds <= 3, "{rounds} rounds for absent object {number} with {tuning:?}");
            }
        }
    }
}

#[test]
fn a_thousand_objects_are_found_in_few_rounds() {
    let (dir, asked) = (container(&[6000]), ids(0..6000));
    for tuning in tunings() {
        let (far, store) = open(&dir, tuning);
        far.rounds();
        let asked: Vec<ObjectId> = asked.iter().copied().step_by(6).collect();
        assert_eq!(store.contains(&asked), Ok(vec![true; 1000]));
        let rounds = far.rounds();
        assert!(rounds <= 4, "{rounds} rounds with {tuning:?}");
    }
}

#[test]
fn a_thousand_objects_of_three_packs_are_read_in_few_rounds() {
    let (dir, asked) = (container(&[6000]), ids(0..6000));
    for tuning in tunings() {
        let (far, store) = open(&dir, tuning);
        let asked: Vec<ObjectId> = asked.iter().copied().step_by(6).collect();
        assert_eq!(store.contains(&asked), Ok(vec![true; 1000]));
        far.rounds();
        let mut batch = store.read_many(asked).unwrap();
        let mut read = 0;
        while let items = batch.next_items()
            && !items.is_empty()
        {
            for (asked, content) in items {
                assert!(matches!(&content, Content::Bytes(bytes) if id(bytes) == asked), "{asked}: {content:?}");
                read += 1;
            }
        }
        assert_eq!(read, 1000);
        let rounds = far.rounds();
        assert!((2..=8).contains(&rounds), "{rounds} rounds with {tuning:?}");
    }
}

#[test]
fn after_a_fold_many_are_found_in_as_few_rounds_as_in_one_run() {
    let dir = container(&[3000, 1000, 300, 90, 20]);
    Container::open(dir.clone(), Options::default()).unwrap().fold().unwrap().finish().unwrap();
    for tuning in tunings() {
        let (far, store) = open(&dir, tuning);
        assert_eq!(far.rounds(), 1);
        assert_eq!(store.contains(&ids(0..4410)), Ok(vec![true; 4410]));
        let rounds = far.rounds();
        assert!(rounds <= 4, "{rounds} rounds with {tuning:?}");
    }
}

#[test]
fn a_container_is_imported_in_the_order_of_its_packs() {
    let dir = container(&[3000]);
    Container::open(dir.clone(), Options::default()).unwrap().add(b"a loose one").unwrap();
    let packed: u64 =
        dir.files().iter().filter(|path| path.starts_with("packs/")).map(|path| dir.bytes(path).len() as u64).sum();
    let tuning = Tuning { step_entries: 50, step_bytes: 5000, window: 5000, gap: 20, ..Tuning::default() };
    let import = |target: &SimDir| {
        let (far, source) = open(&dir, tuning);
        let store = Container::open(target.clone(), Options { tuning, ..Options::default() }).unwrap();
        let (progress, problems) = run(store.import(&source, None).unwrap()).unwrap();
        assert_eq!((problems, progress.done, progress.total), (vec![], 3001, 3001));
        let seen = far.seen.borrow();
        let came = seen.here.iter().filter(|(path, _)| path.starts_with("packs/")).flat_map(|(_, here)| here);
        (progress.objects, seen.back, came.map(|range| range.end - range.start).sum::<u64>())
    };
    let target = SimDir::new();
    Container::create(target.clone(), Config::default(), Options::default()).unwrap();
    let (objects, back, _) = import(&target);
    assert_eq!(objects, 3001);
    // What the walk has met is read once more to be copied.
    assert!(back < 20_000 && packed / 3 > 200_000, "{back} of {packed}");
    assert_eq!(import(&target).0, 0);

    // What is there but for little is no reason to read it all.
    let target = SimDir::new();
    let store = Container::create(target.clone(), Config::default(), Options::default()).unwrap();
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    let most: Vec<Vec<u8>> = (0..3000).filter(|number| number % 50 > 0).map(content).collect();
    writer.add_many(&most).unwrap();
    writer.finish().unwrap();
    let (objects, _, came) = import(&target);
    assert!(objects == 61 && came < packed / 10, "{objects} objects, {came} of {packed} bytes");
}
