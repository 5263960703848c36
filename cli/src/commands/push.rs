//! `loosepack push`

use crate::failure::{Failure, Outcome};
use crate::output::Format;
use crate::session::Session;
use crate::sizes;

/// Add what a remote lacks of the objects to it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A remote is a container on object storage: s3://BUCKET/PREFIX, or gs://, az://, file://. `remote init` makes one. \
Credentials come from the environment, as AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and \
AWS_ENDPOINT_URL.

Any number of machines may push at the same time. Objects are checked on their way; a damaged one is \
reported, and the exit status is then 1. A push that was interrupted goes on when it is started again. A \
push only adds: objects that were deleted here stay there until `remote gc`. The URL is remembered for \
the next `push` and `pull`.

With --evict, objects that the remote has are deleted here, and read from there when they are asked for.

Examples:
  loosepack -C store push s3://team/objects
  loosepack -C store push --evict")]
pub(crate) struct Push {
    /// The remote; without it, the one that was pushed to or cloned
    #[arg(value_name = "URL")]
    url: Option<String>,

    /// Delete here what the remote has
    #[arg(long)]
    evict: bool,

    /// Make a state of the remote of each so many bytes: so much room is needed in the cache, and so much is \
    /// done again after an interruption
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = sizes::parse)]
    batch: u64,

    #[command(flatten)]
    format: Format,
}

#[cfg(not(feature = "remote"))]
impl Push {
    pub(crate) fn run(&self, _: &mut Session<'_>) -> Result<Outcome, Failure> {
        let Push { url, evict, batch, format } = self;
        let _ = (url, evict, batch, format);
        Err(super::no_remotes())
    }
}

#[cfg(feature = "remote")]
mod native {
    use loosepack::{Access, RepackOptions};
    use loosepack_remote::{Push as Pushing, Pushed};
    use serde_json::json;

    use super::{Failure, Outcome, Push, Session};
    use crate::remotes::{self, Containers, Shown};
    use crate::sizes::{counted, human};

    /// Objects that are deleted at once after a push.
    const PAGE: u32 = 1 << 16;

    impl Push {
        pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
            let directory = session.directory()?;
            let url = remotes::url(directory, self.url.as_deref())?;
            let host = session.host;
            let store = session.open_here(Access::ReadOnly)?;
            let (remote, cache) = remotes::open(session, &url)?;
            let containers = Containers::new(host);
            let push = Pushing {
                store: &*store,
                dir: directory,
                remote: &remote,
                cache: &cache,
                stores: &containers,
                batch: self.batch,
            };
            let mut shown = Shown::new(session, self.format, directory);
            let pushed = push.run(&mut shown);
            shown.end()?;
            let pushed = remotes::told(&url, pushed)?;
            // Before anything is deleted here.
            remotes::remember(directory, &url, self.evict)?;
            let evicted = if self.evict { self.evict(session, &url)? } else { 0 };
            self.tell(session, &pushed, evicted)?;
            Ok(if pushed.problems > 0 { Outcome::Lacking } else { Outcome::Done })
        }

        fn tell(&self, session: &mut Session<'_>, pushed: &Pushed, evicted: u64) -> Result<(), Failure> {
            let Pushed { objects, bytes, present, problems, sent } = *pushed;
            if self.format.json {
                let requests = remotes::json(session.host.remotes().requests());
                return session.out.json(&json!({
                    "objects": objects,
                    "bytes": bytes,
                    "present": present,
                    "problems": problems,
                    "sent": sent,
                    "evicted": evicted,
                    "remote": requests,
                }));
            }
            let mut summary = format!("pushed {}, {}", counted(objects, "object"), human(bytes));
            for (number, what) in [(present, "there before"), (problems, "not pushed"), (evicted, "evicted")] {
                if number > 0 {
                    summary += &format!("; {number} {what}");
                }
            }
            session.out.line(&summary)
        }

        /// Deletes here what the remote has. Returns how many objects that were.
        fn evict(&self, session: &Session<'_>, url: &str) -> Result<u64, Failure> {
            let remote = remotes::told(url, session.host.remotes().remote(url))?;
            let view = remotes::told(url, session.host.remotes().newest_view(url))?;
            let there = session.host.open_view(&view, session.options(Access::ReadOnly));
            let there = there.map_err(|error| session.failure_in(url.as_ref(), error))?;
            let here = session.open_here(Access::ReadWrite)?;
            let failed = |error| session.failure(error);
            let (mut after, mut evicted) = (None, 0);
            loop {
                let page = here.objects(after.as_ref(), PAGE).map_err(failed)?;
                let Some(last) = page.last() else { break };
                after = Some(*last);
                let found = there.contains(&page).map_err(|error| session.failure_in(url.as_ref(), error))?;
                let ids: Vec<_> = page.iter().zip(found).filter(|(_, found)| *found).map(|(id, _)| *id).collect();
                if !ids.is_empty() {
                    // What was found there is there still, and nobody is about to delete it.
                    let newest = remotes::told(url, remote.newest(Some(view.root.clone())))?;
                    if newest.collecting.is_some() || newest.deletions != view.root.deletions {
                        let problem = format!(
                            "garbage is collected in the remote, which may delete what is only there: {evicted} objects were \
                             evicted; try again later, and if whoever collects was killed, after `remote gc`"
                        );
                        return Err(problem.into());
                    }
                    let mut job = session.take_lock(|| here.delete(ids.clone()))?;
                    evicted += remotes::finish(&mut *job).map_err(failed)?;
                }
            }
            // Packs without any object go; others stay as they are.
            let options = RepackOptions { min_dead: Some(100), ..RepackOptions::default() };
            let mut job = session.take_lock(|| here.repack(options))?;
            remotes::finish(&mut *job).map_err(failed)?;
            Ok(evicted)
        }
    }
}
