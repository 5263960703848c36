//! `loosepack reindex`

use loosepack::Access;

use super::Format;
use crate::failure::{Failure, Outcome};
use crate::jobs;
use crate::session::Session;
use crate::sizes::{counted, human};

/// Rebuild the index from the packs, when it is damaged or gone
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each record of the packs is read and checked. What can still be read of the old index counts as well:
deletions are kept, and so is each entry whose object is damaged, so that its loss is not taken for
its absence. The old index stays until the new one takes its place. Readers and those who add files
need not stop. What is damaged, cannot be read, or is left out is reported, and the exit status is
then 1.")]
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
        let done = jobs::run(session, &mut *job)?;
        let summary = format!("indexed {}, {}", counted(done.objects, "packed object"), human(done.bytes));
        done.print(self.format, &summary, session)
    }
}
