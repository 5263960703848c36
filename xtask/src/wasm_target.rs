//! The standard library for wasm32-wasip2: whether the active rustc has it, and the script that makes it available.

use std::path::PathBuf;
use std::process::Command;

use crate::process::{output, run, rustc};
use crate::{Result, files, workspace};

/// The target of all components.
const NAME: &str = "wasm32-wasip2";

/// The script that makes the target available, below the workspace.
const SCRIPT: &str = ".ci/wasm-target";

/// Makes the target available if it is not.
pub fn ensure() -> Result<()> {
    if is_there()? {
        return Ok(());
    }
    run(Command::new("bash").arg(SCRIPT).current_dir(workspace::root()))
}

/// Returns whether there are libraries for the target. Those that the script built for another compiler do not count:
/// rustc would refuse them.
fn is_there() -> Result<bool> {
    let libdir = PathBuf::from(output(rustc().args(["--print", "target-libdir", "--target", NAME]))?.trim_end());
    let entries = files::list(&libdir).unwrap_or_default();
    let built_for = files::read(&libdir.with_file_name("built-for-rustc"));
    let identity = output(rustc().args(["--version", "--verbose"]))?;
    let fits = built_for.map_or(true, |built_for| built_for.trim_end() == identity.trim_end());
    let has = |name: &str| {
        let starts_so = |path: &PathBuf| path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(name));
        entries.iter().any(starts_so)
    };
    Ok(fits && has("libcore-") && has("libstd-"))
}
