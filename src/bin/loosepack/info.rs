//! `loosepack info`

use loosepack::cli::{Cli, Ids};
use loosepack::{Error, ObjectInfo, Placement};
use serde_json::{Value, json};

use crate::failure::{Failure, Outcome, tell};
use crate::output::Output;
use crate::{ids, store::Store};

/// Tell what is known of objects.
pub(crate) fn run(cli: &Cli, info: &Ids, out: &mut Output) -> Result<Outcome, Failure> {
    let store = Store::open(cli)?;
    let mut first = true;
    ids::each_batch(&info.ids, |ids| {
        let mut outcome = Outcome::Done;
        for id in ids {
            let info_of = match store.container.info(id) {
                Ok(found) => found,
                Err(error @ Error::NotFound(_)) => {
                    tell(store.about(&error.to_string()));
                    outcome = Outcome::Lacking;
                    continue;
                }
                Err(error) => return Err(store.failure(error)),
            };
            if info.format.json {
                out.json(&json(&info_of))?;
                continue;
            }
            if !first {
                out.line("")?;
            }
            first = false;
            lines(&info_of, out)?;
        }
        Ok(outcome)
    })
}

/// What is known of an object, for programs.
pub(crate) fn json(info: &ObjectInfo) -> Value {
    let (id, size) = (info.id.to_string(), info.size);
    match info.placement {
        Placement::Loose => json!({ "id": id, "size": size, "placement": "loose" }),
        Placement::Packed(location) => json!({
            "id": id,
            "size": size,
            "placement": "packed",
            "pack": location.pack,
            "offset": location.offset,
            "length": location.length,
            "compressed": location.compressed(),
        }),
    }
}

fn lines(info: &ObjectInfo, out: &mut Output) -> Result<(), Failure> {
    out.line(&format!("id: {}", info.id))?;
    out.line(&format!("size: {}", info.size))?;
    match info.placement {
        Placement::Loose => out.line("placement: loose"),
        Placement::Packed(location) => {
            out.line("placement: packed")?;
            out.line(&format!("pack: {}", location.pack))?;
            out.line(&format!("offset: {}", location.offset))?;
            out.line(&format!("length: {}", location.length))?;
            out.line(&format!("compressed: {}", if location.compressed() { "yes" } else { "no" }))
        }
    }
}
