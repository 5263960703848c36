//! Messages of the store's errors. (The generated `Display` prints an error as a program would write it.)

use crate::store_types::{Error, Finding, IoFailure};

impl Error {
    /// What went wrong, and the remedy if there is one, for a person.
    pub fn message(&self) -> String {
        match self {
            Error::NotFound(id) => format!("no object {id}"),
            Error::InvalidId(text) => format!("invalid object ID {text:?}: expected 64 lowercase hex digits"),
            Error::InvalidArgument(text) | Error::AlreadyExists(text) | Error::Locked(text) | Error::Other(text) => {
                text.clone()
            }
            Error::NoContainer => "there is no container here: make one with `loosepack init`".into(),
            Error::UnsupportedFormat(format) => {
                format!("the container has format {format}, which this version cannot read: use a later version")
            }
            Error::ReadOnly => "the container was opened for reading only".into(),
            Error::Corrupt(Finding { file, message }) => format!("damaged: {file}: {message}"),
            Error::SourceChanged(path) => {
                format!("{path} changed while it was read, and was not stored: add it again")
            }
            Error::TooLarge(size) => {
                format!("the object has {size} bytes, too many for memory: read it piece by piece or to a file")
            }
            Error::WriterFailed => {
                "an earlier write failed, so this handle writes no more: open the container again".into()
            }
            Error::Io(IoFailure { operation, path, code }) => format!("cannot {operation} {path}: {}", code.name()),
        }
    }
}
