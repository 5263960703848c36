//! Which index files are live.

use alloc::string::ToString as _;
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::line::Totals;
use crate::dir::Dir;
use crate::error::{Error, Result};
use crate::layout::{self, IndexFile, MANIFEST};
use crate::small_file;

/// No index has more runs, because each has more than twice as many entries as all newer ones.
const RUNS_MAX: usize = 64;

/// The contents of `index/manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// Number of the log.
    pub(crate) log: u32,
    /// Numbers of the runs, newest first.
    pub(crate) runs: Vec<u32>,
    /// What all entries of the runs add up to.
    pub(crate) totals: Totals,
    /// When it was written, in nanoseconds since 1970-01-01 UTC: so that no two are equal, also when numbers are used again
    /// because the index was lost in between.
    pub(crate) written: u64,
    /// The first number that no pack has which an entry of the runs tells of, or ever told of.
    pub(crate) next_pack: u32,
}

impl Manifest {
    /// That of an empty container.
    pub(crate) const FIRST: Manifest = Manifest {
        log: 0,
        runs: Vec::new(),
        totals: Totals { objects: 0, size: 0, length: 0 },
        written: 0,
        next_pack: 0,
    };

    pub(crate) fn read(dir: &impl Dir) -> Result<Self> {
        let damaged = |problem: &str| Error::corrupt(MANIFEST, problem);
        let bytes = small_file::read(dir, MANIFEST)?
            .ok_or_else(|| damaged("it is missing: rebuild the index with `loosepack reindex`"))?;
        Self::parse(&bytes)
            .ok_or_else(|| damaged("it is not what loosepack writes: rebuild the index with `loosepack reindex`"))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        let number = |value: &Value| u32::try_from(value.as_u64()?).ok();
        let total = |name: &str| value.get(name)?.as_u64();
        let runs: Vec<u32> = value.get("runs")?.as_array()?.iter().map(number).collect::<Option<_>>()?;
        // A run that is named twice would be removed while it is live.
        (runs.len() <= RUNS_MAX).then_some(())?;
        let mut sorted = runs.clone();
        sorted.sort_unstable();
        sorted.is_sorted_by(|a, b| a < b).then_some(())?;
        Some(Manifest {
            log: number(value.get("log")?)?,
            runs,
            totals: Totals { objects: total("objects")?, size: total("size")?, length: total("length")? },
            written: total("written").unwrap_or(0),
            next_pack: value.get("next-pack").and_then(number).unwrap_or(0),
        })
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let Totals { objects, size, length } = self.totals;
        let Manifest { log, runs, written, next_pack, .. } = self;
        let value = json!({
            "log": log,
            "runs": runs,
            "objects": objects,
            "size": size,
            "length": length,
            "written": written,
            "next-pack": next_pack,
        });
        (value.to_string() + "\n").into_bytes()
    }

    /// Whether a file of the index is live. What is no log and no run is not ours to judge, and is.
    pub(crate) fn names(&self, file: &str) -> bool {
        match layout::index_file(file) {
            Some(IndexFile::Log(number)) => number == self.log,
            Some(IndexFile::Run(number)) => self.runs.contains(&number),
            None => true,
        }
    }

    /// The first number that no live file has.
    pub(crate) fn next_number(&self) -> Result<u32> {
        let last = self.runs.iter().copied().chain([self.log]).max().unwrap_or(0);
        last.checked_add(1).ok_or_else(|| Error::Other("no number is left for an index file".into()))
    }
}
