//! The standard output of a command.

use std::ffi::OsString;
use std::io::{ErrorKind, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use loosepack::Error;
use loosepack::source::Source;

use super::cannot;
use crate::names::shown;

/// What a command writes to its standard output. The end is given only if the command succeeds: otherwise reading
/// fails, and nothing is stored. Dropped early, it ends the command.
pub(crate) struct CommandSource {
    /// The program's name.
    name: String,
    child: Child,
    ended: bool,
}

impl CommandSource {
    /// Starts a command: the program, and its arguments.
    ///
    /// # Errors
    /// The message for the user.
    pub(crate) fn start(program: &OsString, arguments: &[OsString]) -> Result<Self, String> {
        if cfg!(target_os = "wasi") {
            return Err(
                "a WASI runtime starts no commands: run it yourself, into a pipe: `CMD | loosepack add -`".into()
            );
        }
        let started = Command::new(program).args(arguments).stdout(Stdio::piped()).spawn();
        match started {
            Ok(child) => Ok(CommandSource { name: shown(program), child, ended: false }),
            Err(error) => Err(cannot("run", Path::new(program), &error)),
        }
    }

    fn failed(&self, why: impl std::fmt::Display) -> Error {
        Error::Other(format!("the command {} failed: {why}; its output was not stored", self.name))
    }
}

impl Source for CommandSource {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        while let Some(stdout) = &mut self.child.stdout {
            match stdout.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(read) if read > 0 || buffer.is_empty() => return Ok(read),
                Ok(_) => break,
                Err(error) => return Err(self.failed(format_args!("its output cannot be read: {error}"))),
            }
        }
        if !self.ended {
            let status = self.child.wait().map_err(|error| self.failed(error))?;
            if !status.success() {
                return Err(self.failed(status));
            }
            self.ended = true;
        }
        Ok(0)
    }
}

impl Drop for CommandSource {
    fn drop(&mut self) {
        // After its end these two do nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
