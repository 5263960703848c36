//! What happens when a process forks: the child has copies of everything, but no other threads, and it shares the locks
//! of its parent's open files. It leaves its copies alone, and makes everything anew when it is needed.

use std::mem::ManuallyDrop;
use std::sync::{Mutex, PoisonError};

use loosepack_host::{Limits, Runtime};
use pyo3::prelude::*;

use crate::errors;

/// A value that only the process that made it uses, and frees.
pub(crate) struct Owned<T> {
    process: u32,
    value: ManuallyDrop<T>,
}

impl<T> Owned<T> {
    /// A value of this process.
    pub(crate) fn new(value: T) -> Self {
        Owned { process: std::process::id(), value: ManuallyDrop::new(value) }
    }

    /// Returns whether this process made it.
    pub(crate) fn is_ours(&self) -> bool {
        self.process == std::process::id()
    }

    /// Returns the value.
    ///
    /// # Errors
    /// `loosepack.Forked` in a process that was forked since.
    pub(crate) fn get(&self, py: Python<'_>) -> PyResult<&T> {
        if self.is_ours() { Ok(&self.value) } else { Err(errors::forked(py)) }
    }

    /// Returns the value, whichever process made it: its plain data may be looked at.
    pub(crate) fn even_if_inherited(&self) -> &T {
        &self.value
    }

    /// Returns the value, if this process made it.
    pub(crate) fn into_ours(mut self) -> Option<T> {
        // SAFETY: it is taken out once: what is forgotten is not dropped.
        let value = self.is_ours().then(|| unsafe { ManuallyDrop::take(&mut self.value) });
        std::mem::forget(self);
        value
    }

    /// Returns the value, if this process made it.
    pub(crate) fn ours(&mut self) -> Option<&mut T> {
        self.is_ours().then_some(&mut *self.value)
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        if self.is_ours() {
            // SAFETY: it is dropped once, here.
            unsafe { ManuallyDrop::drop(&mut self.value) }
        }
    }
}

/// Drops a value while other threads of Python run: dropping it may wait for a call that is under way.
pub(crate) fn drop_detached<T: Send>(value: T) {
    Python::attach(|py| py.detach(|| drop(value)));
}

/// The component of this process, once it was needed. Locked while attached.
static RUNTIME: Mutex<Option<Owned<Runtime>>> = Mutex::new(None);

/// Returns the component of this process, ready to run. `_py`: the lock is taken by threads that are attached alone.
///
/// # Errors
/// Those of [`Runtime::new`].
pub(crate) fn runtime(_py: Python<'_>) -> loosepack_host::Result<Runtime> {
    let mut current = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = current.as_mut().and_then(Owned::ours) {
        return Ok(runtime.clone());
    }
    let made = Runtime::new()?;
    *current = Some(Owned::new(made.clone()));
    Ok(made)
}

/// Limits the memory of handles that this process opens from now on, for tests of what happens at the limit.
#[pyfunction]
pub(crate) fn _limit_memory(py: Python<'_>, memory: usize) -> PyResult<()> {
    let limits = Limits { memory, ..Limits::default() };
    let made = Runtime::with_limits(limits).map_err(|error| errors::of(py, error))?;
    *RUNTIME.lock().unwrap_or_else(PoisonError::into_inner) = Some(Owned::new(made));
    Ok(())
}
