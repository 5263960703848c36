//! The extension module of the Python package `loosepack`: a store in its sandbox, for Python.
//!
//! The module has what Python cannot do, or not fast enough. Names, defaults and documentation are those of the Python
//! layer in `python/loosepack/`.
//!
//! Python's global lock is released while the store works. The one lock of this crate that is taken while attached to
//! the interpreter, that of [`handles`], is never held while detached: no thread can be holding it while another forks.

mod convert;
mod errors;
mod exclusive;
mod files;
mod handles;
mod jobs;
mod process;
mod reading;
mod store;
mod writing;

use pyo3::prelude::*;

#[pymodule]
mod _loosepack {
    #[pymodule_export]
    use crate::convert::Ids;
    #[pymodule_export]
    use crate::jobs::Job;
    #[pymodule_export]
    use crate::process::_limit_memory;
    #[pymodule_export]
    use crate::reading::{Batch, Reader};
    #[pymodule_export]
    use crate::store::{Store, create};
    #[pymodule_export]
    use crate::writing::{LooseWriter, PackWriter};

    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}
