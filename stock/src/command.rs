//! Commands: components of the world `wasi:cli/command`, run as `wasmtime run` does.

use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};
use wasmtime_wasi::p2::bindings::sync::Command;
use wasmtime_wasi::{I32Exit, WasiCtxBuilder};

use crate::Wasi;

/// Runs a command with what a builder grants; returns its exit status. (WASI 0.2 knows success and failure: 0 and 1.)
///
/// # Errors
/// When the component is no command or imports more than WASI, and when it traps.
pub fn run(engine: &Engine, component: &Component, wasi: &mut WasiCtxBuilder) -> wasmtime::Result<i32> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
    let mut store = Store::new(engine, Wasi::new(wasi));
    let command = Command::instantiate(&mut store, component, &linker)?;
    match command.wasi_cli_run().call_run(&mut store) {
        Ok(result) => Ok(i32::from(result.is_err())),
        Err(error) => error.downcast_ref::<I32Exit>().map(|exit| exit.0).ok_or(error),
    }
}
