//! `loosepack remote`

use std::time::Duration;

use crate::failure::{Failure, Outcome};
use crate::output::Format;
use crate::session::Session;
use crate::spans;

/// Make and maintain containers on object storage
#[derive(Debug, clap::Args)]
pub(crate) struct Remote {
    #[command(subcommand)]
    task: Task,
}

/// Which remote, and how to print.
#[derive(Debug, clap::Args)]
struct Target {
    /// The remote
    #[arg(value_name = "URL")]
    url: String,

    #[command(flatten)]
    format: Format,
}

/// What is done with a remote.
#[derive(Debug, clap::Subcommand)]
enum Task {
    Init(Init),
    Fold(Fold),
    Gc(Gc),
}

/// Make a remote, if the server keeps its promises
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Proves first that of eight who create an object at once, one succeeds. Servers that accept the condition \
and do not heed it would lose what is pushed: they are refused.

Example:
  loosepack remote init s3://team/objects")]
struct Init {
    #[command(flatten)]
    target: Target,
}

/// Make one file of a remote's index
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each push adds a file to the index, and makes fewer of them when they are many. After this, readers ask one \
file only. Others may push meanwhile.")]
struct Fold {
    #[command(flatten)]
    target: Target,
}

/// Delete objects of a remote, and files that are in use no more
#[derive(Debug, clap::Args)]
#[command(after_help = "\
With --keep, all objects are deleted but those that are listed, those that somebody pushes or counts on while \
it runs, and those that came so recently as --young says, or share a file of the index with such ones. \
Packs of which no object is left are in use no more.

Files that are in use no more are deleted by a later `remote gc`, when nobody has needed them for --grace, by the \
server's clock: whoever reads an older state of the remote can go on. With --orphans, files are looked for by \
listing that no state of the remote names, as pushes leave them that were killed. A --grace that is shorter than \
the longest push destroys what is being pushed.

Examples:
  loosepack remote gc s3://team/objects
  loosepack remote gc s3://team/objects --keep - < keep.sha256
  loosepack remote gc s3://team/objects --orphans --dry-run")]
struct Gc {
    #[command(flatten)]
    target: Target,

    /// Delete all objects but these; `-` reads lines from standard input, as `gc` does
    #[arg(long, value_name = "ID", num_args = 1..)]
    keep: Vec<String>,

    /// Delete everything if the list is empty, instead of refusing it
    #[arg(long, requires = "keep")]
    allow_empty: bool,

    /// Keep objects that were pushed so recently: a number with s, m, h or d
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = spans::parse)]
    young: Duration,

    /// Leave files that were in use so recently: a number with s, m, h or d
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = spans::parse)]
    grace: Duration,

    /// Look for files that no state of the remote names
    #[arg(long)]
    orphans: bool,

    /// Say what would be deleted, and delete nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

#[cfg(not(feature = "remote"))]
impl Remote {
    pub(crate) fn run(&self, _: &mut Session<'_>) -> Result<Outcome, Failure> {
        let _ = format!("{:?}", self.task);
        Err(super::no_remotes())
    }
}

#[cfg(feature = "remote")]
mod native {
    use loosepack::ObjectId;
    use loosepack_remote::{Collected, Collection, Folded};
    use serde_json::json;

    use super::{Failure, Fold, Gc, Init, Outcome, Remote, Session, Target, Task};
    use crate::ids::{self, Ids};
    use crate::remotes::{self, Containers, Shown, told};
    use crate::sizes::{counted, human};

    impl Remote {
        pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
            match &self.task {
                Task::Init(task) => task.run(session),
                Task::Fold(task) => task.run(session),
                Task::Gc(task) => task.run(session),
            }
        }
    }

    impl Init {
        fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
            let Target { url, format } = &self.target;
            let (remote, cache) = remotes::open(session, url)?;
            let root = told(url, remote.init(&cache, &Containers::new(session.host)))?;
            if format.json {
                let requests = remotes::json(session.host.remotes().requests());
                session.out.json(&json!({ "url": url, "root": root.number, "remote": requests }))?;
            } else {
                session.out.line(&format!("made a remote at {url}"))?;
            }
            Ok(Outcome::Done)
        }
    }

    impl Fold {
        fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
            let Target { url, format } = &self.target;
            let (remote, cache) = remotes::open(session, url)?;
            let folded = told(url, remote.fold(&cache, &Containers::new(session.host)))?;
            let Folded { runs, bytes } = folded.unwrap_or(Folded { runs: 0, bytes: 0 });
            if format.json {
                let requests = remotes::json(session.host.remotes().requests());
                session.out.json(&json!({ "folded": runs, "bytes": bytes, "remote": requests }))?;
            } else if runs == 0 {
                session.out.line("the index is one file already")?;
            } else {
                session.out.line(&format!("made one file of {runs}, {}", human(bytes)))?;
            }
            Ok(Outcome::Done)
        }
    }

    impl Gc {
        fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
            let keep = if self.keep.is_empty() { None } else { Some(self.read_list()?) };
            let Target { url, format } = &self.target;
            let (remote, cache) = remotes::open(session, url)?;
            let containers = Containers::new(session.host);
            let collection = Collection {
                remote: &remote,
                cache: &cache,
                stores: &containers,
                keep: keep.as_deref(),
                young: self.young,
                grace: self.grace,
                orphans: self.orphans,
                dry_run: self.dry_run,
            };
            let mut shown = Shown::new(session, *format, url.as_ref());
            let collected = collection.run(&mut shown);
            shown.end()?;
            self.tell(session, &told(url, collected)?)
        }

        /// The objects to keep, sorted.
        fn read_list(&self) -> Result<Vec<ObjectId>, Failure> {
            let mut keep = ids::read_keep_list(&Ids { ids: self.keep.clone() }, self.allow_empty)?;
            keep.sort_unstable();
            keep.dedup();
            Ok(keep)
        }

        fn tell(&self, session: &mut Session<'_>, collected: &Collected) -> Result<Outcome, Failure> {
            let Collected { objects, bytes, retired, retired_bytes, files, waiting } = *collected;
            if self.target.format.json {
                let requests = remotes::json(session.host.remotes().requests());
                session.out.json(&json!({
                    "objects": objects,
                    "bytes": bytes,
                    "retired": retired,
                    "retired-bytes": retired_bytes,
                    "files": files,
                    "waiting": waiting,
                    "remote": requests,
                }))?;
                return Ok(Outcome::Done);
            }
            let verb = if self.dry_run { "would delete" } else { "deleted" };
            let mut summary = format!("{verb} {}, {}", counted(objects, "object"), human(bytes));
            summary += &format!("; {verb} {}", counted(files, "file"));
            if waiting > 0 || retired > 0 {
                let waiting = if self.dry_run { waiting + retired } else { waiting };
                summary += &format!("; {} in use no more, until --grace is over", counted(waiting, "file"));
            }
            session.out.line(&summary)?;
            Ok(Outcome::Done)
        }
    }
}
