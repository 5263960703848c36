//! The commands in `examples/plugin`, which import the store: built as programs of somebody else would be, composed
//! with the portable component, and tested under wasmtime and Node.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{node, python};
use crate::process::{cargo, output, run};
use crate::{Result, components, compose, files, workspace};

/// Where the composed commands are made.
fn folder() -> PathBuf {
    workspace::target().join("plugin")
}

/// Builds and composes the commands: in Rust, `target/plugin/tarstore.wasm`; in Python, `target/plugin/zipstore.wasm`.
/// Both are translated for the program `loosepack-stock` too, and the first to JavaScript.
pub(super) fn build(portable: &Path) -> Result<()> {
    files::create_dir(&folder())?;
    let (tarstore, zipstore) = (folder().join("tarstore.wasm"), folder().join("zipstore.wasm"));
    compose::plug(&rust()?, portable, &tarstore)?;
    compose::plug(&in_python()?, portable, &zipstore)?;
    build_stock()?;
    for command in [&tarstore, &zipstore] {
        translate(command)?;
    }
    let transpiled = node::folder().join("tarstore");
    files::remove_dir(&transpiled)?;
    output(node::jco().arg("transpile").arg(&tarstore).arg("--out-dir").arg(&transpiled))?;
    Ok(())
}

/// Runs the tests of the crate that the command in Rust uses, and of what [`build`] made.
pub(super) fn test() -> Result<()> {
    let mut guest = cargo();
    guest.args(["test", "--release", "--locked", "--quiet", "--manifest-path", "bindings/guest/Cargo.toml"]);
    run(guest.arg("--target-dir").arg(folder().join("build")))?;
    let mut tests = Command::new(python::interpreter());
    tests.args(["-W", "error", "-m", "unittest", "discover", "-s", "tests/plugin"]);
    run(tests.current_dir(workspace::root()))
}

/// Builds wasmtime with WASI alone, as a program, and the command `loosepack`.
pub(super) fn build_stock() -> Result<()> {
    // All of the workspace: for fewer packages cargo would choose fewer features, and build what tests have built anew.
    run(cargo().args(["build", "--release", "--locked", "--quiet", "--workspace", "--bins"]))
}

/// Translates a component for this machine, to a file beside the others; returns its path.
pub(super) fn translate(component: &Path) -> Result<PathBuf> {
    files::create_dir(&folder())?;
    let out = folder().join(component.file_name().unwrap_or_default()).with_extension("cwasm");
    output(Command::new(workspace::target().join("release/loosepack-stock")).arg("compile").arg(component).arg(&out))?;
    Ok(out)
}

/// Builds the command in Rust, which is outside of our workspace.
fn rust() -> Result<PathBuf> {
    let target = folder().join("build");
    let mut build = cargo();
    build.args(["build", "--release", "--locked", "--quiet", "--target", "wasm32-wasip2"]);
    build.args(["--manifest-path", "examples/plugin/Cargo.toml", "--target-dir"]).arg(&target);
    run(&mut build)?;
    Ok(target.join("wasm32-wasip2/release/tarstore.wasm"))
}

/// Makes a component of the command in Python, by the WIT package in `dist/`.
fn in_python() -> Result<PathBuf> {
    let sources = workspace::root().join("examples/plugin/python");
    let out = folder().join("zipstore-without-store.wasm");
    let mut componentize = Command::new(python::tool("componentize-py"));
    componentize.arg("-d").arg(components::wit_package()).arg("-d").arg(sources.join("wit"));
    componentize.args(["-w", "example:zipstore/command", "componentize", "-p"]).arg(&sources);
    output(componentize.args(["zipstore", "-o"]).arg(&out))?;
    Ok(out)
}
