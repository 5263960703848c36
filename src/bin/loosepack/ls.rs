//! `loosepack ls`

use loosepack::cli::{Cli, Ls};
use loosepack::{Error, ObjectId, ObjectInfo, Placement};
use serde_json::json;

use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::{info, store::Store};

/// Ids that are listed together.
const PAGE: usize = 8192;

/// List all objects.
pub(crate) fn run(cli: &Cli, ls: &Ls, out: &mut Output) -> Result<Outcome, Failure> {
    let store = Store::open(cli)?;
    let mut after: Option<ObjectId> = None;
    loop {
        let page = store.container.objects(after.as_ref(), PAGE).map_err(|error| store.failure(error))?;
        let Some(last) = page.last() else { return Ok(Outcome::Done) };
        after = Some(*last);
        for id in &page {
            if !ls.long {
                if ls.format.json {
                    out.json(&json!({ "id": id.to_string() }))?
                } else {
                    out.line(&id.to_string())?
                }
                continue;
            }
            match store.container.info(id) {
                Ok(found) if ls.format.json => out.json(&info::json(&found))?,
                Ok(found) => out.line(&line(&found))?,
                // Removed since it was listed.
                Err(Error::NotFound(_)) => {}
                Err(error) => return Err(store.failure(error)),
            }
        }
    }
}

fn line(info: &ObjectInfo) -> String {
    let placement = match info.placement {
        Placement::Loose => "loose".into(),
        Placement::Packed(location) if location.compressed() => format!("pack {}, compressed", location.pack),
        Placement::Packed(location) => format!("pack {}", location.pack),
    };
    format!("{}  {:>12}  {placement}", info.id, info.size)
}
