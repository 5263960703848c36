//! `loosepack backup`

use std::path::PathBuf;

use loosepack::{Access, BackupOptions, Part};

use crate::Transfer;
use crate::failure::{Failure, Outcome};
use crate::jobs;
use crate::names::shown;
use crate::output::Format;
use crate::session::Session;
use crate::sizes::{counted, human};

/// Copy what is new to a backup
#[derive(Debug, clap::Args)]
#[command(after_help = "\
DEST becomes a copy of the container, or is one and gets what is new since. It is a container itself: \
`loosepack -C DEST get` reads from it, `verify` checks it; only `backup` writes to it. Can run at any time, \
while others add, pack, clean and repack; whatever was there before it started is in the copy. An \
interrupted backup continues when it is started again. Objects that were deleted from packs are deleted \
from the backup.

Examples:
  loosepack -C store backup /mnt/disk/store
  loosepack -C store backup --verify /mnt/disk/store
  loosepack -C new restore /mnt/disk/store")]
pub(crate) struct Backup {
    /// A directory for the backup alone; made when it is missing
    #[arg(value_name = "DEST")]
    target: PathBuf,

    /// Check the whole backup afterwards
    #[arg(long)]
    verify: bool,

    /// Where DEST is on the same file system, give full packs a second name instead of copying them
    #[arg(long)]
    link: bool,

    #[command(flatten)]
    format: Format,
}

impl Backup {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        let options = BackupOptions { link: self.link, restore: false };
        let mut job = session.transfer(&self.target, &Transfer::Backup(options))?;
        let done = jobs::run(session, &mut *job, self.format, |done| {
            let loose = counted(done.objects, "loose object");
            format!("copied {loose} and parts of packs, {} in all, to {}", human(done.bytes), shown(&self.target))
        })?;
        drop(job);
        if !self.verify {
            return Ok(done.outcome());
        }
        let store = session.open_other(&self.target, Access::ReadOnly)?;
        let mut job = store.verify(Part::default()).map_err(|error| session.failure_in(&self.target, error))?;
        let checked = jobs::run_in(session, &self.target, &mut *job, self.format, |done| {
            let found = if done.problems == 0 { "no damage".into() } else { counted(done.problems, "problem") };
            format!("verified the backup: {found}; {} sound, {}", counted(done.objects, "object"), human(done.bytes))
        })?;
        Ok(done.outcome().max(checked.outcome()))
    }
}
