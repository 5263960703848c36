//! The one error type, and the reasons a file system gives.

use alloc::borrow::Cow;
use alloc::string::{String, ToString as _};
use core::fmt;

use crate::id::{InvalidId, ObjectId};

/// Why an operation failed. Each case is one case of `error` in `wit/store-types.wit`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// No object has this ID. Certain: the index was reread before this was returned.
    NotFound(ObjectId),
    /// The text is not an object id.
    InvalidId(String),
    /// A parameter is out of its range; the text says which and what is allowed.
    InvalidArgument(String),
    /// The directory holds no container.
    NoContainer,
    /// A container, or something else, is there already.
    AlreadyExists(String),
    /// The container was made by a later version: its format number.
    UnsupportedFormat(u64),
    /// The handle was opened for reading only.
    ReadOnly,
    /// Another packer is at work, or a lock file was left behind; the text says who and what to do.
    Locked(String),
    /// Stored data is damaged.
    Corrupt(Finding),
    /// A source changed while it was read: its path. Nothing was stored of it.
    SourceChanged(String),
    /// The object has this many bytes, more than fit in memory at once.
    TooLarge(u64),
    /// An earlier write or flush of this handle failed, so that it refuses to write on.
    WriterFailed,
    /// The file system refused an operation.
    Io(IoFailure),
    /// Anything else.
    Other(String),
}

/// Something found out about a file of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, relative to the container, with a line or a byte position where there is one.
    pub file: String,
    /// The finding. For damage: what is wrong, and the remedy if there is one.
    pub message: String,
}

/// A file operation that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IoFailure {
    /// The operation that failed, as a verb.
    pub operation: Cow<'static, str>,
    /// The file, relative to the directory it was reached through.
    pub path: String,
    /// The reason the file system gave.
    pub code: Code,
}

/// A result of the store.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// The reasons a file system gives, as far as the store or its callers tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Code {
    /// No such file or directory.
    NotFound,
    /// It exists already.
    Exists,
    /// Permission denied by the operating system.
    Access,
    /// Not permitted: by the operating system or because it leads out of the granted directory.
    NotPermitted,
    /// The file system or the grant is read-only.
    ReadOnly,
    /// No space left on the device.
    NoSpace,
    /// The quota is used up.
    Quota,
    /// The file would become larger than the file system allows.
    FileTooLarge,
    /// The device failed.
    Io,
    /// Interrupted by a signal.
    Interrupted,
    /// It is a directory.
    IsDirectory,
    /// It is not a directory.
    NotDirectory,
    /// A directory is not empty.
    NotEmpty,
    /// The name is too long.
    NameTooLong,
    /// The name cannot be expressed as text.
    IllegalName,
    /// It is a symbolic link, which is not followed, or links form a loop.
    Loop,
    /// It is busy.
    Busy,
    /// It is locked.
    WouldBlock,
    /// Too many open files.
    TooManyFiles,
    /// Two files lie on different file systems.
    CrossDevice,
    /// A handle of a network file system no longer refers to a file.
    Stale,
    /// The operation is not supported.
    Unsupported,
    /// A parameter is not valid for this file.
    Invalid,
    /// Another reason.
    Other,
}

impl Code {
    /// A short sentence.
    pub fn message(self) -> &'static str {
        match self {
            Code::NotFound => "no such file or directory",
            Code::Exists => "it exists already",
            Code::Access => "permission denied",
            Code::NotPermitted => "not permitted",
            Code::ReadOnly => "the file system is read-only",
            Code::NoSpace => "no space left on the device",
            Code::Quota => "the disk quota is used up",
            Code::FileTooLarge => "the file would become too large",
            Code::Io => "input/output error of the device",
            Code::Interrupted => "interrupted",
            Code::IsDirectory => "it is a directory",
            Code::NotDirectory => "it is not a directory",
            Code::NotEmpty => "the directory is not empty",
            Code::NameTooLong => "the name is too long",
            Code::IllegalName => "the name is not valid UTF-8",
            Code::Loop => "it is a symbolic link, which is not followed",
            Code::Busy => "it is busy",
            Code::WouldBlock => "it is locked",
            Code::TooManyFiles => "too many open files",
            Code::CrossDevice => "the two lie on different file systems",
            Code::Stale => "stale handle of a network file system",
            Code::Unsupported => "the file system does not support it",
            Code::Invalid => "not possible for this kind of file",
            Code::Other => "unknown error of the file system",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.message)
    }
}

impl fmt::Display for IoFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.operation, self.path, self.code)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotFound(id) => write!(f, "no object {id}"),
            Error::InvalidId(text) => InvalidId::write(text, f),
            Error::InvalidArgument(text) | Error::Locked(text) | Error::Other(text) => f.write_str(text),
            Error::NoContainer => f.write_str("there is no container here: make one with `init`"),
            Error::AlreadyExists(text) => f.write_str(text),
            Error::UnsupportedFormat(found) => {
                write!(f, "the container has format {found}, which this version cannot read: use a later version")
            }
            Error::ReadOnly => f.write_str("the container was opened for reading only"),
            Error::Corrupt(damage) => write!(f, "damaged: {damage}"),
            Error::SourceChanged(path) => {
                write!(f, "{path} changed while it was read, and was not stored: add it again")
            }
            Error::TooLarge(size) => {
                write!(f, "the object has {size} bytes, too many for memory: read it piece by piece or to a file")
            }
            Error::WriterFailed => {
                f.write_str("an earlier write failed, so this handle writes no more: open the container again")
            }
            Error::Io(failure) => failure.fmt(f),
        }
    }
}

impl core::error::Error for Error {}

impl From<InvalidId> for Error {
    fn from(InvalidId(text): InvalidId) -> Self {
        Error::InvalidId(text)
    }
}

impl Code {
    /// Returns whether the reason is not in the file itself and may pass: permission, open files, and the like.
    fn is_circumstance(self) -> bool {
        use Code::{
            Access, Busy, Interrupted, NotPermitted, Other, Quota, Stale, TooManyFiles, Unsupported, WouldBlock,
        };
        matches!(
            self,
            Access
                | NotPermitted
                | TooManyFiles
                | Busy
                | WouldBlock
                | Interrupted
                | Unsupported
                | Quota
                | Stale
                | Other
        )
    }
}

impl Error {
    /// Returns whether it tells nothing of what is stored: another user, or the same one later, may succeed.
    pub(crate) fn is_circumstance(&self) -> bool {
        matches!(self, Error::Io(failure) if failure.code.is_circumstance())
    }

    /// Returns whether there is no room for more.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, Error::Io(failure) if matches!(failure.code, Code::NoSpace | Code::Quota))
    }

    /// A finding about a stored file.
    pub(crate) fn corrupt(file: impl Into<String>, problem: impl Into<String>) -> Self {
        Error::Corrupt(Finding { file: file.into(), message: problem.into() })
    }

    /// Describes why `file` could not be examined, as a finding.
    pub(crate) fn into_finding(self, file: &str) -> Finding {
        match self {
            Error::Corrupt(finding) => finding,
            error => Finding { file: file.into(), message: error.to_string() },
        }
    }
}

/// Turns the bare [`Code`] of a directory operation into an [`Error`] that says what was attempted on which file.
pub(crate) trait Context<T> {
    fn during(self, operation: &'static str, path: &str) -> Result<T>;
}

impl<T> Context<T> for Result<T, Code> {
    fn during(self, operation: &'static str, path: &str) -> Result<T> {
        self.map_err(|code| Error::Io(IoFailure { operation: operation.into(), path: path.into(), code }))
    }
}
