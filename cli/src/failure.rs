//! How a command ends.

use std::fmt::Display;
use std::io::{self, Write as _};

use loosepack::Code;

/// How a command ended. The worst of what happened counts: later cases are worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// All is well.
    Done,
    /// An object is absent, or damage was found.
    Lacking,
    /// Wrong use, or something could not be done.
    Failed,
}

/// Why a command stops.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The reader of standard output has gone: there is nothing left to do, and nothing to report.
    ReaderGone,
    /// The user is told what failed, and the remedy.
    Told {
        /// The outcome of the command.
        outcome: Outcome,
        /// The message.
        message: String,
    },
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Failure::Told { outcome: Outcome::Failed, message }
    }
}

/// For errors of standard output: nothing else in the command fails with this type.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::ReaderGone,
            _ => format!("cannot write standard output: {}", reason(&error)).into(),
        }
    }
}

impl Failure {
    /// What the user would be told.
    pub(crate) fn into_message(self) -> String {
        match self {
            Failure::ReaderGone => "its reader has gone".into(),
            Failure::Told { message, .. } => message,
        }
    }

    /// Appends a sentence to the message.
    pub(crate) fn and(self, sentence: &str) -> Self {
        match self {
            Failure::ReaderGone => Failure::ReaderGone,
            Failure::Told { outcome, message } => Failure::Told { outcome, message: format!("{message}; {sentence}") },
        }
    }
}

/// The reason behind an error of the operating system, in the words of the store where it has some.
pub(crate) fn reason(error: &io::Error) -> String {
    match Code::from(error) {
        Code::Other => error.to_string(),
        code => code.to_string(),
    }
}

/// Tells the user something on standard error.
pub(crate) fn tell(message: impl Display) {
    // If standard error is closed, there is nobody to report that to.
    let _ = writeln!(io::stderr(), "loosepack: {message}");
}
