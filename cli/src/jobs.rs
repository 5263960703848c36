//! Long operations: their progress, what they find, and how they end.

use std::path::Path;

use loosepack::{Finding, Job, Progress as Step};
use serde_json::json;

use crate::failure::{Failure, Outcome};
use crate::output::Format;
use crate::progress::Progress;
use crate::session::{Session, about};

/// Progress lines that a job prints at most, and one for its end. Units of work may be as small as bytes.
const LINES: u64 = 1000;

/// The totals of a job.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Objects it was done to.
    pub(crate) objects: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Findings of damage.
    pub(crate) problems: u64,
    /// Findings that are no damage.
    pub(crate) notes: u64,
    /// Files that could not be examined.
    pub(crate) unread: u64,
}

impl Done {
    /// How the command ends.
    pub(crate) fn outcome(&self) -> Outcome {
        match (self.unread, self.problems) {
            (0, 0) => Outcome::Done,
            (0, _) => Outcome::Lacking,
            _ => Outcome::Failed,
        }
    }
}

/// Runs a job to its end, reports what it finds at once, and shows its progress. At the end prints the words of
/// `summary`.
///
/// As JSON: `{"file", "problem"}`, `{"file", "note"}` or `{"file", "unread"}` for each finding; `{"done", "total",
/// "objects", "bytes"}` as the work goes on; and in the end `{"objects", "bytes", "problems", "notes", "unread"}`,
/// where the last three are counts.
pub(crate) fn run(
    session: &mut Session<'_>,
    job: &mut dyn Job,
    format: Format,
    summary: impl FnOnce(&Done) -> String,
) -> Result<Done, Failure> {
    let directory = session.directory()?;
    run_in(session, directory, job, format, summary)
}

/// Does the same for a job on the container in another directory.
pub(crate) fn run_in(
    session: &mut Session<'_>,
    directory: &Path,
    job: &mut dyn Job,
    format: Format,
    summary: impl FnOnce(&Done) -> String,
) -> Result<Done, Failure> {
    // If stdout is closed, the work is still to be done.
    drive(session, directory, job, format, summary, |printed| match printed {
        Err(Failure::ReaderGone) => Ok(()),
        printed => printed,
    })
}

/// Does the same for a job that is run for its findings only: it ends when nobody reads them.
pub(crate) fn examine(
    session: &mut Session<'_>,
    job: &mut dyn Job,
    format: Format,
    summary: impl FnOnce(&Done) -> String,
) -> Result<Done, Failure> {
    let directory = session.directory()?;
    drive(session, directory, job, format, summary, |printed| printed)
}

fn drive(
    session: &mut Session<'_>,
    directory: &Path,
    job: &mut dyn Job,
    format: Format,
    summary: impl FnOnce(&Done) -> String,
    judge: impl Fn(Result<(), Failure>) -> Result<(), Failure>,
) -> Result<Done, Failure> {
    let mut progress = session.progress();
    let (mut done, mut printed) = (Done::default(), 0);
    loop {
        let step = job.step().map_err(|error| {
            progress.clear();
            session.failure_in(directory, error)
        })?;
        done.objects = step.objects;
        done.bytes = step.bytes;
        done.problems += step.problems.len() as u64;
        done.notes += step.notes.len() as u64;
        done.unread += step.unread.len() as u64;
        if format.json {
            judge(print(session, &step, &mut printed))?;
        } else {
            tell(session, directory, &step, &progress);
        }
        if step.finished {
            progress.clear();
            let ended = if format.json {
                let Done { objects, bytes, problems, notes, unread } = done;
                #[cfg_attr(not(feature = "remote"), expect(unused_mut, reason = "nothing is added to it"))]
                let mut totals = json!({
                    "objects": objects, "bytes": bytes, "problems": problems, "notes": notes, "unread": unread
                });
                #[cfg(feature = "remote")]
                if let Some(requests) = session.host.remotes().requests() {
                    totals["remote"] = crate::remotes::json(Some(requests));
                }
                session.out.json(&totals)
            } else {
                session.out.line(&summary(&done))
            };
            return judge(ended).map(|()| done);
        }
        progress.job(step.done, step.total, step.objects, step.bytes);
    }
}

/// Reports the findings of a step for people.
fn tell(session: &Session<'_>, directory: &Path, step: &Step, progress: &Progress) {
    let notes: &[Finding] = if session.is_quiet() { &[] } else { &step.notes };
    for (kind, findings) in [("damaged", &step.problems[..]), ("note", notes), ("not checked", &step.unread)] {
        for finding in findings {
            progress.tell(about(directory, &format!("{kind}: {finding}")));
        }
    }
}

/// Reports a step for programs. `printed`: units of work that the last progress line stated.
fn print(session: &mut Session<'_>, step: &Step, printed: &mut u64) -> Result<(), Failure> {
    for (kind, findings) in [("problem", &step.problems), ("note", &step.notes), ("unread", &step.unread)] {
        for Finding { file, message } in findings {
            session.out.json(&json!({ "file": file, kind: message }))?;
        }
    }
    let &Step { done, total, objects, bytes, .. } = step;
    if is_due(done, total, *printed) {
        *printed = done;
        session.out.json(&json!({ "done": done, "total": total, "objects": objects, "bytes": bytes }))?;
        // A program that waits for it gets it while the work goes on.
        session.out.flush()?;
    }
    Ok(())
}

/// Whether so much was done since the last progress line that another one is printed.
fn is_due(done: u64, total: u64, printed: u64) -> bool {
    let advanced = done.saturating_sub(printed);
    advanced > 0 && (done == total || advanced >= total.div_ceil(LINES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_lines_are_few_and_the_last_one_is_the_end() {
        for total in [1, 258, LINES, LINES + 1, 2 * LINES - 1, 1_000_003] {
            let (mut printed, mut lines) = (0, 0);
            for done in 0..=total {
                if is_due(done, total, printed) {
                    (printed, lines) = (done, lines + 1);
                }
            }
            assert_eq!(printed, total);
            assert!(lines <= LINES + 1 && lines >= total.min(LINES / 2), "{lines} lines for {total} units");
        }
    }
}
