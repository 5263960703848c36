//! The threads that read. Each opens the container for itself, and keeps what clients have open in it; what it does for
//! one of them at a time is a piece, so that no client waits for a slow one.

use std::collections::HashMap;

use bytes::Bytes;
use loosepack::dir::Kind;
use loosepack::dir::cap::{CapDir, CapFile};
use loosepack::store::Reader;
use loosepack::{Code, Dir as _, Error, File as _, ObjectId, Store, codec};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

use crate::reports::Reports;
use crate::target::Target;
use crate::{Open, files};

/// Objects up to this size are checked before their first byte is given out.
const CHECKED: u64 = 1 << 20;

/// Objects that are listed together.
const PAGE: u32 = 4096;

/// What a thread is asked to do. Clients wait for the answer, so that each has one task at most.
pub(crate) enum Task {
    /// Open an object or a file under a key, which nobody else uses.
    Open { key: u64, target: Target, reply: Reply<Opened> },
    /// Read from a position of what is open; at least a byte, unless that is its end.
    Read { key: u64, position: u64, len: usize, reply: Reply<Bytes> },
    /// Write a part of a listing.
    List(Part, Reply<Option<(Bytes, Part)>>),
    /// Close what is open, if it is.
    Close(u64),
}

impl Task {
    /// Returns whether the client has gone.
    fn is_abandoned(&self) -> bool {
        match self {
            Task::Open { reply, .. } => reply.is_closed(),
            Task::Read { reply, .. } => reply.is_closed(),
            Task::List(_, reply) => reply.is_closed(),
            Task::Close(_) => false,
        }
    }
}

/// Where the answer to a task goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Failure>>;

/// Tasks of a thread.
pub(crate) type Tasks = UnboundedSender<Task>;

/// What was opened for a client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opened {
    pub(crate) size: u64,
    /// When a file was last written, in nanoseconds since 1970.
    pub(crate) modified: u64,
}

/// How far a listing is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    /// Objects after an id, so many at most.
    Objects(Option<ObjectId>, u64),
    /// Files of this folder and the next ones.
    Files(u32),
}

/// Why there is no answer. The details are reported where the server runs: clients are told nothing of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    Absent,
    Failed,
}

/// What went wrong with a task.
enum Problem {
    Absent,
    /// It was closed by a failure, which was reported then.
    Closed,
    /// Something is wrong with a file, and nothing with the store.
    File(String),
    Store(Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound(_) => Problem::Absent,
            error => Problem::Store(error),
        }
    }
}

enum Source<'a> {
    Object(Object<'a>),
    File(CapFile),
}

/// An object, the position of its reader, and its size when it was opened.
struct Object<'a> {
    reader: Box<dyn Reader + 'a>,
    position: u64,
    size: u64,
}

impl Object<'_> {
    fn read(&mut self, bytes: &mut [u8], position: u64) -> Result<usize, Problem> {
        if self.position != position {
            self.reader.seek(position)?;
        }
        let read = self.reader.read(bytes)?;
        self.position = position + read as u64;
        // In place of a damaged copy another may be read, whose size is the right one.
        if self.reader.size() != self.size {
            return Err(Problem::File(format!("an object had {} bytes and then {}", self.size, self.reader.size())));
        }
        Ok(read)
    }
}

/// What a thread does until there are no more clients.
pub(crate) fn work(open: &Open<'_>, dir: Option<&CapDir>, mut tasks: UnboundedReceiver<Task>, reports: &Reports<'_>) {
    let mut next = tasks.blocking_recv();
    while let Some(task) = next {
        next = match open() {
            Ok(store) => Desk { store: &*store, dir, reports, open: HashMap::new() }.work(task, &mut tasks),
            Err(error) => {
                reports.report(&error.to_string());
                drop(task);
                tasks.blocking_recv()
            }
        }
    }
}

struct Desk<'a> {
    store: &'a dyn Store,
    /// Where the container's own files are, if they are served.
    dir: Option<&'a CapDir>,
    reports: &'a Reports<'a>,
    open: HashMap<u64, Source<'a>>,
}

impl Desk<'_> {
    /// Works until the store has failed. Returns the task that comes next then.
    fn work(&mut self, first: Task, tasks: &mut UnboundedReceiver<Task>) -> Option<Task> {
        let mut next = Some(first);
        while let Some(task) = next {
            let stays = task.is_abandoned() || self.serve(task);
            next = tasks.blocking_recv();
            if !stays {
                break;
            }
        }
        next
    }

    /// Does a task. Returns whether the store can be used on.
    fn serve(&mut self, task: Task) -> bool {
        match task {
            Task::Open { key, target, reply } => {
                let opened = self.start(key, &target);
                self.reply(reply, opened)
            }
            Task::Read { key, position, len, reply } => {
                let read = self.read(key, position, len);
                if read.is_err() {
                    self.open.remove(&key);
                }
                self.reply(reply, read)
            }
            Task::List(part, reply) => {
                let listed = self.list(part);
                self.reply(reply, listed)
            }
            Task::Close(key) => {
                self.open.remove(&key);
                true
            }
        }
    }

    /// Answers, and reports what is not the client's doing. Returns whether the store can be used on.
    fn reply<T>(&self, reply: Reply<T>, result: Result<T, Problem>) -> bool {
        let (answer, report) = match result {
            Ok(answer) => (Ok(answer), None),
            Err(Problem::Absent) => (Err(Failure::Absent), None),
            Err(Problem::Closed) => (Err(Failure::Failed), None),
            Err(Problem::File(problem)) => (Err(Failure::Failed), Some((problem, true))),
            Err(Problem::Store(error)) => {
                (Err(Failure::Failed), Some((error.to_string(), matches!(error, Error::Corrupt(_)))))
            }
        };
        // A client that has gone waits for nothing; what it had opened it closes.
        let _ = reply.send(answer);
        report.is_none_or(|(problem, stays)| {
            self.reports.report(&problem);
            stays
        })
    }

    fn start(&mut self, key: u64, target: &Target) -> Result<Opened, Problem> {
        let (source, size, modified) = match target {
            Target::Object(id) => {
                let mut reader = self.store.reader(id)?;
                if reader.size() <= CHECKED {
                    // It is compared with its ID, and has the size that it says then.
                    reader.read(&mut [0])?;
                    reader.seek(0)?;
                }
                let size = reader.size();
                if size == 0 && *id != codec::sha256(b"") {
                    return Err(Problem::File(format!("damaged: object {id} is empty")));
                }
                (Source::Object(Object { reader, position: 0, size }), size, 0)
            }
            Target::File(path) => {
                let dir = self.dir.ok_or(Problem::Absent)?;
                let opened = dir.open_read(path).and_then(|file| Ok((file.metadata()?, file)));
                match opened {
                    Ok((found, file)) if found.kind == Kind::File => (Source::File(file), found.len, found.modified),
                    Ok(_) | Err(Code::NotFound | Code::NotDirectory) => return Err(Problem::Absent),
                    Err(code) => return Err(failed("open", path, code)),
                }
            }
            Target::Listing { .. } | Target::Files => return Err(Problem::Absent),
        };
        self.open.insert(key, source);
        Ok(Opened { size, modified })
    }

    fn read(&mut self, key: u64, position: u64, len: usize) -> Result<Bytes, Problem> {
        let mut bytes = vec![0; len];
        let read = match self.open.get_mut(&key).ok_or(Problem::Closed)? {
            Source::Object(object) => object.read(&mut bytes, position)?,
            Source::File(file) => file.read_at(&mut bytes, position).map_err(|code| failed("read", "a file", code))?,
        };
        bytes.truncate(read);
        Ok(bytes.into())
    }

    fn list(&self, part: Part) -> Result<Option<(Bytes, Part)>, Problem> {
        match part {
            Part::Objects(_, 0) => Ok(None),
            Part::Objects(after, limit) => {
                let page = self.store.objects(after.as_ref(), u32::try_from(limit).unwrap_or(PAGE).min(PAGE))?;
                let Some(last) = page.last() else { return Ok(None) };
                let infos = self.store.info_many(&page)?;
                // One without was removed since it was listed.
                let found = page.iter().zip(infos).filter_map(|(id, info)| Some((id, info?.size)));
                let lines: String = found.map(|(id, size)| format!("{{\"id\":\"{id}\",\"size\":{size}}}\n")).collect();
                Ok(Some((lines.into(), Part::Objects(Some(*last), limit - page.len() as u64))))
            }
            Part::Files(folder) => {
                let dir = self.dir.ok_or(Problem::Absent)?;
                let listed = files::list(dir, folder).map_err(|code| failed("list", "a folder", code))?;
                Ok(listed.map(|lines| (lines.into(), Part::Files(folder + 1))))
            }
        }
    }
}

fn failed(operation: &str, path: &str, code: Code) -> Problem {
    Problem::File(format!("cannot {operation} {path}: {code}"))
}
