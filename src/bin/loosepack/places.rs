//! What the paths of a command line mean.

#[cfg(feature = "hosted")]
mod hosted;
#[cfg(not(feature = "hosted"))]
mod portable;

use loosepack::Code;
use loosepack::bindings::wasi::filesystem::types::{Descriptor, DescriptorType, ErrorCode};
use loosepack::cli::names::shown;
use loosepack::dir::wasi::code;

#[cfg(feature = "hosted")]
use self::hosted as host;
#[cfg(not(feature = "hosted"))]
use self::portable as host;

pub(crate) use self::host::{container, save};

/// What a path names.
pub(crate) enum Input {
    /// A regular file.
    File(Descriptor),
    /// A directory.
    Folder(Descriptor),
}

/// Open an input that the command line names, for reading. A symbolic link is followed.
///
/// # Errors
/// What to tell the user.
pub(crate) fn input(path: &str) -> Result<Input, String> {
    if path.is_empty() {
        return Err("a PATH is empty".into());
    }
    let descriptor = host::input(path)?;
    let found = descriptor.get_type().map_err(|error| cannot_read("examine", path, error))?;
    match found {
        DescriptorType::Directory => Ok(Input::Folder(descriptor)),
        DescriptorType::RegularFile if path.ends_with('/') => Err(cannot("open", path, Code::NotDirectory)),
        DescriptorType::RegularFile => Ok(Input::File(descriptor)),
        _ => Err(special(path)),
    }
}

/// What to tell of something that is neither a file nor a folder.
fn special(path: &str) -> String {
    let path = shown(path);
    format!("{path} is not a regular file: add what it gives with `loosepack add - < {path}`")
}

/// What to tell of an input that failed.
fn cannot_read(operation: &str, path: &str, error: ErrorCode) -> String {
    match code(error) {
        Code::IllegalName => format!(
            "the name of {} is not UTF-8, which WASI cannot express: rename it, or add it with \
             `loosepack add - < FILE`",
            shown(path)
        ),
        // What the native host says of a pipe, a device or a socket, without opening it.
        Code::Invalid => special(path),
        Code::IsDirectory => format!("{} is a folder: add what is in it with -r", shown(path)),
        code => cannot(operation, path, code),
    }
}

/// What to tell of an operation that failed.
pub(crate) fn cannot(operation: &str, path: &str, code: Code) -> String {
    format!("cannot {operation} {}: {code}", shown(path))
}
