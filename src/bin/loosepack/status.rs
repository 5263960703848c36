//! `loosepack status`

use loosepack::cli::sizes::{counted, human};
use loosepack::cli::{Cli, Format};
use serde_json::json;

use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::store::Store;

/// Tell how much is stored.
pub(crate) fn run(cli: &Cli, format: Format, out: &mut Output) -> Result<Outcome, Failure> {
    let store = Store::open(cli)?;
    let stats = store.container.stats().map_err(|error| store.failure(error))?;
    let config = store.container.config();
    if format.json {
        out.json(&json!({
            "id": store.container.id(),
            "pack-target": config.pack_target,
            "compression-level": config.compression_level,
            "loose-objects": stats.loose_objects,
            "loose-size": stats.loose_size,
            "packed-objects": stats.packed_objects,
            "packed-size": stats.packed_size,
            "packed-length": stats.packed_length,
            "packs": stats.packs,
            "packs-size": stats.packs_size,
            "unfinished": stats.unfinished,
            "unfinished-size": stats.unfinished_size,
        }))?;
        return Ok(Outcome::Done);
    }
    let (target, level) = (human(config.pack_target), config.compression_level);
    out.line(&format!("container  {}, packs of {target}, compression level {level}", store.container.id()))?;
    out.line(&format!("loose      {}, {}", counted(stats.loose_objects, "object"), human(stats.loose_size)))?;
    let (size, length) = (human(stats.packed_size), human(stats.packed_length));
    out.line(&format!("packed     {}, {size}, stored in {length}", counted(stats.packed_objects, "object")))?;
    out.line(&format!("packs      {}, {}", counted(stats.packs, "file"), human(stats.packs_size)))?;
    if stats.unfinished > 0 {
        let (files, size) = (counted(stats.unfinished, "file"), human(stats.unfinished_size));
        out.line(&format!("unfinished {files}, {size}: being written, or left by a writer that was killed"))?;
    }
    Ok(Outcome::Done)
}
