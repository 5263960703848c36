//! `loosepack has`

use loosepack::cli::{Cli, Ids};
use serde_json::json;

use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::{ids, store::Store};

/// Tell which objects there are.
pub(crate) fn run(cli: &Cli, has: &Ids, out: &mut Output) -> Result<Outcome, Failure> {
    let store = Store::open(cli)?;
    ids::each_batch(&has.ids, |ids| {
        let found = store.container.contains(ids).map_err(|error| store.failure(error))?;
        for (id, present) in ids.iter().zip(&found) {
            if has.format.json {
                out.json(&json!({ "id": id.to_string(), "present": present }))?;
            } else {
                out.line(&format!("{id}  {}", if *present { "present" } else { "absent" }))?;
            }
        }
        Ok(if found.contains(&false) { Outcome::Lacking } else { Outcome::Done })
    })
}
