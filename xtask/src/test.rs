//! `cargo xtask test`: everything that can be tested on one machine.

use std::ffi::OsString;
use std::path::Path;

use crate::{Result, components, languages, process, wasm_target, workspace};

/// Runs all tests: Rust, then the other languages against the components in `dist/`. `cargo_arguments` are for
/// `cargo test`.
pub fn run(cargo_arguments: &[OsString]) -> Result<()> {
    heading("wasm target");
    wasm_target::ensure()?;
    heading("components");
    components::build()?;
    heading("Rust");
    process::run(process::cargo().args(["test", "--release", "--workspace", "--locked"]).args(cargo_arguments))?;
    heading("Rust, the codec of components that have no host's");
    let codec = ["test", "--release", "--package", "loosepack", "--lib", "--no-default-features", "--locked"];
    process::run(process::cargo().args(codec))?;
    heading("Rust, what makes releases");
    // A workspace of its own.
    let mut tests = process::cargo();
    tests.args(["test", "--locked", "--manifest-path"]).arg(Path::new("release").join("Cargo.toml"));
    process::run(tests.arg("--target-dir").arg(workspace::target().join("release-tools")))?;
    heading("other languages");
    languages::test()?;
    println!("\nall tests passed: Rust, Python, Node");
    Ok(())
}

fn heading(name: &str) {
    println!("\n== {name} ==");
}
