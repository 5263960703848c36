//! `loosepack import`

use std::path::PathBuf;

use loosepack::{Access, ObjectId};

use super::Compress;
use crate::Transfer;
use crate::exchange::Shown;
use crate::failure::{Failure, Outcome};
use crate::ids::{Ids, each_batch};
use crate::jobs;
use crate::names::shown;
use crate::output::Format;
use crate::session::Session;
use crate::sizes::{counted, human};

/// Copy objects from another container, of loosepack or of the Python package disk_objectstore
#[derive(Debug, clap::Args)]
#[command(after_help = "\
From CONTAINER, objects are copied straight to packs, as they are stored there, and checked; one that exists \
here is not copied. The other container is only read, and may be in use.

From a container of disk_objectstore: objects go to packs. Zlib streams are stored as they are; those of objects of more than 1 MiB are \
inflated. Each object is compared with its hash key: a damaged one is reported and skipped, and the \
exit status is then 1. An import that was interrupted continues when it is started again.

Without --move, the other container may be in use. With --move, nothing else may write to it: each of \
its packs, and its loose files, are removed once their objects are on the device and have been read \
back, so that there need only be room for one pack more. A pack with an object that could not be \
imported stays.

With --json, each line is an object: {\"file\", \"problem\"} for a damaged object, {\"file\", \"note\"} for \
a note, {\"id\", \"path\"} for an object with another name, and {\"done\", \"total\"} after each commit, in \
objects. The last line sums up.

Examples:
  loosepack -C store import other
  loosepack -C store import other --ids - < ids.txt
  loosepack -C store import --from-disk-objectstore old
  loosepack -C store import --from-disk-objectstore old --move
  loosepack -C store import --from-disk-objectstore sha1 --rehash --map new-names")]
pub(crate) struct Import {
    /// The container to copy from
    #[arg(value_name = "CONTAINER")]
    container: Option<PathBuf>,

    /// Copy only these objects; `-` reads lines from standard input, as `get` does
    #[arg(long, value_name = "ID", conflicts_with = "from_disk_objectstore")]
    ids: Vec<String>,

    /// The container of disk_objectstore to import, a directory with `config.json` and `packs.idx`
    #[arg(long, value_name = "DIR", conflicts_with = "container")]
    from_disk_objectstore: Option<PathBuf>,

    /// Remove from DIR what has been imported
    #[arg(long = "move", requires = "from_disk_objectstore")]
    remove: bool,

    /// Import a container whose hash keys are SHA-1; prints `HASH  OLD-KEY` for each object
    #[arg(long, requires = "from_disk_objectstore")]
    rehash: bool,

    /// Append the lines of --rehash to FILE, each once its object is on the device
    #[arg(long, value_name = "FILE", requires = "rehash")]
    map: Option<PathBuf>,

    /// When to compress objects that are not compressed in DIR [default: never]
    #[arg(long, value_name = "WHEN", requires = "from_disk_objectstore")]
    compress: Option<Compress>,

    #[command(flatten)]
    format: Format,
}

impl Import {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        let Some(dir) = &self.from_disk_objectstore else {
            return self.copy(session);
        };
        if self.remove && session.skips_flushes() {
            let problem =
                "--move removes what is on the device, and nothing is with --no-sync: leave out one of the two";
            return Err(problem.to_string().into());
        }
        if self.remove && self.rehash && self.map.is_none() {
            return Err("--move removes the old names: give a file for the pairs with --map FILE".to_string().into());
        }
        let store = session.open(Access::ReadWrite)?;
        let compress = self.compress.unwrap_or(Compress::Never);
        let mut adder = session.take_lock(|| store.pack_writer(compress.into()))?;
        let mut told = Shown::new(session, self.format, dir).with_map(self.map.as_deref())?;
        let compress = !matches!(compress, Compress::Never);
        let import = loosepack_disk_objectstore::Import { dir, rehash: self.rehash, compress, remove: self.remove };
        let result = loosepack_disk_objectstore::import(&*store, &mut *adder, &import, &mut told);
        told.end(result, |counts| {
            let mut summary = format!("imported {}, {}", counted(counts.objects, "object"), human(counts.bytes));
            for (number, what) in [(counts.present, "present before"), (counts.problems, "not imported")] {
                if number > 0 {
                    summary += &format!("; {number} {what}");
                }
            }
            if counts.removed > 0 {
                summary += &format!("; {} of {} removed", counted(counts.removed, "pack"), shown(dir));
            }
            summary
        })
    }

    /// Copies from another container of our own.
    fn copy(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        let Some(container) = &self.container else {
            return Err("name what to import: CONTAINER, or --from-disk-objectstore DIR".to_string().into());
        };
        if self.remove || self.rehash || self.map.is_some() || self.compress.is_some() {
            let problem = "--move, --rehash, --map and --compress go with --from-disk-objectstore";
            return Err(problem.to_string().into());
        }
        let mut wanted = None;
        if !self.ids.is_empty() {
            let mut ids: Vec<ObjectId> = Vec::new();
            let read = each_batch(&Ids { ids: self.ids.clone() }, |batch| {
                ids.extend_from_slice(batch);
                Ok(Outcome::Done)
            })?;
            if read == Outcome::Failed {
                return Err("nothing was copied".to_string().into());
            }
            wanted = Some(ids);
        }
        let mut job = session.transfer(container, &Transfer::Import(wanted))?;
        let done = jobs::run(session, &mut *job, self.format, |done| {
            format!("copied {}, {}", counted(done.objects, "object"), human(done.bytes))
        })?;
        Ok(done.outcome())
    }
}
