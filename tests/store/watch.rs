//! `Watch`: a directory that shows every call to a hook before passing it on.

use std::cell::Cell;
use std::rc::Rc;

use loosepack::dir::{Entry, Metadata};
use loosepack::{Code, Dir, File};

/// A call of `Dir` or `File`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// `Dir::create_dir`.
    CreateDir,
    /// `Dir::create_new`.
    CreateNew,
    /// `Dir::open_read`.
    OpenRead,
    /// `Dir::open_write`.
    OpenWrite,
    /// `Dir::rename`; the path is the target.
    Rename,
    /// `Dir::remove_file`.
    Remove,
    /// `Dir::list`.
    List,
    /// `Dir::metadata` or `File::metadata`.
    Metadata,
    /// `Dir::sync_dir`.
    SyncDir,
    /// `Dir::sync_all`.
    SyncAll,
    /// `Dir::try_lock`.
    TryLock,
    /// `File::read_at`.
    Read,
    /// `File::write_at`.
    Write,
    /// `File::set_len`.
    SetLen,
    /// `File::sync`.
    Sync,
}

impl Call {
    /// Returns whether it changes what is on the disk.
    pub(crate) fn mutates(self) -> bool {
        !matches!(self, Call::OpenRead | Call::List | Call::Metadata | Call::Read)
    }
}

/// The fate of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is done.
    Pass,
    /// It is not done, and success is reported. Only for syncs.
    Pretend,
}

type Hook = dyn Fn(Call, &str, &[u8]) -> Verdict;

/// A directory and its hook, which gets each call, its path and, of a write, the bytes; of a read, as many bytes as are
/// asked for.
pub(crate) struct Watch<D> {
    inner: D,
    seen: Rc<Seen>,
    hook: Rc<Hook>,
}

/// Calls that have gone through a [`Watch`].
#[derive(Default)]
pub(crate) struct Seen {
    /// Bytes read.
    pub(crate) read: Cell<u64>,
    /// Files opened and not yet closed.
    pub(crate) open: Cell<u64>,
    /// The largest value that `open` has had.
    pub(crate) most_open: Cell<u64>,
    /// Files that may be open; all, without a number.
    pub(crate) may_open: Cell<Option<u64>>,
}

/// A file of a watched directory.
pub(crate) struct WatchedFile<F> {
    inner: F,
    path: String,
    seen: Rc<Seen>,
    hook: Rc<Hook>,
}

impl<D> Watch<D> {
    /// Counts, and lets everything pass.
    pub(crate) fn new(inner: D) -> Self {
        Self::with(inner, |_, _, _| Verdict::Pass)
    }

    /// Asks `hook` about each call.
    pub(crate) fn with(inner: D, hook: impl Fn(Call, &str, &[u8]) -> Verdict + 'static) -> Self {
        Watch { inner, seen: Rc::default(), hook: Rc::new(hook) }
    }

    /// Moves the watch in front of another handle.
    pub(crate) fn map(&self, change: impl FnOnce(&D) -> D) -> Self {
        Watch { inner: change(&self.inner), seen: self.seen.clone(), hook: self.hook.clone() }
    }

    /// Calls that have gone through.
    pub(crate) fn seen(&self) -> &Seen {
        &self.seen
    }

    fn ask(&self, call: Call, path: &str) -> Verdict {
        (self.hook)(call, path, &[])
    }

    /// Fails when no more files may be open.
    fn room(&self) -> Result<(), Code> {
        let full = self.seen.may_open.get().is_some_and(|may| self.seen.open.get() >= may);
        if full { Err(Code::TooManyFiles) } else { Ok(()) }
    }

    fn file<F>(&self, path: &str, file: Result<F, Code>) -> Result<WatchedFile<F>, Code> {
        let file = WatchedFile { inner: file?, path: path.into(), seen: self.seen.clone(), hook: self.hook.clone() };
        self.seen.open.set(self.seen.open.get() + 1);
        self.seen.most_open.set(self.seen.most_open.get().max(self.seen.open.get()));
        Ok(file)
    }
}

impl<D: Clone> Clone for Watch<D> {
    fn clone(&self) -> Self {
        Watch { inner: self.inner.clone(), seen: self.seen.clone(), hook: self.hook.clone() }
    }
}

impl<D: Dir> Dir for Watch<D> {
    type File = WatchedFile<D::File>;
    type Lock = D::Lock;

    fn create_dir(&self, path: &str) -> Result<(), Code> {
        self.ask(Call::CreateDir, path);
        self.inner.create_dir(path)
    }

    fn create_new(&self, path: &str) -> Result<Self::File, Code> {
        self.ask(Call::CreateNew, path);
        self.room()?;
        self.file(path, self.inner.create_new(path))
    }

    fn open_read(&self, path: &str) -> Result<Self::File, Code> {
        self.ask(Call::OpenRead, path);
        self.room()?;
        self.file(path, self.inner.open_read(path))
    }

    fn open_write(&self, path: &str) -> Result<Self::File, Code> {
        self.ask(Call::OpenWrite, path);
        self.room()?;
        self.file(path, self.inner.open_write(path))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Code> {
        self.ask(Call::Rename, to);
        self.inner.rename(from, to)
    }

    fn remove_file(&self, path: &str) -> Result<(), Code> {
        self.ask(Call::Remove, path);
        self.inner.remove_file(path)
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, Code> {
        self.ask(Call::List, path);
        self.inner.list(path)
    }

    fn metadata(&self, path: &str) -> Result<Metadata, Code> {
        self.ask(Call::Metadata, path);
        self.inner.metadata(path)
    }

    fn sync_dir(&self, path: &str) -> Result<(), Code> {
        match self.ask(Call::SyncDir, path) {
            Verdict::Pass => self.inner.sync_dir(path),
            Verdict::Pretend => Ok(()),
        }
    }

    fn sync_all(&self) -> Result<(), Code> {
        match self.ask(Call::SyncAll, ".") {
            Verdict::Pass => self.inner.sync_all(),
            Verdict::Pretend => Ok(()),
        }
    }

    fn try_lock(&self, path: &str) -> Result<D::Lock, Code> {
        self.ask(Call::TryLock, path);
        self.inner.try_lock(path)
    }

    fn share(&self, path: &str) -> Result<(), Code> {
        self.inner.share(path)
    }

    fn sharing(&self) -> Self {
        self.map(D::sharing)
    }

    fn now(&self) -> u64 {
        self.inner.now()
    }
}

impl<F> Drop for WatchedFile<F> {
    fn drop(&mut self) {
        self.seen.open.set(self.seen.open.get() - 1);
    }
}

impl<F: File> File for WatchedFile<F> {
    fn metadata(&self) -> Result<Metadata, Code> {
        (self.hook)(Call::Metadata, &self.path, &[]);
        self.inner.metadata()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Code> {
        (self.hook)(Call::Read, &self.path, buffer);
        let read = self.inner.read_at(buffer, offset)?;
        self.seen.read.set(self.seen.read.get() + read as u64);
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize, Code> {
        (self.hook)(Call::Write, &self.path, bytes);
        self.inner.write_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> Result<(), Code> {
        (self.hook)(Call::SetLen, &self.path, &[]);
        self.inner.set_len(len)
    }

    fn sync(&self) -> Result<(), Code> {
        match (self.hook)(Call::Sync, &self.path, &[]) {
            Verdict::Pass => self.inner.sync(),
            Verdict::Pretend => Ok(()),
        }
    }
}
