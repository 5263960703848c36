//! `loosepack unlock`

use loosepack::Access;

use crate::failure::{Failure, Outcome};
use crate::session::Session;

/// Remove the lock file of a packer that was killed
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Only one packer works at a time, and its lock file shows who. Where the operating system has no locks, \
a packer that is killed leaves it behind. Make sure that none is running: nothing is done without \
--force.")]
pub(crate) struct Unlock {
    /// I know that no packer runs, on any machine: two at once would damage the container
    #[arg(long, required = true)]
    force: bool,
}

impl Unlock {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        debug_assert!(self.force, "clap requires it");
        let store = session.open_damaged(Access::ReadWrite)?;
        let message = match store.force_unlock().map_err(|error| session.failure(error))? {
            Some(holder) => format!("removed the lock file of {holder}"),
            None => "there was no lock file".into(),
        };
        let message = session.about(&message);
        session.out.line(&message)?;
        Ok(Outcome::Done)
    }
}
