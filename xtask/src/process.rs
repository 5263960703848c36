//! Running other programs: errors that name the command, and what a cargo within a cargo may inherit.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::process::{Command, Stdio};

use crate::{Error, Result, workspace};

/// Runs a command that talks to the person directly.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| not_started(command, error))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::new(format!("`{}` failed: {status}", line(command))))
}

/// Runs a command silently and returns what it wrote to its standard output. If it fails, the error has all it wrote.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| not_started(command, error))?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return Ok(stdout.into_owned());
    }
    let mut message = format!("`{}` failed: {}", line(command), output.status);
    for text in [stdout, String::from_utf8_lossy(&output.stderr)] {
        if !text.trim().is_empty() {
            let _ = write!(message, "\n{}", text.trim_end());
        }
    }
    Err(Error::new(message))
}

/// The cargo that runs us, or else the one on the path, in the workspace's folder and with all of the environment.
pub fn cargo() -> Command {
    in_workspace("CARGO", "cargo")
}

/// The same cargo for builds whose result must not depend on who asks for it: from a shell, from `cargo xtask`, from a
/// build script, or from one that runs under clippy or an editor.
pub fn nested_cargo() -> Command {
    let mut command = cargo();
    for (name, _) in env::vars_os() {
        if !is_inherited(&name) {
            command.env_remove(name);
        }
    }
    command
}

/// The active rustc.
pub fn rustc() -> Command {
    in_workspace("RUSTC", "rustc")
}

/// Settings of the outer cargo that a nested one keeps: where its home is, how it reaches registries, how it talks, and
/// the job server that keeps the two from running more jobs together than either would alone.
const INHERITED_FROM_CARGO: &[&str] = &[
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_MAKEFLAGS",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_SOURCE_",
    "CARGO_TERM_",
];

/// Settings outside cargo's own names that change what a nested build makes, or stop it from making anything.
const NOT_INHERITED: &[&str] =
    &["RUSTC_BOOTSTRAP", "RUSTC_WORKSPACE_WRAPPER", "RUSTC_WRAPPER", "RUSTDOCFLAGS", "RUSTFLAGS"];

fn is_inherited(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    if name.starts_with("CARGO_") {
        return INHERITED_FROM_CARGO.iter().any(|kept| name.starts_with(kept));
    }
    !NOT_INHERITED.contains(&&*name)
}

fn in_workspace(variable: &str, name: &str) -> Command {
    let program = env::var_os(variable).unwrap_or_else(|| OsString::from(name));
    let mut command = Command::new(program);
    command.current_dir(workspace::root());
    command
}

fn not_started(command: &Command, error: std::io::Error) -> Error {
    Error::cannot(format_args!("run `{}`", line(command)), error)
}

/// The command as one would type it, but for the quotes.
fn line(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nested_cargo_keeps_the_network_and_loses_the_flags() {
        for kept in ["PATH", "RUSTUP_TOOLCHAIN", "CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO"] {
            assert!(is_inherited(OsStr::new(kept)), "{kept}");
        }
        for lost in [
            "CARGO_BUILD_TARGET",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_PKG_NAME",
            "CARGO_PROFILE_RELEASE_LTO",
            "CARGO_TARGET_DIR",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTFLAGS",
        ] {
            assert!(!is_inherited(OsStr::new(lost)), "{lost}");
        }
    }

    #[test]
    fn an_error_names_the_command_its_status_and_its_words() {
        let error = output(rustc().arg("--no-such-option")).unwrap_err().to_string();
        assert!(error.contains("rustc --no-such-option"), "{error}");
        assert!(error.contains("exit"), "{error}");
        assert!(error.contains("no-such-option'"), "{error}");
    }
}
