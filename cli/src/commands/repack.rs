//! `loosepack repack`

use loosepack::{Access, Compression, RepackOptions};

use crate::failure::{Failure, Outcome};
use crate::jobs;
use crate::output::Format;
use crate::session::Session;
use crate::sizes::{counted, human};

/// Free the dead bytes of packs, and merge small packs
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Deleting an object, or packing it again, leaves its bytes in a pack. `repack` moves what is in use out of \
packs that are dead enough, and removes them, one after the other: the disk needs room for one more pack. \
Can run at any time, also while others add and read. Each object is checked; one that is damaged keeps its \
pack, and is reported. Packs that stay are not touched, so that rsync has nothing to do for them.

With --compress, all packs are repacked, unless --min-dead says which. Objects that are compressed already \
stay as they are, unless --level is given.

Examples:
  loosepack repack --dry-run
  loosepack repack --min-dead 10
  loosepack repack --compress auto --level 9")]
pub(crate) struct Repack {
    /// Repack packs of which at least PERCENT is dead [default: 25, or all packs with --compress]
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    min_dead: Option<u8>,

    /// When to compress
    #[arg(long, value_name = "WHEN", default_value = "keep")]
    compress: Recompress,

    /// Compress with this zlib level, 1 (fast) to 9 (small), also what is compressed already
    #[arg(long, value_name = "LEVEL", value_parser = clap::value_parser!(u8).range(1..=9))]
    level: Option<u8>,

    /// Say what would be done, and do nothing
    #[arg(short = 'n', long)]
    dry_run: bool,

    #[command(flatten)]
    format: Format,
}

/// When to compress what is moved.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Recompress {
    /// Leave each object as it is stored
    Keep,
    /// Store bytes as they are
    Never,
    /// Compress each object
    Always,
    /// Compress an object when a sample of it becomes smaller
    Auto,
}

impl Repack {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        let compression = match self.compress {
            Recompress::Keep => None,
            Recompress::Never => Some(Compression::Never),
            Recompress::Always => Some(Compression::Always),
            Recompress::Auto => Some(Compression::Auto),
        };
        if self.level.is_some() && !matches!(compression, Some(Compression::Always | Compression::Auto)) {
            return Err("--level needs --compress always, or --compress auto".to_string().into());
        }
        let options = RepackOptions { min_dead: self.min_dead, compression, level: self.level, dry_run: self.dry_run };
        let store = session.open(if self.dry_run { Access::ReadOnly } else { Access::ReadWrite })?;
        let size = || store.stats().map(|stats| stats.packs_size);
        let before = size().map_err(|error| session.failure(error))?;
        let mut job = session.take_lock(|| store.repack(options))?;
        let mut summed = None;
        let done = jobs::run(session, &mut *job, self.format, |done| {
            if self.dry_run {
                return format!("would move {}, {}", counted(done.objects, "object"), human(done.bytes));
            }
            let after = size();
            let text = format!("moved {}, {}", counted(done.objects, "object"), human(done.bytes));
            let text = match &after {
                Ok(after) if *after <= before => format!("{text}; freed {}", human(before - after)),
                Ok(after) => format!("{text}; the packs take {} more", human(after - before)),
                Err(_) => text,
            };
            summed = after.err();
            text
        })?;
        summed.map_or(Ok(done.outcome()), |error| Err(session.failure(error)))
    }
}
