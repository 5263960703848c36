//! `loosepack fold`

use loosepack::Access;

use crate::failure::{Failure, Outcome};
use crate::jobs;
use crate::output::Format;
use crate::session::Session;
use crate::sizes::{counted, human};

/// Merge the index into one file
#[derive(Debug, clap::Args)]
#[command(after_help = "\
For mirrors and object storage, which want few files that do not change. On a local disk there is no \
need for it: the index merges its files by itself as it grows. Can run while others add and read. The \
disk needs room for a second copy of the index. With --json, progress is printed as by `verify \
--json`.")]
pub(crate) struct Fold {
    #[command(flatten)]
    format: Format,
}

impl Fold {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        let store = session.open(Access::ReadWrite)?;
        let mut job = session.take_lock(|| store.fold())?;
        let done = jobs::run(session, &mut *job, self.format, |done| {
            format!("the index is one file: {}, {}", counted(done.objects, "packed object"), human(done.bytes))
        })?;
        Ok(done.outcome())
    }
}
