//! `cargo xtask components`: what tests need of a release, the components, with manual pages and completions.

use std::path::PathBuf;

use crate::process::{cargo, run};
use crate::{Result, wasm_target, workspace};

/// Writes the components to `dist/`, and prints the size of each; manual pages to `dist/man/`, and completions to a
/// folder for each shell in `dist/completions/`.
pub fn build() -> Result<()> {
    wasm_target::ensure()?;
    write("dist")?;
    // By a program of the command's own package: this one is built before all others, and stays small.
    let pages =
        ["run", "--release", "--locked", "--quiet", "--package", "loosepack-cli", "--example", "pages", "--", "dist"];
    run(cargo().args(pages))
}

/// Writes the components to where the package `loosepack-artifacts` has them when it is published: packages contain
/// them in place of the sources.
pub(crate) fn build_for_packages() -> Result<()> {
    wasm_target::ensure()?;
    write("artifacts/wasm")
}

fn write(folder: &str) -> Result<()> {
    run(cargo().args(["run", "--release", "--locked", "--quiet", "--package", "loosepack-artifacts", "--", folder]))
}

/// The library that needs nothing but WASI.
pub fn portable() -> PathBuf {
    workspace::dist().join("loosepack.wasm")
}
