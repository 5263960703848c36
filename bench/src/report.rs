//! Table, chart and numbers.

mod chart;
mod markdown;
mod numbers;

use std::fs;
use std::path::Path;

use crate::Result;
use crate::growth::Growth;
use crate::machine::Machine;
use crate::options::Options;
use crate::side::Kind;
use crate::suites::Row;
use crate::work::Work;

/// All that a run found out.
pub struct Report {
    machine: Machine,
    /// Name and description of each side, in the order of the columns.
    sides: Vec<(&'static str, String)>,
    missing: Vec<String>,
    rounds: u32,
    objects: usize,
    texts: usize,
    text_bytes: u64,
    large_bytes: u64,
    rows: Vec<Row>,
    growth: Vec<Growth>,
}

impl Report {
    /// Collects the results of a run.
    pub fn new(
        options: &Options,
        machine: Machine,
        kinds: &[Kind],
        missing: Vec<String>,
        work: &Work,
        rows: Vec<Row>,
        growth: Vec<Growth>,
    ) -> Self {
        Report {
            machine,
            sides: kinds.iter().map(|kind| (kind.name, kind.version.clone())).collect(),
            missing,
            rounds: options.rounds,
            objects: work.contents.len(),
            texts: work.texts.paths.len(),
            text_bytes: work.texts.bytes,
            large_bytes: work.large_size,
            rows,
            growth,
        }
    }

    /// Renders it as Markdown.
    pub fn markdown(&self) -> String {
        markdown::render(self)
    }

    /// Writes it to a folder: `results.md`, `results.svg`, `results.json`.
    pub fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("results.md"), self.markdown())?;
        fs::write(folder.join("results.svg"), chart::draw(self)?)?;
        Ok(fs::write(folder.join("results.json"), numbers::json(self))?)
    }
}
