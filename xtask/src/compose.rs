//! The program in `compose/`: the WIT package as a file, and components plugged together. It is a workspace of its own.

use std::path::Path;
use std::process::Command;

use crate::process::{cargo, output};
use crate::{Result, workspace};

/// Writes the WIT package in `wit/`, with its documentation and the metadata in `wkg.toml`. `out` is relative to the
/// workspace.
pub fn wit_package(out: &Path) -> Result<()> {
    print!("{}", output(program().args(["wit", "wit", "wkg.toml"]).arg(out))?);
    Ok(())
}

/// Writes the component `socket` with its imports filled by the exports of `plug`.
pub fn plug(socket: &Path, plug: &Path, out: &Path) -> Result<()> {
    print!("{}", output(program().arg("plug").args([socket, plug, out]))?);
    Ok(())
}

fn program() -> Command {
    let mut program = cargo();
    program.args(["run", "--release", "--locked", "--quiet", "--manifest-path", "compose/Cargo.toml"]);
    program.arg("--target-dir").arg(workspace::target().join("compose")).arg("--");
    program
}
