//! `loosepack info`

use loosepack::{Access, Error, ObjectId, ObjectInfo, Placement};
use serde_json::{Value, json};

use crate::failure::{Failure, Outcome, tell};
use crate::ids::{self, Ids};
use crate::output::{Format, Output};
use crate::session::Session;

/// Show size and place of objects
#[derive(Debug, clap::Args)]
pub(crate) struct Info {
    #[command(flatten)]
    ids: Ids,

    #[command(flatten)]
    format: Format,
}

impl Info {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        let store = session.open(Access::ReadOnly)?;
        let mut first = true;
        ids::each_batch(&self.ids, |ids| {
            let mut outcome = Outcome::Done;
            let infos = store.info_many(ids).map_err(|error| session.failure(error))?;
            for (id, info) in ids.iter().zip(infos) {
                let Some(info) = info else {
                    tell(session.about(&Error::NotFound(*id).to_string()));
                    outcome = Outcome::Lacking;
                    continue;
                };
                if self.format.json {
                    session.out.json(&json(id, &info))?;
                    continue;
                }
                if !first {
                    session.out.line("")?;
                }
                first = false;
                lines(id, &info, &mut session.out)?;
            }
            Ok(outcome)
        })
    }
}

/// Describes an object as JSON.
pub(super) fn json(id: &ObjectId, info: &ObjectInfo) -> Value {
    let (id, size) = (id.to_string(), info.size);
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

fn lines(id: &ObjectId, info: &ObjectInfo, out: &mut Output) -> Result<(), Failure> {
    out.line(&format!("id: {id}"))?;
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
