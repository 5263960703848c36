//! Reasons of failed file operations, as components get them. wasmtime's own table turns most into "input/output
//! error".

use std::io;

use loosepack::Code;
use wasmtime_wasi::p2::bindings::sync::filesystem::types::ErrorCode;

/// The reason behind an error of the operating system.
#[expect(clippy::needless_pass_by_value, reason = "the signature that map_err wants")]
pub(crate) fn code(error: io::Error) -> ErrorCode {
    // Leading out of the directory, for which cap-primitives has an error of its own.
    if error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none() {
        return ErrorCode::NotPermitted;
    }
    match Code::from(&error) {
        Code::NotFound => ErrorCode::NoEntry,
        Code::Exists => ErrorCode::Exist,
        Code::Access => ErrorCode::Access,
        Code::NotPermitted => ErrorCode::NotPermitted,
        Code::ReadOnly => ErrorCode::ReadOnly,
        Code::NoSpace => ErrorCode::InsufficientSpace,
        Code::Quota => ErrorCode::Quota,
        Code::FileTooLarge => ErrorCode::FileTooLarge,
        Code::Interrupted => ErrorCode::Interrupted,
        Code::IsDirectory => ErrorCode::IsDirectory,
        Code::NotDirectory => ErrorCode::NotDirectory,
        Code::NotEmpty => ErrorCode::NotEmpty,
        Code::NameTooLong => ErrorCode::NameTooLong,
        Code::IllegalName => ErrorCode::IllegalByteSequence,
        Code::Loop => ErrorCode::Loop,
        Code::Busy => ErrorCode::Busy,
        Code::WouldBlock => ErrorCode::WouldBlock,
        // WASI has no name for these two.
        Code::TooManyFiles => ErrorCode::InsufficientMemory,
        Code::Stale => ErrorCode::NoSuchDevice,
        Code::CrossDevice => ErrorCode::CrossDevice,
        Code::Unsupported => ErrorCode::Unsupported,
        Code::Invalid => ErrorCode::Invalid,
        _ => ErrorCode::Io,
    }
}
