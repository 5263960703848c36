//! `loosepack completions`

use clap_complete::Shell;

use crate::definition;
use crate::failure::{Failure, Outcome};
use crate::session::Session;

/// Print what makes a shell complete this command
#[derive(Debug, clap::Args)]
#[command(
    hide = true,
    after_help = "\
Example:
  source <(loosepack completions bash)"
)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut definition(), "loosepack", &mut script);
        session.out.bytes(&script)?;
        Ok(Outcome::Done)
    }
}
