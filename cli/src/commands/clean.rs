//! `loosepack clean`

use loosepack::Access;

use crate::failure::{Failure, Outcome};
use crate::jobs;
use crate::output::Format;
use crate::session::Session;
use crate::sizes::{counted, human};

/// Remove the loose files of packed objects, and leftovers of crashed writers
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Can run at any time, also while others add and read. Never removes an object. Files that a writer left \
unfinished are removed once they are a day old; a note reports younger ones. With --json, progress and \
findings are printed as by `verify --json`.")]
pub(crate) struct Clean {
    #[command(flatten)]
    format: Format,
}

impl Clean {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        let store = session.open(Access::ReadWrite)?;
        let mut job = session.take_lock(|| store.clean())?;
        let done = jobs::run(session, &mut *job, self.format, |done| {
            format!("removed {}, {}", counted(done.objects, "loose file"), human(done.bytes))
        })?;
        Ok(done.outcome())
    }
}
