//! The threads that read. Each opens the container for itself, and keeps what clients have open in it; what it does for
//! one of them at a time is a piece, so that no client waits for a slow one.

use std::collections::HashMap;

use bytes::Bytes;
use loosepack::dir::Kind;
use loosepack::dir::cap::{CapDir, CapFile};
use loosepack::store::Reader;
use loosepack::{Code, Dir as _, Error, File as _, ObjectId, Store};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

use crate::target::Target;
use crate::{Open, files};

/// Objects that are listed together.
const PAGE: u32 = 4096;

/// What a thread is asked to do. Clients wait for the answer, so that each has one task at most.
pub(crate) enum Task {
    /// Open an object or a file.
    Open(Target, Reply<Opened>),
    /// Read from a position of what is open; at least a byte, unless that is its end.
    Read { key: u64, position: u64, len: usize, reply: Reply<Bytes> },
    /// Write a part of a listing.
    List(Part, Reply<Option<(Bytes, Part)>>),
    /// Close what is open.
    Close(u64),
}

/// Where the answer to a task goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Failure>>;

/// Tasks of a thread.
pub(crate) type Tasks = UnboundedSender<Task>;

/// What is open for a client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opened {
    /// Its name in the thread that opened it.
    pub(crate) key: u64,
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

enum Source<'a> {
    Object(Box<dyn Reader + 'a>, u64),
    File(CapFile),
}

/// What a thread does until there are no more clients.
pub(crate) fn work(open: &Open<'_>, dir: &CapDir, mut tasks: UnboundedReceiver<Task>, report: &(dyn Fn(&str) + Sync)) {
    let mut waiting = tasks.blocking_recv();
    while let Some(first) = waiting.take() {
        match open() {
            Ok(store) => {
                waiting = Desk { store: &*store, dir, report, open: HashMap::new(), keys: 0 }.work(first, &mut tasks)
            }
            Err(error) => {
                report(&error.to_string());
                drop(first);
                waiting = tasks.blocking_recv();
            }
        }
    }
}

struct Desk<'a> {
    store: &'a dyn Store,
    dir: &'a CapDir,
    report: &'a (dyn Fn(&str) + Sync),
    open: HashMap<u64, Source<'a>>,
    keys: u64,
}

impl Desk<'_> {
    /// Works until the store has failed. Returns the task that comes next then.
    fn work(&mut self, first: Task, tasks: &mut UnboundedReceiver<Task>) -> Option<Task> {
        let mut next = Some(first);
        while let Some(task) = next {
            let stays = match task {
                Task::Open(target, reply) => {
                    let opened = self.start(&target);
                    let key = opened.as_ref().map_or(0, |opened| opened.key);
                    let (taken, stays) = self.reply(reply, opened);
                    if !taken {
                        self.open.remove(&key);
                    }
                    stays
                }
                Task::Read { key, position, len, reply } => {
                    let read = self.read(key, position, len);
                    if read.is_err() {
                        self.open.remove(&key);
                    }
                    self.reply(reply, read).1
                }
                Task::List(part, reply) => {
                    let listed = self.list(part);
                    self.reply(reply, listed).1
                }
                Task::Close(key) => {
                    self.open.remove(&key);
                    true
                }
            };
            next = tasks.blocking_recv();
            if !stays {
                break;
            }
        }
        next
    }

    /// Answers, and reports what is not the client's doing. Returns whether the client took it, and whether the store can
    /// be used on.
    fn reply<T>(&self, reply: Reply<T>, result: Result<T, Error>) -> (bool, bool) {
        let (answer, stays) = match result {
            Ok(answer) => (Ok(answer), true),
            Err(Error::NotFound(_)) => (Err(Failure::Absent), true),
            Err(error) => {
                (self.report)(&error.to_string());
                (Err(Failure::Failed), matches!(error, Error::Corrupt(_)))
            }
        };
        (reply.send(answer).is_ok(), stays)
    }

    fn start(&mut self, target: &Target) -> Result<Opened, Error> {
        let (source, size, modified) = match target {
            Target::Object(id) => {
                let reader = self.store.reader(id)?;
                let size = reader.size();
                (Source::Object(reader, 0), size, 0)
            }
            Target::File(path) => {
                let opened = self.dir.open_read(path).and_then(|file| Ok((file.metadata()?, file)));
                match opened {
                    Ok((found, file)) if found.kind == Kind::File => (Source::File(file), found.len, found.modified),
                    Ok(_) | Err(Code::NotFound | Code::NotDirectory) => return Err(absent()),
                    Err(code) => return Err(failed("open", path, code)),
                }
            }
            Target::Listing { .. } | Target::Files => return Err(absent()),
        };
        self.keys += 1;
        self.open.insert(self.keys, source);
        Ok(Opened { key: self.keys, size, modified })
    }

    fn read(&mut self, key: u64, position: u64, len: usize) -> Result<Bytes, Error> {
        let mut bytes = vec![0; len];
        let read = match self.open.get_mut(&key) {
            // Opened before the store failed.
            None => return Err(Error::Other("what a client had open was closed by a failure".into())),
            Some(Source::Object(reader, at)) => {
                if *at != position {
                    reader.seek(position)?;
                }
                let read = reader.read(&mut bytes)?;
                *at = position + read as u64;
                read
            }
            Some(Source::File(file)) => {
                file.read_at(&mut bytes, position).map_err(|code| failed("read", "a file", code))?
            }
        };
        bytes.truncate(read);
        Ok(bytes.into())
    }

    fn list(&self, part: Part) -> Result<Option<(Bytes, Part)>, Error> {
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
                let listed = files::list(self.dir, folder).map_err(|code| failed("list", "a folder", code))?;
                Ok(listed.map(|lines| (lines.into(), Part::Files(folder + 1))))
            }
        }
    }
}

fn absent() -> Error {
    Error::NotFound(ObjectId::from_bytes([0; ObjectId::LEN]))
}

fn failed(operation: &str, path: &str, code: Code) -> Error {
    Error::Other(format!("cannot {operation} {path}: {code}"))
}
