//! `loosepack init`

use loosepack::Config;
use loosepack::cli::{Cli, Init};

use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::store::Store;

/// Make a container.
pub(crate) fn run(cli: &Cli, init: &Init, out: &mut Output) -> Result<Outcome, Failure> {
    let config = Config { pack_target: init.pack_target, compression_level: init.compression_level };
    let store = Store::create(cli, config)?;
    out.line(&store.about(&format!("made container {}", store.container.id())))?;
    Ok(Outcome::Done)
}
