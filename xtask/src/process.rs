//! Running other programs, with errors that name the command.

use std::env;
use std::ffi::OsString;
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
    let mut cargo = in_workspace("CARGO", "cargo");
    // What is built is looked for where cargo puts what is built for this machine.
    cargo.env_remove("CARGO_BUILD_TARGET");
    // What cargo tells the programs it runs would make it build crates anew whose build scripts look at it: `ring`, and all
    // that uses it.
    let told = |name: &OsString| {
        name.to_str().is_some_and(|name| ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|start| name.starts_with(start)))
    };
    for name in env::vars_os().map(|(name, _)| name).filter(told) {
        cargo.env_remove(name);
    }
    cargo
}

/// The active rustc.
pub fn rustc() -> Command {
    in_workspace("RUSTC", "rustc")
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
    fn an_error_names_the_command_its_status_and_its_words() {
        let error = output(rustc().arg("--no-such-option")).unwrap_err().to_string();
        assert!(error.contains("rustc --no-such-option"), "{error}");
        assert!(error.contains("exit"), "{error}");
        assert!(error.contains("no-such-option'"), "{error}");
    }
}
