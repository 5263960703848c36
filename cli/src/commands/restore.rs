//! `loosepack restore`

use std::path::PathBuf;

use loosepack::BackupOptions;

use crate::Transfer;
use crate::failure::{Failure, Outcome};
use crate::jobs;
use crate::names::shown;
use crate::output::Format;
use crate::session::Session;
use crate::sizes::human;

/// Make a container from a backup
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The container's directory must be empty, or missing. An interrupted restore continues when it is started \
again. To get single objects back, use `repair --from` or `import` instead.

Example:
  loosepack -C new restore /mnt/disk/store")]
pub(crate) struct Restore {
    /// The backup
    #[arg(value_name = "BACKUP")]
    backup: PathBuf,

    #[command(flatten)]
    format: Format,
}

impl Restore {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        let directory = session.directory()?;
        let options = BackupOptions { link: false, restore: true };
        let mut job = session.transfer_from(&self.backup, directory, &Transfer::Backup(options))?;
        let done = jobs::run(session, &mut *job, self.format, |done| {
            format!("restored {} from {}", human(done.bytes), shown(&self.backup))
        })?;
        Ok(done.outcome())
    }
}
