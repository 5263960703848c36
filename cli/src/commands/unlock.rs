//! `loosepack unlock`

use loosepack::Access;

use crate::failure::{Failure, Outcome};
use crate::session::Session;

/// Remove the lock file of a packer that was killed
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A packer makes a lock file, so that there is one packer at a time. Where the operating system has no
locks, one that was killed may leave it behind. Without --force nothing is done.")]
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
