//! `loosepack verify`

use std::str::FromStr;

use loosepack::{Access, Part};

use crate::failure::{Failure, Outcome};
use crate::jobs;
use crate::output::Format;
use crate::session::Session;
use crate::sizes::{counted, human};

/// Read and check everything: objects, packs, index
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Can run at any time, and takes no lock. Damage is reported and does not stop it. The exit status is 1 \
if any was found, and 2 if a file could not be read for lack of permission: it may or may not be \
damaged. Notes report harmless leftovers of crashes. A container on object storage is read from there, \
whatever the cache has of it.

With --json, each line is an object: {\"file\", \"problem\"} for damage, {\"file\", \"note\"} for a note, \
{\"file\", \"unread\"} for a file that could not be read, and {\"done\", \"total\", \"objects\", \"bytes\"} \
as the work goes on, about 1000 times at most. The last line has the totals. A unit of work is one of the \
256 directories of loose objects, the index, or a pack.

Examples:
  loosepack -C store verify
  loosepack -C store verify --shard 0/4 --json
  loosepack -C store verify --from 300    resume after 300 units")]
pub(crate) struct Verify {
    /// Do a share of the work: number I, counted from 0, of N that are started
    #[arg(long, value_name = "I/N", default_value = "0/1", hide_default_value = true)]
    shard: Shard,

    /// Resume after UNITS completed units
    #[arg(long, value_name = "UNITS", default_value_t = 0, hide_default_value = true)]
    from: u64,

    #[command(flatten)]
    format: Format,
}

/// A share of the work.
#[derive(Debug, Clone, Copy)]
struct Shard {
    /// Its number, counted from 0.
    number: u32,
    /// Number of shares.
    of: u32,
}

impl FromStr for Shard {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, of) = text.split_once('/').ok_or("expected I/N, as in 0/4 for the first of four")?;
        match (number.parse(), of.parse()) {
            (Ok(number), Ok(of)) if number < of => Ok(Shard { number, of }),
            _ => Err("expected I/N with I less than N, as in 0/4 for the first of four"),
        }
    }
}

impl Verify {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        session.examines()?;
        let store = session.open_damaged(Access::ReadOnly)?;
        let part = Part { completed: self.from, shard: self.shard.number, shards: self.shard.of };
        let mut job = store.verify(part).map_err(|error| session.failure(error))?;
        let done = jobs::examine(session, &mut *job, self.format, |done| {
            let mut found = if done.problems == 0 { "no damage".into() } else { counted(done.problems, "problem") };
            if done.unread > 0 {
                found += &format!(", {} not checked", counted(done.unread, "file"));
            }
            format!("{found}; {} sound, {}", counted(done.objects, "object"), human(done.bytes))
        })?;
        Ok(done.outcome())
    }
}
