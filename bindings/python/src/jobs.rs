//! Long operations, in steps that the Python layer drives: signals arrive and progress is reported between them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use loosepack_host::{
    BackupOptions, Container, Error, Finding, GcOptions, ObjectId, Part, Progress, RepackOptions, Result, StoreError,
};
use pyo3::prelude::*;

use crate::convert;
use crate::errors;
use crate::handles::{Handles, Lease, Use};
use crate::process::{self, Owned};

/// What Python gets of a finding: the file, and the message.
type Found = (String, String);

/// What Python gets of a step: whether the job is done, units done and in all, objects, bytes, and the findings of this
/// step: problems, notes and files that could not be read.
type Step = (bool, u64, u64, u64, u64, Vec<Found>, Vec<Found>, Vec<Found>);

/// A job under way.
#[pyclass(frozen)]
pub(crate) struct Job {
    /// Gone once it is done, failed or given up. Taken while detached.
    job: Owned<Mutex<Option<loosepack_host::Job>>>,
    /// Kept until the job is gone. Taken while attached.
    lease: Mutex<Option<Lease>>,
    handles: Arc<Handles>,
    /// The other directory that it works with, if there is one.
    other: Option<PathBuf>,
}

impl Job {
    /// Starts a job with a handle of its own.
    pub(crate) fn start(py: Python<'_>, handles: &Arc<Handles>, task: Task) -> PyResult<Self> {
        let mut lease = handles.take(py, Use::Working)?;
        let other = task.other().cloned();
        let started = py.detach(|| task.start(&lease));
        let job = lease.note(started).map_err(|error| failure(py, error, other.as_deref()))?;
        let (job, lease) = (Owned::new(Mutex::new(Some(job))), Mutex::new(Some(lease)));
        Ok(Job { job, lease, handles: handles.clone(), other })
    }

    /// Gives the handle back, once.
    fn end(&self, py: Python<'_>) {
        // Not in the condition, where the lock would be held while the lease is dropped.
        let lease = lock(&self.lease).take();
        if lease.is_some() {
            drop(lease);
            self.handles.job_ended(py);
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let job = self.job.ours().and_then(|job| job.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        process::drop_detached(job);
        Python::attach(|py| self.end(py));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The exception for a failure, which has the name of the other directory if it is about that.
fn failure(py: Python<'_>, error: Error, other: Option<&Path>) -> PyErr {
    match other {
        Some(other) => errors::of_container(py, error, other),
        None => errors::of(py, error),
    }
}

fn found(findings: Vec<Finding>) -> Vec<Found> {
    findings.into_iter().map(|Finding { file, message }| (file, message)).collect()
}

#[pymethods]
impl Job {
    /// Does a bounded piece of the work.
    fn step(&self, py: Python<'_>) -> PyResult<Step> {
        let job = self.job.get(py)?;
        let stepped = py.detach(|| {
            let mut job = lock(job);
            let stepped = job.as_mut().ok_or(StoreError::WriterFailed)?.step();
            if !matches!(stepped, Ok(Progress { finished: false, .. })) {
                *job = None;
            }
            stepped
        });
        let stepped = match lock(&self.lease).as_mut() {
            Some(lease) => lease.note(stepped),
            None => stepped,
        };
        if !matches!(stepped, Ok(Progress { finished: false, .. })) {
            self.end(py);
        }
        let Progress { finished, done, total, objects, bytes, problems, notes, unread } =
            stepped.map_err(|error| failure(py, error, self.other.as_deref()))?;
        Ok((finished, done, total, objects, bytes, found(problems), found(notes), found(unread)))
    }

    /// Gives the job up. What its steps have committed stays.
    fn abandon(&self, py: Python<'_>) -> PyResult<()> {
        let job = self.job.get(py)?;
        py.detach(|| drop(lock(job).take()));
        self.end(py);
        Ok(())
    }
}

/// A job by its name, with what it needs.
pub(crate) enum Task {
    Pack { compression: loosepack_host::Compression, clean: bool },
    Clean,
    Delete(Vec<ObjectId>),
    Gc(Vec<ObjectId>, GcOptions),
    Repack(RepackOptions),
    Verify(Part),
    Reindex,
    Fold,
    Import(PathBuf, Option<Vec<ObjectId>>),
    Repair(PathBuf),
    Backup(PathBuf, BackupOptions),
}

impl Task {
    fn other(&self) -> Option<&PathBuf> {
        match self {
            Task::Import(path, _) | Task::Repair(path) | Task::Backup(path, _) => Some(path),
            _ => None,
        }
    }

    fn start(self, container: &Container) -> Result<loosepack_host::Job> {
        match self {
            Task::Pack { compression, clean: false } => container.pack_loose(compression),
            Task::Pack { compression, clean: true } => container.pack_and_clean(compression),
            Task::Clean => container.clean(),
            Task::Delete(ids) => container.delete(&ids),
            Task::Gc(keep, options) => container.gc(&keep, options),
            Task::Repack(options) => container.repack(options),
            Task::Verify(part) => container.verify(part),
            Task::Reindex => container.reindex(),
            Task::Fold => container.fold(),
            Task::Import(source, ids) => container.import(source, ids.as_deref()),
            Task::Repair(source) => container.repair(source),
            Task::Backup(target, options) => container.backup(target, options),
        }
    }
}

/// Seconds as a duration.
///
/// # Errors
/// `loosepack.InvalidArgument` for a negative number, or one that is not finite.
pub(crate) fn seconds(py: Python<'_>, seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| convert::invalid(py, format!("invalid number of seconds: {seconds}")))
}
