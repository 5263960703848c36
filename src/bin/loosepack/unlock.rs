//! `loosepack unlock`

use loosepack::cli::Cli;

use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::store::Store;

/// Remove the mark of a packer that was killed.
pub(crate) fn run(cli: &Cli, out: &mut Output) -> Result<Outcome, Failure> {
    let store = Store::open_damaged(cli)?;
    let message = match store.container.force_unlock().map_err(|error| store.failure(error))? {
        Some(holder) => format!("removed the mark of {holder}"),
        None => "there was no mark".into(),
    };
    out.line(&store.about(&message))?;
    Ok(Outcome::Done)
}
