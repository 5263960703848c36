//! `cargo xtask dist`: the components that are released, manual pages, and completions.

use std::path::PathBuf;

use crate::process::{cargo, run};
use crate::{Result, wasm_target, workspace};

/// Writes the components to `dist/`, and prints the size of each; manual pages to `dist/man/`, and completions to a
/// folder for each shell in `dist/completions/`.
pub fn run_dist() -> Result<()> {
    wasm_target::ensure()?;
    run(cargo().args(["run", "--release", "--locked", "--quiet", "--package", "loosepack-artifacts", "--", "dist"]))?;
    // By a program of the command's own package: this one is built before all others, and stays small.
    let pages =
        ["run", "--release", "--locked", "--quiet", "--package", "loosepack-cli", "--example", "pages", "--", "dist"];
    run(cargo().args(pages))
}

/// The library that needs nothing but WASI.
pub fn portable() -> PathBuf {
    workspace::dist().join("loosepack.wasm")
}
