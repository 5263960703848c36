//! Failures, as JavaScript gets them: errors of the code [`CODE`] whose message is a case of the contract's `error`, as
//! JSON. `lib/addon.js` reads them, and `lib/errors.js` makes the errors of the package of them.

use std::io;
use std::path::Path;

use loosepack::{Code, IoFailure};
use loosepack_host::{Error, StoreError};
use serde_json::{Value, json};

/// The code of such an error.
pub(crate) const CODE: &str = "LOOSEPACK_FAILURE";

/// Why a call failed.
pub struct Failed;

impl AsRef<str> for Failed {
    fn as_ref(&self) -> &str {
        CODE
    }
}

/// The result of a call.
pub(crate) type Result<T> = std::result::Result<T, napi::Error<Failed>>;

/// The error for a failure of the store.
pub(crate) fn of(error: Error) -> napi::Error<Failed> {
    error_of(&payload(&error))
}

/// The error for a failure with a directory outside of the container.
pub(crate) fn of_directory(error: Error, directory: &Path) -> napi::Error<Failed> {
    match error {
        Error::Io(error) => error_of(&unopened(&directory.to_string_lossy(), &error)),
        error => of(error),
    }
}

/// The error for a container that cannot be opened or made.
pub(crate) fn of_container(error: Error) -> napi::Error<Failed> {
    match error {
        Error::Io(error) if error.kind() == io::ErrorKind::NotFound => of(StoreError::NoContainer.into()),
        // The directory itself.
        Error::Io(error) => error_of(&unopened(".", &error)),
        error => of(error),
    }
}

/// The error for what was closed.
pub(crate) fn closed() -> napi::Error<Failed> {
    error_of(&case("closed", "it is closed: open the container again"))
}

/// The error for an argument that the JavaScript around this should have refused.
pub(crate) fn invalid(text: impl Into<String>) -> napi::Error<Failed> {
    of(StoreError::InvalidArgument(text.into()).into())
}

fn error_of(payload: &Value) -> napi::Error<Failed> {
    napi::Error::new(Failed, payload.to_string())
}

/// A failure as a case of the contract's `error`; `trap` for a component that was stopped.
pub(crate) fn payload(error: &Error) -> Value {
    match error {
        Error::Store(error) => of_store(error),
        Error::Io(error) => unopened(".", error),
        error => case("trap", error.to_string()),
    }
}

fn case(tag: &str, val: impl Into<Value>) -> Value {
    json!({ "tag": tag, "val": val.into() })
}

fn unopened(path: &str, error: &io::Error) -> Value {
    case("io", json!({ "operation": "open", "path": path, "code": reason(Code::from(error)) }))
}

fn of_store(error: &StoreError) -> Value {
    match error {
        StoreError::NotFound(id) => case("not-found", id.to_text()),
        StoreError::InvalidId(text) => case("invalid-id", text.as_str()),
        StoreError::InvalidArgument(text) => case("invalid-argument", text.as_str()),
        StoreError::NoContainer => case("no-container", Value::Null),
        StoreError::AlreadyExists(text) => case("already-exists", text.as_str()),
        StoreError::UnsupportedFormat(format) => case("unsupported-format", *format),
        StoreError::ReadOnly => case("read-only", Value::Null),
        StoreError::Locked(text) => case("locked", text.as_str()),
        StoreError::Corrupt(finding) => case("corrupt", json!({ "file": finding.file, "message": finding.message })),
        StoreError::SourceChanged(path) => case("source-changed", path.as_str()),
        StoreError::TooLarge(size) => case("too-large", *size),
        StoreError::WriterFailed => case("writer-failed", Value::Null),
        StoreError::Io(IoFailure { operation, path, code }) => {
            case("io", json!({ "operation": operation, "path": path, "code": reason(*code) }))
        }
        error => case("other", error.to_string()),
    }
}

/// The name that `wasi:filesystem` has for a reason.
fn reason(code: Code) -> &'static str {
    match code {
        Code::NotFound => "no-entry",
        Code::Exists => "exist",
        Code::Access => "access",
        Code::NotPermitted => "not-permitted",
        Code::ReadOnly => "read-only",
        Code::NoSpace => "insufficient-space",
        Code::Quota => "quota",
        Code::FileTooLarge => "file-too-large",
        Code::Interrupted => "interrupted",
        Code::IsDirectory => "is-directory",
        Code::NotDirectory => "not-directory",
        Code::NotEmpty => "not-empty",
        Code::NameTooLong => "name-too-long",
        Code::IllegalName => "illegal-byte-sequence",
        Code::Loop => "loop",
        Code::Busy => "busy",
        Code::WouldBlock => "would-block",
        Code::TooManyFiles => "insufficient-memory",
        Code::CrossDevice => "cross-device",
        Code::Stale => "no-such-device",
        Code::Unsupported => "unsupported",
        Code::Invalid => "invalid",
        _ => "io",
    }
}
