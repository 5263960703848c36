//! Long operations.

use loosepack::cli::Format;
use loosepack::{Damage, Job};
use serde_json::json;

use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::progress::Progress;
use crate::store::Store;

/// What a job did.
pub(crate) struct Done {
    /// Objects it was done to.
    pub(crate) objects: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    problems: Vec<Damage>,
    notes: Vec<Damage>,
}

/// Do all steps of a job; show how far it is, and tell of damage at once.
pub(crate) fn run(store: &Store, job: &mut impl Job) -> Result<Done, Failure> {
    let mut progress = Progress::new();
    let (mut problems, mut notes) = (Vec::new(), Vec::new());
    loop {
        let step = job.step().map_err(|error| {
            progress.clear();
            store.failure(error)
        })?;
        for problem in &step.problems {
            progress.tell(store.about(&format!("damaged: {problem}")));
        }
        for note in &step.notes {
            progress.tell(store.about(&format!("note: {note}")));
        }
        problems.extend(step.problems);
        notes.extend(step.notes);
        if step.finished {
            progress.clear();
            return Ok(Done { objects: step.objects, bytes: step.bytes, problems, notes });
        }
        progress.job(step.done, step.total, step.objects, step.bytes);
    }
}

impl Done {
    /// Print what was done: as JSON, or in the words of `summary`.
    pub(crate) fn print(&self, format: Format, summary: &str, out: &mut Output) -> Result<Outcome, Failure> {
        if format.json {
            let problem = |damage: &Damage| json!({ "file": damage.file, "problem": damage.problem });
            let problems: Vec<_> = self.problems.iter().map(problem).collect();
            let notes: Vec<_> =
                self.notes.iter().map(|note| json!({ "file": note.file, "note": note.problem })).collect();
            let (objects, bytes) = (self.objects, self.bytes);
            out.json(&json!({ "objects": objects, "bytes": bytes, "problems": problems, "notes": notes }))?;
        } else {
            out.line(summary)?;
        }
        Ok(if self.problems.is_empty() { Outcome::Done } else { Outcome::Lacking })
    }
}
