//! `loosepack reindex`

use loosepack::Reindex;
use loosepack::cli::sizes::{counted, human};
use loosepack::cli::{Cli, Format};

use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::{jobs, store::Store};

/// Rebuild the index from the packs.
pub(crate) fn run(cli: &Cli, format: Format, out: &mut Output) -> Result<Outcome, Failure> {
    let store = Store::open_damaged(cli).map_err(|failure| {
        failure
            .and("if only container.json is lost, restore it from a copy, or put that of a new container in its place")
    })?;
    let mut job = store.take_place(Reindex::new)?;
    let done = jobs::run(&store, &mut job)?;
    let summary = format!("indexed {}, {}", counted(done.objects, "packed object"), human(done.bytes));
    done.print(format, &summary, out)
}
