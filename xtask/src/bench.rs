//! `cargo xtask bench`: native logic against the component in the host.

use std::ffi::OsString;

use xtask::process::{cargo, run};
use xtask::{Result, wasm_target};

/// Runs the benchmark; `arguments` go to it.
pub(crate) fn bench(arguments: &[OsString]) -> Result<()> {
    wasm_target::ensure()?;
    run(cargo().args(["bench", "--package", "loosepack-host", "--bench", "store", "--"]).args(arguments))
}
