//! Helpers of several modules: numbers that only look random, contents, and jobs run to their end.

use std::cell::Cell;

use loosepack::{
    Compression, Config, Container, Dir, Error, Finding, Job, ObjectId, Options, Part, Progress, Result, Tuning, codec,
};

/// SplitMix64: the same numbers for the same seed, everywhere.
#[derive(Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    /// Seeds that are close together give unrelated numbers.
    pub(crate) fn new(seed: u64) -> Self {
        Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number smaller than `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// At least one of `len` bytes, or 0 of none: all, half or just a few of them.
    pub(crate) fn part(&mut self, len: usize) -> usize {
        match self.below(3) {
            0 => len,
            1 => len.div_ceil(2),
            _ => len.min(1 + self.below(len as u64) as usize),
        }
    }
}

/// Bytes that do not compress.
pub(crate) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    let mut bytes: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| rng.next().to_le_bytes()).collect();
    bytes.truncate(len);
    bytes
}

/// Bytes that compress well, different for each seed.
pub(crate) fn text(len: usize, seed: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len + 64);
    let mut line = 0_u64;
    while bytes.len() < len {
        bytes.extend_from_slice(format!("{seed}: line {line} of a text that repeats itself\n").as_bytes());
        line += 1;
    }
    bytes.truncate(len);
    bytes
}

/// The id of these bytes.
pub(crate) fn id(bytes: &[u8]) -> ObjectId {
    codec::sha256(bytes)
}

/// Drives a job to its end; returns its last progress and all problems it met.
pub(crate) fn run(mut job: impl Job) -> Result<(Progress, Vec<Finding>)> {
    let mut progress = job.finish()?;
    let problems = std::mem::take(&mut progress.problems);
    Ok((progress, problems))
}

/// Packs all loose objects; returns the problems met.
pub(crate) fn pack<D: Dir>(container: &Container<D>, compression: Compression) -> Result<Vec<Finding>> {
    Ok(run(container.pack_loose(compression)?)?.1)
}

/// Removes what is no longer needed; returns how many loose files that were. A problem is an error.
pub(crate) fn clean<D: Dir>(container: &Container<D>) -> Result<u64> {
    let (progress, problems) = run(container.clean()?)?;
    problems.into_iter().next().map_or(Ok(progress.objects), |problem| Err(Error::Corrupt(problem)))
}

thread_local!(static TUNING: Cell<Tuning> = Cell::new(Tuning::default()));

/// The sizes in which the stores of this test work.
pub(crate) fn tuning() -> Tuning {
    TUNING.get()
}

/// Does something with stores that work in these sizes.
pub(crate) fn with_tuning<T>(tuning: Tuning, run: impl FnOnce() -> T) -> T {
    let before = TUNING.replace(tuning);
    let result = run();
    TUNING.set(before);
    result
}

/// A log that is folded into a run when it would have more than `log_entries` entries.
pub(crate) fn folding(log_entries: usize) -> Tuning {
    Tuning { log_entries, ..tuning() }
}

/// Sizes so small that a store of a few kilobytes crosses every boundary many times, and that leave the number of
/// operations bearable where each of them is interrupted.
pub(crate) fn tiny() -> Tuning {
    Tuning {
        chunk: 300,
        piece: 50,
        window: 500,
        window_records: 3,
        gap: 20,
        together: 400,
        batch_bytes: 500,
        batch_objects: 3,
        pack_buffer: 200,
        gather_bytes: 300,
        gather_objects: 3,
        commit_bytes: 900,
        commit_objects: 4,
        clean_bytes: 500,
        loose_objects: 3,
        log_entries: 6,
        rebuild: 2,
        guess: 3,
        dense: 1,
        cold_lookups: 2,
        cold_fences: 3,
        cold_guesses: 1,
        cold_cost: 2,
        fences: 5,
        filters: 5,
        filter_cost: 2,
        list_bytes: 0,
        step_bytes: 400,
        step_objects: 2,
        step_entries: 3,
        remembered: 2,
        ..Tuning::SMALLEST
    }
}

/// How a container is opened, in the sizes of this test.
pub(crate) fn options() -> Options {
    Options { tuning: tuning(), ..Options::default() }
}

/// Makes a container with the settings of everyone.
pub(crate) fn create<D: Dir>(dir: D) -> Container<D> {
    Container::create(dir, Config::default(), options()).expect("a container can be made")
}

/// Opens a container as everyone does.
pub(crate) fn open<D: Dir>(dir: D) -> Container<D> {
    Container::open(dir, options()).expect("the container opens")
}

/// Verifies a part of a container; returns the last progress, all problems and all notes.
pub(crate) fn verify<D: Dir>(container: &Container<D>, part: Part) -> (Progress, Vec<Finding>, Vec<Finding>) {
    let mut progress =
        container.verify(part).and_then(|mut job| job.finish()).expect("it is a part, and nothing stops it");
    let (problems, notes) = (std::mem::take(&mut progress.problems), std::mem::take(&mut progress.notes));
    (progress, problems, notes)
}

/// A number from the environment, for longer runs and other ones.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}
