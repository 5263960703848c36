//! `loosepack delete`

use std::collections::BTreeSet;

use loosepack::{Access, ObjectId};
use serde_json::json;

use crate::failure::{Failure, Outcome};
use crate::ids::{self, BATCH, Ids};
use crate::jobs::{self, Done};
use crate::output::Format;
use crate::session::Session;
use crate::sizes::{counted, human};

/// Delete objects, loose or packed
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Can run at any time, also while others add and read. A reader that has an object open can read on. \
The bytes of a packed object stay in its pack, unreferenced. If one of the IDs is invalid, nothing is \
deleted. The exit status is 1 if one of the objects did not exist. With --json, progress and findings are \
printed as by `verify --json`.

Examples:
  loosepack delete HASH
  loosepack delete --dry-run - < ids.txt
  loosepack delete - < ids.txt")]
pub(crate) struct Delete {
    #[command(flatten)]
    ids: Ids,

    /// Count what would be deleted, and delete nothing
    #[arg(short = 'n', long)]
    dry_run: bool,

    #[command(flatten)]
    format: Format,
}

impl Delete {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        let mut named: BTreeSet<ObjectId> = BTreeSet::new();
        let read = ids::each_batch(&self.ids, |ids| {
            named.extend(ids);
            Ok(Outcome::Done)
        })?;
        if read == Outcome::Failed {
            return Err("nothing was deleted".to_string().into());
        }
        let ids: Vec<ObjectId> = named.into_iter().collect();
        if self.dry_run {
            return self.count(session, &ids);
        }
        let store = session.open(Access::ReadWrite)?;
        let mut job = session.take_lock(|| store.delete(ids.clone()))?;
        let absent = |done: &Done| (ids.len() as u64).saturating_sub(done.objects);
        let done = jobs::run(session, &mut *job, self.format, |done| {
            let deleted = format!("deleted {}, {}", counted(done.objects, "object"), human(done.bytes));
            match absent(done) {
                0 => deleted,
                absent => format!("{deleted}; {} did not exist", counted(absent, "object")),
            }
        })?;
        Ok(done.outcome().max(if absent(&done) > 0 { Outcome::Lacking } else { Outcome::Done }))
    }

    /// Prints what would be deleted.
    fn count(&self, session: &mut Session<'_>, ids: &[ObjectId]) -> Result<Outcome, Failure> {
        let store = session.open(Access::ReadOnly)?;
        let (mut objects, mut bytes) = (0_u64, 0_u64);
        for ids in ids.chunks(BATCH) {
            let infos = store.info_many(ids).map_err(|error| session.failure(error))?;
            for info in infos.iter().flatten() {
                objects += 1;
                bytes = bytes.saturating_add(info.size);
            }
        }
        let absent = ids.len() as u64 - objects;
        if self.format.json {
            session.out.json(&json!({ "objects": objects, "bytes": bytes, "absent": absent }))?;
        } else {
            let mut summary = format!("would delete {}, {}", counted(objects, "object"), human(bytes));
            if absent > 0 {
                let verb = if absent == 1 { "does" } else { "do" };
                summary += &format!("; {} {verb} not exist", counted(absent, "object"));
            }
            session.out.line(&summary)?;
        }
        Ok(if absent > 0 { Outcome::Lacking } else { Outcome::Done })
    }
}
