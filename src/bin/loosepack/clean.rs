//! `loosepack clean`

use loosepack::Clean;
use loosepack::cli::sizes::{counted, human};
use loosepack::cli::{Cli, Format};

use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::{jobs, store::Store};

/// Remove the loose files of packed objects.
pub(crate) fn run(cli: &Cli, format: Format, out: &mut Output) -> Result<Outcome, Failure> {
    let store = Store::open(cli)?;
    let mut job = store.take_place(Clean::new)?;
    let done = jobs::run(&store, &mut job)?;
    let summary = format!("removed {}, {}", counted(done.objects, "loose file"), human(done.bytes));
    done.print(format, &summary, out)
}
