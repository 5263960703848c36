//! `loosepack export`

mod manifest;

use std::path::PathBuf;

use loosepack::{Access, format};

use crate::exchange::Shown;
use crate::failure::{Failure, Outcome};
use crate::output::Format;
use crate::session::Session;
use crate::sizes::{self, counted, human};

/// Write objects to files of a folder, or to a container of the Python package disk_objectstore
#[derive(Debug, clap::Args)]
#[command(after_help = "\
With --manifest, each line of SUMS is what `add` and sha256sum print, also with --tag or --zero, or JSON \
of our own: the object is written to the file of that name in DEST. Each file appears, or is replaced, \
when it is complete and checked, and keeps its permissions. A file that is right already is left, so \
that an interrupted export continues when it is started again. A line that cannot be carried out is \
reported and does not stop the others. Nothing outside of DEST is written: absolute names, `..` and \
symbolic links are refused.

With --to-disk-objectstore, all objects are written; compressed ones are copied as they are.

Examples:
  loosepack -C store add -r photos > photos.sha256
  loosepack -C store export --manifest photos.sha256 restored
  loosepack -C store export --to-disk-objectstore other")]
pub(crate) struct Export {
    /// The folder for the files of --manifest; it is made if it is missing
    #[arg(value_name = "DEST", requires = "manifest")]
    dest: Option<PathBuf>,

    /// Write the objects and files that SUMS lists; `-` is standard input
    #[arg(long, value_name = "SUMS", requires = "dest", required_unless_present = "to_disk_objectstore")]
    manifest: Option<PathBuf>,

    /// Lines of SUMS end in NUL, and no name is escaped
    #[arg(short, long, requires = "manifest")]
    zero: bool,

    /// Write all objects to a container of disk_objectstore, in a directory that is absent or empty
    #[arg(long, value_name = "DIR", conflicts_with_all = ["manifest", "dest"])]
    to_disk_objectstore: Option<PathBuf>,

    /// With --to-disk-objectstore: bytes after which a pack is full; K, M, G and T are understood
    #[arg(long, value_name = "SIZE", default_value_t = format::DEFAULT_PACK_TARGET, value_parser = sizes::parse,
          hide_default_value = true)]
    pack_target: u64,

    #[command(flatten)]
    format: Format,
}

impl Export {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        if let (Some(manifest), Some(dest)) = (&self.manifest, &self.dest) {
            return manifest::export(session, manifest, dest, self.zero, self.format);
        }
        let Some(to) = &self.to_disk_objectstore else {
            return Err("name what to write: --manifest SUMS DEST, or --to-disk-objectstore DIR".to_string().into());
        };
        let from = session.directory()?;
        let store = session.open(Access::ReadOnly)?;
        let mut told = Shown::new(session, self.format, to);
        let export = loosepack_disk_objectstore::Export { from, to, pack_target: self.pack_target };
        let result = loosepack_disk_objectstore::export(&*store, &export, &mut told);
        told.end(result, |counts| format!("exported {}, {}", counted(counts.objects, "object"), human(counts.bytes)))
    }
}
