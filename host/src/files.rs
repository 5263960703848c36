//! Files for the components: wasmtime's WASI, but for what the store calls most, which its own way does slowly and
//! with wrong reasons for failures.

mod bytes;
mod codes;
mod entries;
mod listing;
mod opening;

use std::path::PathBuf;
use std::sync::Arc;

use wasmtime::component::Linker;
use wasmtime_wasi::WasiView;

pub(crate) use self::codes::code;
use crate::fetching::Fetching;
use crate::interrupt::Unfinished;

/// The interface of those functions, as wasmtime-wasi 48 registers it.
const TYPES: &str = "wasi:filesystem/types@0.2.12";

/// Where a file that is about to be made is remembered while it is unfinished, if it is: the file's path of the system.
pub(crate) type Remember<T> = fn(&T, &str) -> Option<(Arc<Unfinished>, PathBuf)>;

/// Replaces functions of WASI, which the linker has already.
pub(crate) fn add_to_linker<T: WasiView + 'static>(
    linker: &mut Linker<T>,
    remember: Remember<T>,
    fetching: Fetching<T>,
) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance(TYPES)?;
    opening::replace(&mut types, remember)?;
    bytes::replace(&mut types, fetching)?;
    entries::replace(&mut types)?;
    listing::replace(&mut types)?;
    linker.allow_shadowing(false);
    Ok(())
}
