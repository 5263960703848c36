//! Checking what looking up takes for granted: every line of the runs, their order, and what all of it adds up to.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use super::run::Run;
use super::{Index, Trust};
use crate::dir::{Dir, File, Kind};
use crate::error::{Context as _, Finding, Result};
use crate::format::filters::Filter;
use crate::format::location::Totals;
use crate::format::names::{self, INDEX, MANIFEST};
use crate::format::run_header::RUN_BLOCK as BLOCK;
use crate::id::ObjectId;

/// How far the check of all runs has come.
#[derive(Default)]
pub(crate) struct Checked {
    run: usize,
    block: u64,
    /// The entry before, in the same run.
    last: Option<ObjectId>,
}

impl<D: Dir> Index<D> {
    /// Checks the next lines. Breaks when there are none.
    pub(crate) fn check_lines(&mut self, checked: &mut Checked, problems: &mut Vec<Finding>) -> ControlFlow<()> {
        let Some(run) = self.runs.get(checked.run) else { return ControlFlow::Break(()) };
        match run.check_blocks(checked.block, &mut checked.last, problems) {
            Ok(Some(next)) => checked.block = next,
            // A part that cannot be read ends the check as well: it is reported once.
            ended => {
                problems.extend(ended.err().map(|error| error.into_finding(run.path())));
                *checked = Checked { run: checked.run + 1, ..Checked::default() };
            }
        }
        ControlFlow::Continue(())
    }

    /// Compares what the manifest and the log say that everything adds up to with what it does. `found`: what all
    /// entries add up to.
    pub(crate) fn check_totals(&mut self, found: Totals) -> Result<Vec<Finding>> {
        let mut problems = Vec::new();
        let mut compare = |file: String, said: Totals, found: Totals| {
            if said != found {
                let problem = format!(
                    "it says {} objects, {} bytes, {} of them in packs, and the entries add up to {}, {}, {}: `reindex` \
                     rebuilds the index",
                    said.objects, said.size, said.length, found.objects, found.size, found.length
                );
                problems.push(Finding { file, message: problem });
            }
        };
        compare(names::log(self.manifest.log), self.totals(), found);
        // Totals of the runs alone: the entries of the log are subtracted, and those that they shadow are added back.
        let mut of_runs = found;
        for (id, location) in &self.tail {
            if let Some(location) = location {
                of_runs.remove(location);
            }
            for run in &mut self.runs {
                if let Some(hidden) = run.lookup(id, Trust::Quick)? {
                    hidden.iter().for_each(|location| of_runs.add(location));
                    break;
                }
            }
        }
        compare(MANIFEST.into(), self.manifest.totals, of_runs);
        Ok(problems)
    }

    /// Returns whether the log goes on behind its last commit line.
    pub(crate) fn has_uncommitted(&self) -> Result<bool> {
        Ok(self.log.growth()?.is_gt())
    }

    /// Index files that the manifest does not name.
    pub(crate) fn leftovers(&self) -> Result<Vec<String>> {
        let entries = self.disk.list(INDEX).during("list", INDEX)?;
        let files = entries.into_iter().filter(|entry| entry.kind == Kind::File && !self.manifest.names(&entry.name));
        Ok(files.map(|entry| format!("{INDEX}/{}", entry.name)).collect())
    }
}

impl<F: File> Run<F> {
    /// Checks some blocks from number `first` on, and returns the number of the next; `None` at the end.
    fn check_blocks(
        &self,
        first: u64,
        last: &mut Option<ObjectId>,
        problems: &mut Vec<Finding>,
    ) -> Result<Option<u64>> {
        let (width, entries) = (self.digits().width(), self.entries());
        let start = first * BLOCK;
        if first == 0 {
            self.check_ends()?;
        }
        if start >= entries {
            return Ok(None);
        }
        let count = (entries - start).min(self.blocks_at_once().max(1) * BLOCK);
        let lines = self.lines(start, count)?;
        let fences = self.some_fences(first, count.div_ceil(BLOCK))?;
        let filters = self.some_filters(first, count.div_ceil(BLOCK))?;
        for (number, block) in (0..).zip(lines.chunks(BLOCK as usize * width)) {
            let mut report = |line: u64, problem: &str| {
                let problem = format!("{problem}: `reindex` rebuilds the index");
                problems.push(Finding {
                    file: format!("{}:{}", self.path(), start + number * BLOCK + line + 2),
                    message: problem,
                });
            };
            if self.check_lines(&fences, number, block).is_err() {
                let lines = block.len() / width;
                report(0, &format!("the {lines} lines from here on do not match their checksum"));
            }
            let mut filter = Filter::default();
            for (line, text) in (0..).zip(block.chunks_exact(width)) {
                let Some((id, _)) = self.digits().parse(text) else {
                    report(line, "the line is damaged");
                    continue;
                };
                if last.is_some_and(|last| last >= id) {
                    report(line, "the line is not in order");
                }
                if line == 0 && fences.prefix(number) != Some(id.prefix()) {
                    report(line, "the line does not match its fence");
                }
                filter.insert(&id);
                *last = Some(id);
            }
            if filters.of(number) != Some(&filter) {
                let lines = block.len() / width;
                report(0, &format!("the {lines} lines from here on do not match the filter of their block"));
            }
        }
        Ok(Some((start + count).div_ceil(BLOCK)))
    }
}
