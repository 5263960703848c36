//! `cargo xtask dist`: the components that are released.

use std::path::PathBuf;

use crate::process::{cargo, run};
use crate::{Result, wasm_target, workspace};

/// Writes the components to `dist/`, and prints the size of each.
pub fn run_dist() -> Result<()> {
    wasm_target::ensure()?;
    run(cargo().args(["run", "--release", "--locked", "--quiet", "--package", "loosepack-artifacts", "--", "dist"]))
}

/// The library that needs nothing but WASI.
pub fn portable() -> PathBuf {
    workspace::dist().join("loosepack.wasm")
}
