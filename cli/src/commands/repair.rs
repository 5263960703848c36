//! `loosepack repair`

use std::path::PathBuf;

use crate::Transfer;
use crate::failure::{Failure, Outcome};
use crate::jobs;
use crate::output::Format;
use crate::session::Session;
use crate::sizes::{counted, human};

/// Mend damaged objects with those of another container
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reads all objects. One that is damaged, or in a pack that is missing, is fetched from the other container: \
a backup, say. What that does not have either is reported, and the exit status is then 1. Afterwards \
`clean` and `repack --min-dead 0` remove the damaged copies. If the index is damaged, run `reindex` first, \
and fetch what it lost with `import`.

Example:
  loosepack -C store repair --from /mnt/disk/store")]
pub(crate) struct Repair {
    /// The other container
    #[arg(long, value_name = "CONTAINER")]
    from: PathBuf,

    #[command(flatten)]
    format: Format,
}

impl Repair {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        let mut job = session.transfer(&self.from, &Transfer::Repair)?;
        let done = jobs::run(session, &mut *job, self.format, |done| {
            format!("mended {}, {}", counted(done.objects, "object"), human(done.bytes))
        })?;
        Ok(done.outcome())
    }
}
