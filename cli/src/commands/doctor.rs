//! `loosepack doctor`

use loosepack::{Access, Part};
use serde_json::json;

use crate::advice::{Advice, advice};
use crate::failure::{Failure, Outcome};
use crate::jobs::{self, Done};
use crate::output::Format;
use crate::session::Session;
use crate::sizes::{counted, human};

/// Check everything, and say what to do
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Does what `verify` does, with the same exit status, and then says in plain words what to run, and why. With \
--json, lines are printed as by `verify --json`, and then {\"run\", \"why\"} for each command to run.

Example:
  loosepack -C store doctor")]
pub(crate) struct Doctor {
    #[command(flatten)]
    format: Format,
}

impl Doctor {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        session.examines()?;
        let store = session.open_damaged(Access::ReadOnly)?;
        let mut job = store.verify(Part::default()).map_err(|error| session.failure(error))?;
        let done = jobs::examine(session, &mut *job, self.format, |done| {
            let found = if done.problems == 0 { "no damage".into() } else { counted(done.problems, "problem") };
            format!("{found}; {} sound, {}", counted(done.objects, "object"), human(done.bytes))
        })?;
        drop(job);
        let mut all = cure(&done);
        match store.stats() {
            Ok(stats) => all.extend(advice(&stats)),
            Err(_) => {
                let why = "the index cannot be read; it is rebuilt from the packs".into();
                all.insert(0, Advice { command: "reindex", why });
            }
        }
        for Advice { command, why } in &all {
            if self.format.json {
                session.out.json(&json!({ "run": command, "why": why }))?;
            } else {
                session.out.line(&format!("run `loosepack {command}`: {why}"))?;
            }
        }
        if all.is_empty() && !self.format.json {
            session.out.line("there is nothing to do")?;
        }
        Ok(done.outcome())
    }
}

/// What to do about damage.
fn cure(done: &Done) -> Vec<Advice> {
    let mut all = Vec::new();
    if done.problems > 0 {
        let why = "objects are damaged; another container that has them, as a backup, can mend them".into();
        all.push(Advice { command: "repair --from BACKUP", why });
    }
    if done.unread > 0 {
        let why = "some files could not be read; the user who may read them can check them".into();
        all.push(Advice { command: "verify", why });
    }
    all
}
