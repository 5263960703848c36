//! The component of this process, ready to run.

use std::sync::{Mutex, PoisonError};

use loosepack_host::{Result, Runtime};
use napi_derive::napi;

/// The version of the addon.
#[napi]
pub(crate) fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Made when it is first needed, and kept: threads of Node come and go.
static RUNTIME: Mutex<Option<Runtime>> = Mutex::new(None);

/// Returns the component of this process.
///
/// # Errors
/// Those of [`Runtime::new`].
pub(crate) fn get() -> Result<Runtime> {
    let mut current = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = &*current {
        return Ok(runtime.clone());
    }
    Ok(current.insert(Runtime::new()?).clone())
}
