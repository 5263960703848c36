//! `loosepack ls`

use loosepack::{Access, ObjectId, ObjectInfo, Placement};
use serde_json::json;

use super::info;
use crate::failure::{Failure, Outcome};
use crate::output::Format;
use crate::session::Session;

/// Ids that are listed together.
const PAGE: u32 = 8192;

/// List all objects, sorted
#[derive(Debug, clap::Args)]
pub(crate) struct Ls {
    /// Show the size and the place of each
    #[arg(short, long)]
    long: bool,

    #[command(flatten)]
    format: Format,
}

impl Ls {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        let store = session.open(Access::ReadOnly)?;
        let mut after: Option<ObjectId> = None;
        loop {
            let page = store.objects(after.as_ref(), PAGE).map_err(|error| session.failure(error))?;
            let Some(last) = page.last() else { return Ok(Outcome::Done) };
            after = Some(*last);
            if self.long {
                let infos = store.info_many(&page).map_err(|error| session.failure(error))?;
                // One without was removed since it was listed.
                for (id, info) in page.iter().zip(&infos).filter_map(|(id, info)| Some((id, info.as_ref()?))) {
                    match self.format.json {
                        true => session.out.json(&info::json(id, info))?,
                        false => session.out.id_line(id, &details(info))?,
                    }
                }
                continue;
            }
            for id in &page {
                match self.format.json {
                    true => session.out.json(&json!({ "id": id.to_string() }))?,
                    false => session.out.id_line(id, "")?,
                }
            }
        }
    }
}

fn details(info: &ObjectInfo) -> String {
    let placement = match info.placement {
        Placement::Loose => "loose".into(),
        Placement::Packed(location) if location.compressed() => format!("pack {}, compressed", location.pack),
        Placement::Packed(location) => format!("pack {}", location.pack),
    };
    format!("  {:>12}  {placement}", info.size)
}
