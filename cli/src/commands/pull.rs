//! `loosepack pull`

use crate::failure::{Failure, Outcome};
use crate::output::Format;
use crate::session::Session;

/// Copy all objects of a remote that are not here
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Objects are copied straight to packs, as they are stored there, and checked. A pull that was interrupted \
goes on when it is started again. The URL is remembered for the next `push` and `pull`.

Examples:
  loosepack -C store pull s3://team/objects
  loosepack -C store import s3://team/objects --ids - < ids.txt    copies some")]
pub(crate) struct Pull {
    /// The remote; without it, the one that was pushed to or cloned
    #[arg(value_name = "URL")]
    url: Option<String>,

    #[command(flatten)]
    format: Format,
}

#[cfg(not(feature = "remote"))]
impl Pull {
    pub(crate) fn run(&self, _: &mut Session<'_>) -> Result<Outcome, Failure> {
        let Pull { url, format } = self;
        let _ = (url, format);
        Err(super::no_remotes())
    }
}

#[cfg(feature = "remote")]
impl Pull {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        let directory = session.directory()?;
        let url = crate::remotes::url(directory, self.url.as_deref())?;
        let done = crate::remotes::pull(session, directory, &url, self.format)?;
        crate::remotes::remember(directory, &url, false)?;
        Ok(done.outcome())
    }
}
