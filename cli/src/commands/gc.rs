//! `loosepack gc`

use std::time::Duration;

use loosepack::{Access, GcOptions};

use crate::failure::{Failure, Outcome};
use crate::ids::{self, Ids};
use crate::jobs;
use crate::output::Format;
use crate::session::Session;
use crate::sizes::{counted, human};
use crate::spans;

/// Delete all objects but those that are listed
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Can run at any time. Whatever is added while it runs is kept. Objects that were added between the making \
of the list and the start are kept if they are loose and younger than --grace. If a line of the list is \
invalid, nothing is deleted. The bytes of packed objects stay in their packs until `repack`.

Examples:
  loosepack gc --dry-run - < keep.sha256
  sqlite3 app.db 'select hash from files' | loosepack gc --grace 2d - && loosepack repack")]
pub(crate) struct Gc {
    #[command(flatten)]
    ids: Ids,

    /// Count what would be deleted, and delete nothing
    #[arg(short = 'n', long)]
    dry_run: bool,

    /// Keep loose objects younger than TIME: a number with s, m, h or d
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = spans::parse)]
    grace: Duration,

    /// Delete everything if the list is empty, instead of refusing it
    #[arg(long)]
    allow_empty: bool,

    #[command(flatten)]
    format: Format,
}

impl Gc {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        let keep = ids::read_keep_list(&self.ids, self.allow_empty)?;
        let store = session.open(if self.dry_run { Access::ReadOnly } else { Access::ReadWrite })?;
        let options = GcOptions { grace: self.grace, dry_run: self.dry_run };
        let mut job = session.take_lock(|| store.gc(keep.clone(), options))?;
        let verb = if self.dry_run { "would delete" } else { "deleted" };
        let done = jobs::run(session, &mut *job, self.format, |done| {
            format!("{verb} {}, {}", counted(done.objects, "object"), human(done.bytes))
        })?;
        Ok(done.outcome())
    }
}
