//! `loosepack has`

use loosepack::Access;
use serde_json::json;

use crate::failure::{Failure, Outcome};
use crate::ids::{self, Ids};
use crate::output::Format;
use crate::session::Session;

/// Show which objects exist
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints `ID  present` or `ID  absent` for each. The exit status is 1 if any is absent.

Examples:
  loosepack has HASH
  sha256sum *.jpg | loosepack has -")]
pub(crate) struct Has {
    #[command(flatten)]
    ids: Ids,

    #[command(flatten)]
    format: Format,
}

impl Has {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        let store = session.open(Access::ReadOnly)?;
        ids::each_batch(&self.ids, |ids| {
            let found = store.contains(ids).map_err(|error| session.failure(error))?;
            for (id, present) in ids.iter().zip(&found) {
                if self.format.json {
                    session.out.json(&json!({ "id": id.to_string(), "present": present }))?;
                } else {
                    session.out.id_line(id, if *present { "  present" } else { "  absent" })?;
                }
            }
            Ok(if found.contains(&false) { Outcome::Lacking } else { Outcome::Done })
        })
    }
}
