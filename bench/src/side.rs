//! The interface of a side.

use std::path::Path;
use std::time::{Duration, Instant};

use loosepack::ObjectId;
use sha2::{Digest as _, Sha256};

use crate::Result;
use crate::step::Step;
use crate::work::Work;

/// A store that is measured, or what stands for one.
pub trait Side {
    /// Does a step and checks what comes of it. The time it took, without what prepares and checks; `None` when this
    /// side has no such thing.
    fn run(&mut self, step: Step, work: &Work) -> Result<Option<Duration>>;
}

/// How to make a side.
pub struct Kind {
    /// The heading of its column.
    pub name: &'static str,
    /// Its exact description, with versions.
    pub version: String,
    /// Make one in an empty folder.
    #[expect(clippy::type_complexity, reason = "a name for the type of one field would say less")]
    pub open: Box<dyn Fn(&Path, &Work) -> Result<Box<dyn Side>>>,
}

/// Time something.
pub fn timed<T>(run: impl FnOnce() -> Result<T>) -> Result<(Duration, T)> {
    let start = Instant::now();
    let result = run()?;
    Ok((start.elapsed(), result))
}

/// The id of an object, by the crate sha2 alone.
pub fn sha256(content: &[u8]) -> ObjectId {
    ObjectId::from_bytes(Sha256::digest(content).into())
}

/// Objects and bytes that came, to compare with those that went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Objects.
    pub objects: usize,
    /// Their bytes.
    pub bytes: u64,
}

impl Tally {
    /// Counts these contents.
    pub fn of(contents: &[Vec<u8>]) -> Self {
        let mut tally = Tally::default();
        contents.iter().for_each(|content| tally.count(content.len() as u64));
        tally
    }

    /// One more object.
    pub fn count(&mut self, bytes: u64) {
        self.objects += 1;
        self.bytes += bytes;
    }

    /// Fails unless it is as expected.
    pub fn check(self, expected: Tally) -> Result<()> {
        if self == expected {
            return Ok(());
        }
        Err(format!(
            "{} objects of {} bytes were expected, but {} of {} came",
            expected.objects, expected.bytes, self.objects, self.bytes
        )
        .into())
    }
}

/// Returns the second, the fourth, and so on of these objects: those that are deleted before [`Step::Repack`].
pub fn every_second(ids: &[ObjectId]) -> Vec<ObjectId> {
    ids.iter().copied().skip(1).step_by(2).collect()
}

/// Bytes of a piece of a large file in [`Step::RepackPieces`].
const PIECE: usize = 64 << 10;

/// Returns the pieces of a large file, each an object. They begin with their numbers: no two are the same.
pub fn pieces_of(file: &Path) -> Result<Vec<Vec<u8>>> {
    let content = std::fs::read(file)?;
    let piece = |(number, bytes): (u64, &[u8])| [&number.to_le_bytes(), bytes].concat();
    Ok((0..).zip(content.chunks(PIECE)).map(piece).collect())
}

/// Fails unless this is so.
pub fn ensure(right: bool, what: &str) -> Result<()> {
    if right { Ok(()) } else { Err(what.into()) }
}
