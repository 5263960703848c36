//! `loosepack delete`

use std::collections::BTreeSet;

use loosepack::{Access, ObjectId};

use crate::failure::{Failure, Outcome};
use crate::ids::{self, Ids};
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
  loosepack delete - < ids.txt")]
pub(crate) struct Delete {
    #[command(flatten)]
    ids: Ids,

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
        let store = session.open(Access::ReadWrite)?;
        let ids: Vec<ObjectId> = named.into_iter().collect();
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
}
