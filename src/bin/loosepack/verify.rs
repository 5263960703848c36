//! `loosepack verify`

use loosepack::cli::sizes::{counted, human};
use loosepack::cli::{Cli, Verify};
use loosepack::{Job as _, Progress as Step};
use serde_json::json;

use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::progress::Progress;
use crate::store::Store;

/// Read and check everything. What is found is told at once.
pub(crate) fn run(cli: &Cli, verify: &Verify, out: &mut Output) -> Result<Outcome, Failure> {
    let store = Store::open_damaged(cli)?;
    let mut job = loosepack::Verify::new(&store.container, verify.part()).map_err(|error| store.failure(error))?;
    let mut progress = Progress::new();
    let (mut done, mut problems, mut notes, mut unread) = (verify.from, 0, 0, 0);
    loop {
        let step = job.step().map_err(|error| store.failure(error))?;
        problems += step.problems.len() as u64;
        notes += step.notes.len() as u64;
        unread += step.unread.len() as u64;
        if verify.format.json {
            tell_json(&step, &mut done, out)?;
        } else {
            for problem in &step.problems {
                progress.tell(store.about(&format!("damaged: {problem}")));
            }
            for note in &step.notes {
                progress.tell(store.about(&format!("note: {note}")));
            }
            for unread in &step.unread {
                progress.tell(store.about(&format!("not checked: {unread}")));
            }
        }
        if step.finished {
            progress.clear();
            let Step { objects, bytes, .. } = step;
            if verify.format.json {
                out.json(&json!({
                    "objects": objects,
                    "bytes": bytes,
                    "problems": problems,
                    "notes": notes,
                    "unread": unread,
                }))?;
            } else {
                let mut found = if problems == 0 { "no damage".into() } else { counted(problems, "problem") };
                if unread > 0 {
                    found += &format!(", {} not checked", counted(unread, "file"));
                }
                out.line(&format!("{found}; {} sound, {}", counted(objects, "object"), human(bytes)))?;
            }
            let outcome = if problems == 0 { Outcome::Done } else { Outcome::Lacking };
            return Ok(if unread == 0 { outcome } else { Outcome::Failed });
        }
        progress.job(step.done, step.total, step.objects, step.bytes);
    }
}

fn tell_json(step: &Step, done: &mut u64, out: &mut Output) -> Result<(), Failure> {
    for damage in &step.problems {
        out.json(&json!({ "file": damage.file, "problem": damage.problem }))?;
    }
    for note in &step.notes {
        out.json(&json!({ "file": note.file, "note": note.problem }))?;
    }
    for unread in &step.unread {
        out.json(&json!({ "file": unread.file, "unread": unread.problem }))?;
    }
    if step.done > *done {
        *done = step.done;
        out.json(&json!({ "done": step.done, "total": step.total }))?;
    }
    Ok(())
}
