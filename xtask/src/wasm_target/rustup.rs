//! The ordinary way: rustup downloads the target.

use std::env;
use std::process::Command;

use super::{NAME, say};
use crate::process::output;
use crate::{Error, Result, workspace};

/// The variable with which people forbid rustup to download on its own.
const AUTO_INSTALL: &str = "RUSTUP_AUTO_INSTALL";

/// Asks rustup to add the target to the active toolchain, unless it may not download.
pub(super) fn add_target() -> Result<()> {
    if env::var_os(AUTO_INSTALL).is_some_and(|value| value == "0") {
        return Err(Error::new(format!("not asked, because {AUTO_INSTALL}=0 forbids it to download")));
    }
    say(format_args!("asking rustup for {NAME}"));
    let mut rustup = Command::new("rustup");
    output(rustup.current_dir(workspace::root()).args(["target", "add", NAME]))?;
    Ok(())
}
