//! `loosepack reindex`

use loosepack::Access;

use crate::failure::{Failure, Outcome};
use crate::jobs;
use crate::output::Format;
use crate::session::Session;
use crate::sizes::{counted, human};

/// Rebuild the index from the packs, when it is damaged or gone
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reads and checks each record of the packs. The readable part of the old index is used as well: \
deletions are kept, and so are entries of damaged objects, so that their loss is not mistaken for \
absence. The old index stays until the new one replaces it. Can run while others add and read. The \
exit status is 1 if damage was found. With --json, progress and findings are printed as by `verify \
--json`.")]
pub(crate) struct Reindex {
    #[command(flatten)]
    format: Format,
}

impl Reindex {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        let store = session.open_damaged(Access::ReadWrite).map_err(|failure| {
            failure.and(
                "if only container.json is lost, restore it from a copy, or put one of a new container in its place",
            )
        })?;
        let mut job = session.take_lock(|| store.reindex())?;
        let done = jobs::run(session, &mut *job, self.format, |done| {
            format!("indexed {}, {}", counted(done.objects, "packed object"), human(done.bytes))
        })?;
        Ok(done.outcome())
    }
}
