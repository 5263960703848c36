//! `index/manifest.json`: which index files are live.

use alloc::string::ToString as _;
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::location::Totals;
use super::names::{self, IndexFile};
use crate::error::{Error, Result};

/// No index has more runs, because each has more than twice as many entries as all newer ones.
const RUNS_MAX: usize = 64;

/// The content of the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// Number of the log.
    pub(crate) log: u32,
    /// Numbers of the runs, newest first.
    pub(crate) runs: Vec<u32>,
    /// Sums over the entries of all runs.
    pub(crate) totals: Totals,
    /// When it was written, in nanoseconds since 1970-01-01 UTC: so that no two are equal, also when numbers are used
    /// again because the index was lost in between.
    pub(crate) written: u64,
}

impl Manifest {
    /// The manifest of an empty container.
    pub(crate) const FIRST: Manifest =
        Manifest { log: 0, runs: Vec::new(), totals: Totals { objects: 0, size: 0, length: 0 }, written: 0 };

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
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
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let Totals { objects, size, length } = self.totals;
        let Manifest { log, runs, written, .. } = self;
        let value = json!({
            "log": log,
            "runs": runs,
            "objects": objects,
            "size": size,
            "length": length,
            "written": written,
        });
        (value.to_string() + "\n").into_bytes()
    }

    /// Returns whether a file of the index is live. What is no log and no run is not ours to judge, and is.
    pub(crate) fn names(&self, file: &str) -> bool {
        match names::index_file(file) {
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
