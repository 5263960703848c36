//! `loosepack pack`

use loosepack::Access;

use super::Compress;
use crate::failure::{Failure, Outcome};
use crate::jobs;
use crate::output::Format;
use crate::session::Session;
use crate::sizes::{counted, human};

/// Move loose objects into packs
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Can run at any time, also while others add and read. The loose files stay until `clean`. Each object \
is hashed again; a damaged one is reported and left where it is. A note reports how many objects were \
packed already and wait for `clean`. With --json, progress and findings are printed as by `verify --json`.

With --clean, loose files are removed as soon as their objects are packed and have been read back, a batch \
of 256 MiB at a time: so the disk needs room for a batch, and not for all.

Example:
  loosepack -C store pack --clean")]
pub(crate) struct Pack {
    /// When to compress
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    compress: Compress,

    /// Remove loose files as soon as they are packed
    #[arg(long)]
    clean: bool,

    #[command(flatten)]
    format: Format,
}

impl Pack {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        let store = session.open(Access::ReadWrite)?;
        let compression = self.compress.into();
        let mut job = session.take_lock(|| match self.clean {
            true => store.pack_and_clean(compression),
            false => store.pack_loose(compression),
        })?;
        let done = jobs::run(session, &mut *job, self.format, |done| {
            format!("packed {}, {}", counted(done.objects, "object"), human(done.bytes))
        })?;
        Ok(done.outcome())
    }
}
