//! The files that a command line names.

mod command;
#[cfg(unix)]
mod pipe;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

pub(crate) use self::command::CommandSource;
use loosepack::Code;
use loosepack::dir::{Kind, Metadata};

use crate::failure::reason;
use crate::names::shown;

/// The thing that a path names.
pub(crate) enum Input {
    /// A regular file, and what it was before anything was read from it.
    File(File, Metadata),
    /// A named pipe, or that of a process substitution, with a writer.
    #[cfg_attr(not(unix), expect(dead_code, reason = "pipes cannot be told from other special files there"))]
    Pipe(Box<dyn Read + Send>),
    /// A directory.
    Folder,
}

/// Returns the message about a failed operation.
pub(crate) fn cannot(operation: &str, path: &Path, error: &io::Error) -> String {
    format!("cannot {operation} {}: {}", shown(path), reason(error))
}

/// Opens an input for reading. Symbolic links are followed. A named pipe that nobody writes to is waited for, for a few
/// seconds.
///
/// # Errors
/// The message for the user.
pub(crate) fn open(path: &Path) -> Result<Input, String> {
    if path.as_os_str().is_empty() {
        return Err("a PATH is empty".into());
    }
    let opened = open_at_once(path);
    #[cfg(unix)]
    if let Ok(file) = &opened
        && pipe::is_one(file)
    {
        return pipe::open(opened.map_err(|error| cannot("open", path, &error))?, path).map(Input::Pipe);
    }
    // What cannot be opened may still be no file, which says more than why it cannot be opened.
    let found = opened.as_ref().map_or_else(|_| fs::metadata(path), File::metadata);
    let found = found.map_err(|error| cannot("open", path, &error))?;
    if found.is_dir() {
        return Ok(Input::Folder);
    }
    if !found.is_file() {
        let path = shown(path);
        return Err(format!("{path} is neither a file nor a pipe: pipe what it gives into `loosepack add -`"));
    }
    let opened = opened.or_else(|_| File::open(path));
    opened.map(|file| Input::File(file, metadata(&found))).map_err(|error| cannot("open", path, &error))
}

/// Opens a file for reading without waiting: opening a pipe would wait for somebody to write to it. A path is looked up
/// once, which takes most of the time of a small file.
#[cfg(unix)]
fn open_at_once(path: &Path) -> io::Result<File> {
    use rustix::fs::{CWD, Mode, OFlags, openat};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    Ok(openat(CWD, path, flags, Mode::empty())?.into())
}

/// Elsewhere a file is looked at before it is opened.
#[cfg(not(unix))]
fn open_at_once(_: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Standard input.
///
/// # Errors
/// When it is closed: the standard library puts something empty in its place, which nobody wants to store.
pub(crate) fn standard() -> Result<impl Read + Send + 'static, String> {
    if is_closed() {
        return Err("standard input is closed; to add an object of no bytes, redirect it: `< /dev/null`".into());
    }
    Ok(io::stdin())
}

/// Returns whether standard input was closed when the program started: then the standard library has opened the null
/// device, for reading and writing, which a redirection does not.
#[cfg(target_os = "linux")]
fn is_closed() -> bool {
    use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};
    /// The device of `/dev/null`: mem(4).
    const NULL: (u32, u32) = (1, 3);
    let stdin = io::stdin();
    let opened = fcntl_getfl(&stdin).is_ok_and(|flags| flags & OFlags::ACCMODE == OFlags::RDWR);
    opened
        && fstat(&stdin).is_ok_and(|found| {
            FileType::from_raw_mode(found.st_mode) == FileType::CharacterDevice
                && (rustix::fs::major(found.st_rdev), rustix::fs::minor(found.st_rdev)) == NULL
        })
}

/// Other systems do not tell.
#[cfg(not(target_os = "linux"))]
fn is_closed() -> bool {
    false
}

/// A file as the store's sources read it.
pub(crate) struct InputFile(pub(crate) File);

impl loosepack::File for InputFile {
    #[cfg(unix)]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Code> {
        std::os::unix::fs::FileExt::read_at(&self.0, buffer, offset).map_err(|error| Code::from(&error))
    }

    #[cfg(not(unix))]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Code> {
        use std::io::{Seek as _, SeekFrom};
        let mut file = &self.0;
        file.seek(SeekFrom::Start(offset)).and_then(|_| file.read(buffer)).map_err(|error| Code::from(&error))
    }

    fn metadata(&self) -> Result<Metadata, Code> {
        Ok(metadata(&self.0.metadata().map_err(|error| Code::from(&error))?))
    }

    fn write_at(&self, _: &[u8], _: u64) -> Result<usize, Code> {
        Err(Code::ReadOnly)
    }

    fn set_len(&self, _: u64) -> Result<(), Code> {
        Err(Code::ReadOnly)
    }

    fn sync(&self) -> Result<(), Code> {
        Err(Code::ReadOnly)
    }
}

/// Metadata as the store's sources compare it.
fn metadata(found: &fs::Metadata) -> Metadata {
    let kind = match found.file_type() {
        kind if kind.is_file() => Kind::File,
        kind if kind.is_dir() => Kind::Dir,
        _ => Kind::Other,
    };
    let since = found.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let modified = since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
    Metadata { kind, len: found.len(), modified, links: 1 }
}
