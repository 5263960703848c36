//! The handles of one Python container. A handle of the host does one thing at a time, so that each call takes one that
//! is idle, or opens another.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use loosepack_host::{Container, Error, Options, Result};
use pyo3::prelude::*;

use crate::errors;
use crate::process::{self, Owned};

/// Idle handles of each kind that are kept open. Each has a memory of its own, of a few megabytes.
const IDLE_MAX: usize = 8;

/// Readers that share a handle. Each takes up to about 1 MiB of the handle's memory, which is limited to 512 MiB.
const READERS_MAX: usize = 32;

/// What a handle is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Calls that return soon. Readers of objects share these handles.
    Reading,
    /// Calls that may take long, and whatever has a handle of its own: adding, writers, jobs.
    Working,
}

/// An open handle.
struct Opened {
    container: Container,
    state: Arc<State>,
}

/// The state of a handle, which the readers that use it share.
#[derive(Default)]
struct State {
    readers: AtomicUsize,
    /// Its component was stopped, and does nothing any more.
    stopped: AtomicBool,
}

impl State {
    /// Notes what came of a call: a handle whose component was stopped is not used again.
    fn note<T>(&self, result: Result<T>) -> Result<T> {
        if let Err(Error::Runtime(_)) = result {
            self.stopped.store(true, Ordering::Relaxed);
        }
        result
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

/// A reader's share in a handle.
pub(crate) struct Share(Arc<State>);

impl Share {
    /// Notes what came of a call of the reader.
    pub(crate) fn note<T>(&self, result: Result<T>) -> Result<T> {
        self.0.note(result)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.readers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A container's handles.
pub(crate) struct Handles {
    path: PathBuf,
    options: Options,
    damaged: bool,
    /// Taken while attached to the interpreter, and for moments only.
    idle: Mutex<Owned<Idle>>,
}

#[derive(Default)]
struct Idle {
    closed: bool,
    reading: Vec<Opened>,
    working: Vec<Opened>,
    /// How many times handles for reading were closed. One that is in use meanwhile is closed when it comes back.
    generation: u64,
}

impl Idle {
    fn of(&mut self, usage: Use) -> &mut Vec<Opened> {
        match usage {
            Use::Reading => &mut self.reading,
            Use::Working => &mut self.working,
        }
    }
}

impl Handles {
    /// The handles of a container, none of which is open. `damaged`: the index may be damaged or gone.
    pub(crate) fn new(path: PathBuf, options: Options, damaged: bool) -> Arc<Self> {
        Arc::new(Handles { path, options, damaged, idle: Mutex::new(Owned::new(Idle::default())) })
    }

    /// The container's directory.
    pub(crate) fn path(&self) -> &PathBuf {
        &self.path
    }

    fn idle(&self) -> MutexGuard<'_, Owned<Idle>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if !idle.is_ours() {
            // Those of the parent process are left alone.
            *idle = Owned::new(Idle { closed: idle.even_if_inherited().closed, ..Idle::default() });
        }
        idle
    }

    /// Takes a handle, which comes back when the lease is dropped.
    ///
    /// # Errors
    /// `ValueError` when the container was closed; those of opening a container.
    pub(crate) fn take(self: &Arc<Self>, py: Python<'_>, usage: Use) -> PyResult<Lease> {
        let mut guard = self.idle();
        let Some(idle) = guard.ours() else { return Err(errors::forked(py)) };
        if idle.closed {
            return Err(errors::closed());
        }
        let generation = idle.generation;
        let stopped: Vec<Opened> = idle.of(usage).extract_if(.., |opened| opened.state.is_stopped()).collect();
        let found = idle.of(usage).pop();
        drop(guard);
        if !stopped.is_empty() {
            process::drop_detached(stopped);
        }
        let opened = match found {
            Some(opened) => opened,
            None => {
                let container = self.open(py).map_err(|error| errors::of_container(py, error, &self.path))?;
                Opened { container, state: Arc::default() }
            }
        };
        Ok(Lease { handles: self.clone(), usage, generation, discarded: false, opened: Some(Owned::new(opened)) })
    }

    fn open(&self, py: Python<'_>) -> Result<Container> {
        let runtime = process::runtime(py)?;
        py.detach(|| match self.damaged {
            true => runtime.open_damaged(&self.path, self.options.clone()),
            false => runtime.open_with(&self.path, self.options.clone()),
        })
    }

    /// Closes the handles for reading, which may remember objects that a job has deleted.
    pub(crate) fn job_ended(&self, _py: Python<'_>) {
        let old = self.idle().ours().map(|idle| {
            idle.generation += 1;
            std::mem::take(&mut idle.reading)
        });
        process::drop_detached(old);
    }

    /// Closes the handles that nobody uses. Later calls open others.
    pub(crate) fn release(&self, _py: Python<'_>) {
        let old = self.idle().ours().map(|idle| {
            let fresh = Idle { closed: idle.closed, generation: idle.generation + 1, ..Idle::default() };
            std::mem::replace(idle, fresh)
        });
        process::drop_detached(old);
    }

    /// Closes all handles. Those in use are closed when they come back.
    pub(crate) fn close(&self, _py: Python<'_>) {
        let old = self.idle().ours().map(|idle| std::mem::replace(idle, Idle { closed: true, ..Idle::default() }));
        process::drop_detached(old);
    }

    /// Returns whether it was closed.
    pub(crate) fn is_closed(&self, _py: Python<'_>) -> bool {
        self.idle().ours().is_none_or(|idle| idle.closed)
    }
}

/// A handle in use. It is dropped while attached to the interpreter.
pub(crate) struct Lease {
    handles: Arc<Handles>,
    usage: Use,
    /// The generation when it was taken.
    generation: u64,
    discarded: bool,
    opened: Option<Owned<Opened>>,
}

impl Lease {
    fn opened(&self) -> &Opened {
        self.opened.as_ref().expect("a handle is there until the lease is dropped").even_if_inherited()
    }

    /// Notes what came of a call: a handle whose component was stopped is not used again.
    pub(crate) fn note<T>(&mut self, result: Result<T>) -> Result<T> {
        self.opened().state.note(result)
    }

    /// Closes the handle when the lease ends.
    pub(crate) fn discard(&mut self) {
        self.discarded = true;
    }

    /// Counts a reader, which goes on using the handle when the lease has ended.
    pub(crate) fn share(&self) -> Share {
        let state = self.opened().state.clone();
        state.readers.fetch_add(1, Ordering::Relaxed);
        Share(state)
    }
}

impl Deref for Lease {
    type Target = Container;

    fn deref(&self) -> &Container {
        &self.opened().container
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(opened) = self.opened.take().and_then(Owned::into_ours) else { return };
        let mut guard = self.handles.idle();
        if let Some(idle) = guard.ours() {
            let fresh = self.usage == Use::Working || self.generation == idle.generation;
            let room = idle.of(self.usage).len() < IDLE_MAX;
            let usable = !self.discarded && !opened.state.is_stopped();
            // One that has all the readers it may have is left to them.
            let shared = opened.state.readers.load(Ordering::Relaxed) >= READERS_MAX;
            if fresh && room && usable && !shared && !idle.closed {
                idle.of(self.usage).push(opened);
                return;
            }
        }
        drop(guard);
        process::drop_detached(opened);
    }
}
