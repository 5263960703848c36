//! The one error of the developer commands: a message for the person who ran them.

use std::fmt::{self, Debug, Display, Formatter};

/// A message for a person. No code handles these errors, so there are no cases to distinguish.
pub struct Error(String);

/// The result of every developer command.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// The error of the operation `what`, as in "cannot `what`: `cause`".
    pub fn cannot(what: impl Display, cause: impl Display) -> Self {
        Self(format!("cannot {what}: {cause}"))
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The message itself: it is what a build script's `main` or an `unwrap` shows.
impl Debug for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}
