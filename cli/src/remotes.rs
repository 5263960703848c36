//! What the subcommands for remotes share.

use std::fs;
use std::path::Path;

use loosepack::{Access, Durability, Finding, Job, ObjectId, Options, Store};
use loosepack_remote::{Cache, Remote, Report, Requests, Stores, Through, View, harmless};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::jobs::{self, Done};
use crate::names::shown;
use crate::output::Format;
use crate::progress::Progress;
use crate::session::{Session, about};
use crate::sizes::{counted, human};
use crate::{Host, Transfer};

/// The file of a container that names the remote it was pushed to or cloned from.
const REMEMBERED: &str = "remote.json";

/// The file of a container that names its remote is refused beyond this size.
const REMEMBERED_MAX: u64 = 64 << 10;

/// Containers of this machine, for operations on remotes.
pub(crate) struct Containers<'a>(&'a dyn Host);

impl<'a> Containers<'a> {
    pub(crate) fn new(host: &'a dyn Host) -> Self {
        Containers(host)
    }

    /// What is prepared here is of no use after a power cut.
    fn options(&self, access: Access) -> Options {
        Options { access, durability: Durability::None, holder: self.0.holder(), ..Options::default() }
    }
}

impl Stores for Containers<'_> {
    fn create(&self, dir: &Path) -> loosepack::Result<()> {
        self.0.create(dir, loosepack::Config::default(), self.options(Access::ReadWrite)).map(drop)
    }

    fn open(&self, dir: &Path) -> loosepack::Result<Box<dyn Store>> {
        self.0.open(dir, self.options(Access::ReadWrite))
    }

    fn view(&self, view: &View) -> loosepack::Result<Box<dyn Store>> {
        self.0.open_view(view, self.options(Access::ReadOnly))
    }

    fn copy(&self, from: &Path, ids: Vec<ObjectId>, to: &Path) -> loosepack::Result<Box<dyn Job>> {
        self.0.transfer(to, self.options(Access::ReadWrite), from, &Transfer::Import(Some(ids)))
    }
}

/// Opens a remote, and the cache.
pub(crate) fn open(session: &Session<'_>, url: &str) -> Result<(Remote, Cache), Failure> {
    let remotes = session.host.remotes();
    Ok((told(url, remotes.remote(url))?, told(url, remotes.cache())?))
}

/// Words a failure of a remote.
pub(crate) fn told<T>(url: &str, result: loosepack_remote::Result<T>) -> Result<T, Failure> {
    result.map_err(|error| format!("{}: {error}", harmless(url)).into())
}

/// The URL that stands where the directory of a container may stand.
pub(crate) fn url_of(directory: &Path) -> Option<&str> {
    directory.to_str().filter(|text| loosepack_remote::is_url(text))
}

/// The remote that is meant: the one that is named, or the one that a container remembers.
pub(crate) fn url(container: &Path, named: Option<&str>) -> Result<String, Failure> {
    let url = match named {
        Some(url) => url.to_string(),
        None => remembered(container)?.map(|remembered| remembered.url).ok_or_else(|| {
            about(container, "no remote was pushed to or cloned: name one, as in `push s3://BUCKET/PREFIX`")
        })?,
    };
    if !loosepack_remote::is_url(&url) {
        return Err(format!(
            "{}: this is no URL of a remote: write s3://BUCKET/PREFIX",
            shown(Path::new(&harmless(&url)))
        )
        .into());
    }
    Ok(url.trim_end_matches('/').into())
}

/// A remote that a container was pushed to or cloned from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Remembered {
    pub(crate) url: String,
    /// What the container lacks is read from there.
    pub(crate) reads: bool,
}

/// The remote that a container was pushed to or cloned from.
pub(crate) fn remembered(container: &Path) -> Result<Option<Remembered>, Failure> {
    let path = container.join(REMEMBERED);
    let read = || {
        if fs::symlink_metadata(&path)?.len() > REMEMBERED_MAX {
            return Ok(Vec::new());
        }
        fs::read(&path)
    };
    let bytes = match read() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|error| format!("cannot read {}: {error}", shown(&path)))?,
    };
    let value = serde_json::from_slice::<Value>(&bytes).unwrap_or_default();
    let url = value["url"].as_str().filter(|url| loosepack_remote::is_url(url)).map(String::from);
    let reads = value["reads"].as_bool();
    match (url, reads) {
        (Some(url), Some(reads)) => Ok(Some(Remembered { url, reads })),
        _ => Err(format!("{}: it names no remote: remove it", shown(&path)).into()),
    }
}

/// Remembers the remote of a container, and from now on reads from there what the container lacks, if `reads`.
pub(crate) fn remember(container: &Path, url: &str, reads: bool) -> Result<(), Failure> {
    let before = remembered(container).ok().flatten();
    // Whoever has read from there goes on.
    let reads = reads || before.as_ref().is_some_and(|before| before.reads && before.url == url);
    if before == Some(Remembered { url: url.into(), reads }) {
        return Ok(());
    }
    let (path, temporary) = (container.join(REMEMBERED), container.join(format!("{REMEMBERED}.new")));
    let line = json!({ "url": url, "reads": reads }).to_string() + "\n";
    let written = fs::write(&temporary, line).and_then(|()| fs::rename(&temporary, &path));
    written.map_err(|error| format!("cannot write {}: {error}", shown(&path)).into())
}

/// Reads what a container lacks from the remote that it remembers.
pub(crate) fn through<'a>(
    here: Box<dyn Store>,
    container: &Path,
    host: &'a dyn Host,
    options: Options,
) -> Result<Box<dyn Store + 'a>, Failure> {
    if url_of(container).is_some() {
        return Ok(here);
    }
    let Some(Remembered { url, reads: true }) = remembered(container)? else { return Ok(here) };
    Ok(Box::new(Through::new(here, Box::new(move || host.open(url.as_ref(), options.clone())))))
}

/// Copies all objects of a remote that are not in a container.
pub(crate) fn pull(session: &mut Session<'_>, container: &Path, url: &str, format: Format) -> Result<Done, Failure> {
    let mut job = session.transfer_from(container, url.as_ref(), &Transfer::Import(None))?;
    jobs::run_in(session, container, &mut *job, format, |done| {
        format!("pulled {}, {}", counted(done.objects, "object"), human(done.bytes))
    })
}

/// Runs a job. Returns how many objects it was done to.
pub(crate) fn finish(job: &mut dyn Job) -> loosepack::Result<u64> {
    loop {
        let step = job.step()?;
        if step.finished {
            return Ok(step.objects);
        }
    }
}

/// What was asked of servers, for programs.
pub(crate) fn json(requests: Option<Requests>) -> Value {
    let requests = requests.unwrap_or_default();
    let Requests { reads, writes, deletes, received, sent } = requests;
    json!({
        "reads": reads,
        "writes": writes,
        "deletes": deletes,
        "received": received,
        "sent": sent,
        "request-dollars": requests.request_dollars(),
        "transfer-dollars": requests.transfer_dollars(),
    })
}

/// What was asked of servers, for people.
pub(crate) fn account(requests: &Requests) -> String {
    let Requests { received, sent, .. } = *requests;
    let dollars = requests.request_dollars();
    format!(
        "remote: {}, {} received, {} sent; ${dollars:.6} by list price",
        counted(requests.all(), "request"),
        human(received),
        human(sent)
    )
}

/// Shows and prints how far an operation is.
pub(crate) struct Shown<'a, 'b> {
    session: &'a mut Session<'b>,
    progress: Progress,
    format: Format,
    about: &'a Path,
    failure: Option<Failure>,
    printed: u64,
}

impl<'a, 'b> Shown<'a, 'b> {
    /// `about`: what findings are about.
    pub(crate) fn new(session: &'a mut Session<'b>, format: Format, about: &'a Path) -> Self {
        let progress = session.progress();
        Shown { session, progress, format, about, failure: None, printed: 0 }
    }

    /// It has ended.
    pub(crate) fn end(mut self) -> Result<(), Failure> {
        self.progress.clear();
        self.failure.map_or(Ok(()), Err)
    }

    fn print(&mut self, value: &Value) {
        let printed = self.session.out.json(value).and_then(|()| self.session.out.flush());
        match printed {
            // The work is still to be done.
            Ok(()) | Err(Failure::ReaderGone) => {}
            Err(failure) => self.failure = self.failure.take().or(Some(failure)),
        }
    }

    fn finding(&mut self, kind: &str, word: &str, finding: &Finding) {
        if self.format.json {
            self.print(&json!({ "file": finding.file, kind: finding.message }));
        } else {
            self.progress.tell(about(self.about, &format!("{word}: {finding}")));
        }
    }
}

impl Report for Shown<'_, '_> {
    fn progress(&mut self, done: u64, total: u64, objects: u64, bytes: u64) {
        self.progress.job(done, total, objects, bytes);
        if self.format.json && done > self.printed {
            self.printed = done;
            self.print(&json!({ "done": done, "total": total, "objects": objects, "bytes": bytes }));
        }
    }

    fn problem(&mut self, finding: &Finding) {
        self.finding("problem", "damaged", finding);
    }

    fn note(&mut self, finding: &Finding) {
        if !self.session.is_quiet() {
            self.finding("note", "note", finding);
        }
    }
}
