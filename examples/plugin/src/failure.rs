//! How commands end.

use std::fmt::Display;

/// How a command that went to its end did.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All was done.
    Complete,
    /// Something was left out, and reported by [`report`].
    Incomplete,
}

/// Why a command stopped: a message for a person.
pub(crate) struct Failure(pub(crate) String);

impl Failure {
    /// The failure of the operation `what`, as in "cannot `what`: `why`".
    pub(crate) fn cannot(what: impl Display, why: impl Display) -> Self {
        Failure(format!("cannot {what}: {why}"))
    }
}

/// Reports something that is left out.
pub(crate) fn report(name: &[u8], why: impl Display) {
    eprintln!("tarstore: {}: {why}", shown(name));
}

/// A name from an archive or a list, which may hold anything, for a terminal.
pub(crate) fn shown(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    if name.is_empty() || name.chars().any(char::is_control) { format!("{name:?}") } else { name.into_owned() }
}
