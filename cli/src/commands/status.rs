//! `loosepack status`

use std::path::PathBuf;

use loosepack::{Access, Sharing};
use serde_json::json;

use crate::advice::{Advice, advice};
use crate::failure::{Failure, Outcome};
use crate::output::Format;
use crate::report::{self, Snapshot};
use crate::session::Session;
use crate::sizes::{counted, human};
use crate::{STANDARD, save};

/// Show how much is stored
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The page of --html shows packs and their dead bytes, sizes of objects and compression in pictures. It is one file that \
needs no network and no script. It looks at every object, so it takes longer than the numbers alone.

Examples:
  loosepack status
  loosepack status --html status.html")]
pub(crate) struct Status {
    #[command(flatten)]
    format: Format,

    /// Write a page with pictures to this file, which appears, or is replaced, when it is complete; `-` writes it to
    /// standard output
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    html: Option<PathBuf>,
}

impl Status {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        let store = session.open(Access::ReadOnly)?;
        if let Some(file) = &self.html {
            let page = report::page(&Snapshot::take(session, &*store)?);
            match file.as_os_str() == STANDARD {
                true => session.out.bytes(page.as_bytes())?,
                false => save::save_bytes(session, page.as_bytes(), file)?,
            }
            return Ok(Outcome::Done);
        }
        let read = || Ok((store.id()?, store.config()?, store.stats()?));
        let (id, config, stats) = read().map_err(|error| session.failure(error))?;
        let out = &mut session.out;
        if self.format.json {
            out.json(&json!({
                "id": id,
                "pack-target": config.pack_target,
                "compression-level": config.compression_level,
                "shared": match config.shared {
                    Sharing::Umask => "umask",
                    Sharing::Group => "group",
                },
                "loose-objects": stats.loose_objects,
                "loose-size": stats.loose_size,
                "loose-packed": stats.loose_packed,
                "packed-objects": stats.packed_objects,
                "packed-size": stats.packed_size,
                "packed-length": stats.packed_length,
                "packs": stats.packs,
                "packs-size": stats.packs_size,
                "packs-dead": stats.packs_dead,
                "index-size": stats.index_size,
                "unfinished": stats.unfinished,
                "unfinished-size": stats.unfinished_size,
                "advice": advice(&stats).iter().map(|advice| json!({ "run": advice.command, "why": advice.why }))
                    .collect::<Vec<_>>(),
            }))?;
            return Ok(Outcome::Done);
        }
        let (target, level) = (human(config.pack_target), config.compression_level);
        let shared = match config.shared {
            Sharing::Umask => "",
            Sharing::Group => ", shared with the group",
        };
        out.line(&format!("container  {id}, packs of {target}, compression level {level}{shared}"))?;
        out.line(&format!("loose      {}, {}", counted(stats.loose_objects, "object"), human(stats.loose_size)))?;
        let (size, length) = (human(stats.packed_size), human(stats.packed_length));
        out.line(&format!("packed     {}, {size}, stored in {length}", counted(stats.packed_objects, "object")))?;
        let (packs, dead) = (counted(stats.packs, "file"), human(stats.packs_dead));
        out.line(&format!("packs      {packs}, {}, about {dead} of it dead", human(stats.packs_size)))?;
        out.line(&format!("index      {}", human(stats.index_size)))?;
        if stats.unfinished > 0 {
            let (files, size) = (counted(stats.unfinished, "file"), human(stats.unfinished_size));
            out.line(&format!("unfinished {files}, {size}: being written, or left by a writer that was killed"))?;
        }
        for Advice { command, why } in advice(&stats) {
            out.line(&format!("worth it   `loosepack {command}`: {why}"))?;
        }
        Ok(Outcome::Done)
    }
}
