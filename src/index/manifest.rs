//! Which index files are live.

use alloc::string::ToString as _;
use alloc::vec::Vec;

use serde_json::{Value, json};

use crate::dir::Dir;
use crate::error::{Error, Result};
use crate::layout::MANIFEST;
use crate::small_file;

/// The contents of `index/manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// Number of the log.
    pub(crate) log: u32,
}

impl Manifest {
    /// That of an empty container.
    pub(crate) const FIRST: Manifest = Manifest { log: 0 };

    pub(crate) fn read(dir: &impl Dir) -> Result<Self> {
        let damaged = |problem: &str| Error::corrupt(MANIFEST, problem);
        let bytes = small_file::read(dir, MANIFEST)?.ok_or_else(|| {
            damaged("it is missing: restore it from a copy of the container; the objects are still in packs/ and loose/")
        })?;
        Self::parse(&bytes).ok_or_else(|| {
            damaged("it is not what loosepack writes: restore it from a copy; the objects are still in packs/ and loose/")
        })
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        // Runs are sorted parts of the index that the log was folded into; a log alone has none.
        value.get("runs")?.as_array()?.is_empty().then_some(())?;
        Some(Manifest { log: u32::try_from(value.get("log")?.as_u64()?).ok()? })
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        (json!({ "log": self.log, "runs": [] }).to_string() + "\n").into_bytes()
    }
}
