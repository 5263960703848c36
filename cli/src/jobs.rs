//! Long operations.

use loosepack::{Finding, Job};
use serde_json::json;

use crate::failure::{Failure, Outcome};
use crate::output::Format;
use crate::session::Session;

/// The result of a job.
pub(crate) struct Done {
    /// Objects it was done to.
    pub(crate) objects: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    problems: Vec<Finding>,
    notes: Vec<Finding>,
}

/// Runs a job to its end. Shows its progress, and reports damage at once.
pub(crate) fn run(session: &Session<'_>, job: &mut dyn Job) -> Result<Done, Failure> {
    let mut progress = session.progress();
    let (mut problems, mut notes) = (Vec::new(), Vec::new());
    loop {
        let step = job.step().map_err(|error| {
            progress.clear();
            session.failure(error)
        })?;
        for finding in &step.problems {
            progress.tell(session.about(&format!("damaged: {finding}")));
        }
        for finding in step.notes.iter().filter(|_| !session.is_quiet()) {
            progress.tell(session.about(&format!("note: {finding}")));
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
    /// Prints what was done: as JSON, or in the words of `summary`.
    pub(crate) fn print(&self, format: Format, summary: &str, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        if format.json {
            let all = |findings: &[Finding], kind: &str| -> Vec<_> {
                findings.iter().map(|Finding { file, message }| json!({ "file": file, kind: message })).collect()
            };
            session.out.json(&json!({
                "objects": self.objects,
                "bytes": self.bytes,
                "problems": all(&self.problems, "problem"),
                "notes": all(&self.notes, "note"),
            }))?;
        } else {
            session.out.line(summary)?;
        }
        Ok(if self.problems.is_empty() { Outcome::Done } else { Outcome::Lacking })
    }
}
