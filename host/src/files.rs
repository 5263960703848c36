//! Files for the components: wasmtime's WASI, but for what the store calls most, which its own way does slowly and with wrong reasons for failures.

mod bytes;
mod codes;
mod entries;
mod listing;
mod opening;

use wasmtime::component::Linker;

pub(crate) use self::codes::code;
use crate::state::State;

/// The interface of those functions, as wasmtime-wasi 48 registers it.
const TYPES: &str = "wasi:filesystem/types@0.2.12";

/// Give components WASI.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_sync(linker)?;
    linker.allow_shadowing(true);
    let mut types = linker.instance(TYPES)?;
    opening::replace(&mut types)?;
    bytes::replace(&mut types)?;
    entries::replace(&mut types)?;
    listing::replace(&mut types)?;
    linker.allow_shadowing(false);
    Ok(())
}
