//! `cargo xtask bench`: loosepack and its peers, side by side.

use std::ffi::OsString;
use std::process::Command;

use xtask::process::{cargo, run};
use xtask::{Result, wasm_target, workspace};

/// Builds the suite and runs it; `arguments` go to it.
pub(crate) fn bench(arguments: &[OsString]) -> Result<()> {
    wasm_target::ensure()?;
    if let Err(error) = build(&["--features", "loosepack-bench/sqlite"]) {
        eprintln!("xtask bench: going on without SQLite: {error}");
        build(&[])?;
    }
    run(Command::new(workspace::target().join("release/loosepack-bench")).args(arguments))
}

/// The command `loosepack` is among what is measured.
fn build(features: &[&str]) -> Result<()> {
    let packages = ["build", "--release", "--package", "loosepack-host", "--package", "loosepack-bench"];
    run(cargo().args(packages).args(features))
}
