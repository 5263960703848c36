//! `cargo xtask components`: what tests need of a release, the components and the WIT package, with manual pages and
//! completions.

use std::path::{Path, PathBuf};

use crate::process::{cargo, run};
use crate::{Result, compose, wasm_target, workspace};

/// The WIT package, below the workspace.
const WIT_PACKAGE: &str = "dist/loosepack-wit.wasm";

/// Writes the components and the WIT package to `dist/`, and prints the size of each; manual pages to `dist/man/`, and
/// completions to a folder for each shell in `dist/completions/`.
pub fn build() -> Result<()> {
    wasm_target::ensure()?;
    write("dist")?;
    compose::wit_package(Path::new(WIT_PACKAGE))?;
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

/// The command for any WASI runtime.
pub fn command() -> PathBuf {
    workspace::dist().join("loosepack-cli.wasm")
}

/// The WIT package `loosepack:store`.
pub fn wit_package() -> PathBuf {
    workspace::root().join(WIT_PACKAGE)
}
