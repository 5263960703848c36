//! Which steps run in which order, and the turns that the sides take.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use crate::Result;
use crate::options::Options;
use crate::side::{Kind, Side};
use crate::step::{Step, Suite};
use crate::system::flush_file_system;
use crate::work::Work;

/// A row: what each side took, a time for each round.
pub struct Row {
    /// The measured step.
    pub step: Step,
    /// How many objects a time is for.
    pub objects: usize,
    /// Seconds by side.
    pub times: BTreeMap<&'static str, Vec<f64>>,
}

impl Row {
    /// Returns the time of a side, in the unit of the row: the median of its rounds.
    pub fn value(&self, side: &str) -> Option<f64> {
        let seconds = median(self.times.get(side)?)?;
        Some(self.step.unit().of(seconds, self.objects))
    }
}

/// Runs the suites that were asked for, all sides in turns.
pub fn run(options: &Options, kinds: &[Kind], work: &Work) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let suites = [Suite::Small, Suite::Text, Suite::Large, Suite::Command, Suite::Exchange];
    for suite in suites.into_iter().filter(|suite| options.wants(*suite)) {
        let mut suite_rows: Vec<Row> = suite
            .steps()
            .into_iter()
            .map(|step| Row { step, objects: step.objects(work), times: BTreeMap::new() })
            .collect();
        for round in 0..options.rounds {
            eprintln!("bench: {suite:?}, round {} of {}", round + 1, options.rounds);
            let folder = work.folder.join("round");
            run_round(&folder, round as usize, kinds, work, &mut suite_rows)?;
            fs::remove_dir_all(&folder)?;
        }
        suite_rows.retain(|row| !row.times.is_empty());
        rows.append(&mut suite_rows);
    }
    Ok(rows)
}

fn run_round(folder: &Path, round: usize, kinds: &[Kind], work: &Work, rows: &mut [Row]) -> Result<()> {
    let mut sides: Vec<(&Kind, Box<dyn Side>)> = Vec::new();
    for kind in kinds {
        let folder = folder.join(kind.name);
        fs::create_dir_all(&folder)?;
        sides.push((kind, (kind.open)(&folder, work)?));
    }
    // Another side begins in each round.
    let first = round % sides.len();
    sides.rotate_left(first);
    for row in rows {
        for (kind, side) in &mut sides {
            if matches!(
                row.step,
                Step::ReadMany | Step::TextRead | Step::LargeRead | Step::LargeZlibRead | Step::GetAll
            ) {
                warm(&folder.join(kind.name))?;
            }
            flush_file_system(&File::open(folder)?)?;
            let time = side.run(row.step, work).map_err(|error| format!("{}, {:?}: {error}", kind.name, row.step))?;
            if let Some(time) = time {
                row.times.entry(kind.name).or_default().push(time.as_secs_f64());
            }
        }
    }
    Ok(())
}

/// Reads all files of a folder once: the system drops those that nobody has looked at for a while.
fn warm(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            warm(&path)?;
        } else if path.is_file() {
            std::io::copy(&mut File::open(&path)?, &mut std::io::sink())?;
        }
    }
    Ok(())
}

/// The median of these numbers; `None` when there are none.
pub fn median(numbers: &[f64]) -> Option<f64> {
    let mut numbers = numbers.to_vec();
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.len() {
        0 => None,
        len if len % 2 == 0 => Some((numbers[middle - 1] + numbers[middle]) / 2.0),
        _ => Some(numbers[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
