//! The handles of one Python container. A handle of the host does one thing at a time, so that each call takes one that
//! is idle, or opens another.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use loosepack_host::{Container, Error, Options, Result};
use pyo3::prelude::*;

use crate::errors;
use crate::process::{self, Owned};

/// Idle handles of each kind that are kept open. Each has a memory of its own, of a few megabytes.
const IDLE_MAX: usize = 8;

/// What a handle is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Calls that return soon. Readers of objects share these handles.
    Reading,
    /// Calls that may take long: adding, pack writers, jobs.
    Working,
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
    reading: Vec<Container>,
    working: Vec<Container>,
    /// Number of jobs that ended. A handle for reading that was opened before may remember objects that are gone.
    jobs: u64,
}

impl Idle {
    fn of(&mut self, usage: Use) -> &mut Vec<Container> {
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
        let (found, jobs) = (idle.of(usage).pop(), idle.jobs);
        drop(guard);
        let container = match found {
            Some(container) => container,
            None => self.open(py).map_err(|error| errors::of_container(py, error, &self.path))?,
        };
        Ok(Lease { handles: self.clone(), usage, jobs, discarded: false, container: Some(Owned::new(container)) })
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
            idle.jobs += 1;
            std::mem::take(&mut idle.reading)
        });
        drop(old);
    }

    /// Closes all handles. Those in use are closed when they come back.
    pub(crate) fn close(&self, _py: Python<'_>) {
        let old = self.idle().ours().map(|idle| std::mem::replace(idle, Idle { closed: true, ..Idle::default() }));
        drop(old);
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
    /// Jobs that had ended when it was taken.
    jobs: u64,
    discarded: bool,
    container: Option<Owned<Container>>,
}

impl Lease {
    /// Notes what came of a call: a handle whose component was stopped is not used again.
    pub(crate) fn note<T>(&mut self, result: Result<T>) -> Result<T> {
        if let Err(Error::Runtime(_)) = result {
            self.discard();
        }
        result
    }

    /// Closes the handle when the lease ends.
    pub(crate) fn discard(&mut self) {
        self.discarded = true;
    }
}

impl Deref for Lease {
    type Target = Container;

    fn deref(&self) -> &Container {
        self.container.as_ref().expect("a handle is there until the lease is dropped").even_if_inherited()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(container) = self.container.take().and_then(Owned::into_ours) else { return };
        let mut guard = self.handles.idle();
        let Some(idle) = guard.ours() else { return };
        let fresh = self.usage == Use::Working || self.jobs == idle.jobs;
        let room = idle.of(self.usage).len() < IDLE_MAX;
        if fresh && room && !idle.closed && !self.discarded {
            idle.of(self.usage).push(container);
            return;
        }
        drop(guard);
        drop(container);
    }
}
