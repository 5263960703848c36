//! `loosepack pack`

use loosepack::PackLoose;
use loosepack::cli::sizes::{counted, human};
use loosepack::cli::{Cli, Pack};

use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::{jobs, store::Store};

/// Move loose objects into packs.
pub(crate) fn run(cli: &Cli, pack: &Pack, out: &mut Output) -> Result<Outcome, Failure> {
    let store = Store::open(cli)?;
    let mut job = store.take_place(|container| PackLoose::new(container, pack.compress.into()))?;
    let done = jobs::run(&store, &mut job)?;
    let summary = format!("packed {}, {}", counted(done.objects, "object"), human(done.bytes));
    done.print(pack.format, &summary, out)
}
