//! `loosepack clone`

use std::path::PathBuf;

use crate::failure::{Failure, Outcome};
use crate::output::Format;
use crate::session::Session;

/// Make a container that reads from a remote, and can be pushed to it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Objects are read from the remote when they are asked for, and kept in the cache. With --all they are all \
copied to the new container. What is added to it stays there until `push`.

Examples:
  loosepack clone s3://team/objects store
  loosepack clone --all s3://team/objects store")]
pub(crate) struct Clone {
    /// The remote
    #[arg(value_name = "URL")]
    url: String,

    /// The container to make
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// Copy all objects
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    format: Format,
}

#[cfg(not(feature = "remote"))]
impl Clone {
    pub(crate) fn run(&self, _: &mut Session<'_>) -> Result<Outcome, Failure> {
        let Clone { url, dir, all, format } = self;
        let _ = (url, dir, all, format);
        Err(super::no_remotes())
    }
}

#[cfg(feature = "remote")]
impl Clone {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        use loosepack::Access;

        use crate::names::shown;
        use crate::remotes;

        let url = remotes::url(&self.dir, Some(&self.url))?;
        let view = remotes::told(&url, session.host.remotes().view(&url))?;
        let there = session.host.open_view(&view, session.options(Access::ReadOnly));
        let there = there.map_err(|error| session.failure_in(url.as_ref(), error))?;
        let config = there.config().map_err(|error| session.failure_in(url.as_ref(), error))?;
        session.writes()?;
        match session.host.create(&self.dir, config, session.options(Access::ReadWrite)) {
            // A clone that was interrupted goes on.
            Err(loosepack::Error::AlreadyExists(_))
                if remotes::remembered(&self.dir)?.is_some_and(|other| other.url == url) => {}
            made => drop(made.map_err(|error| session.failure_in(&self.dir, error))?),
        }
        remotes::remember(&self.dir, &url, true)?;
        if self.all {
            return Ok(remotes::pull(session, &self.dir, &url, self.format)?.outcome());
        }
        let objects = view.root.totals.objects;
        if self.format.json {
            let requests = remotes::json(session.host.remotes().requests());
            session.out.json(&serde_json::json!({ "objects": objects, "url": url, "remote": requests }))?;
        } else {
            let made = format!("{}: made a container that reads {objects} objects from {url}", shown(&self.dir));
            session.out.line(&made)?;
        }
        Ok(Outcome::Done)
    }
}
