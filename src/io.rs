//! The store's interfaces as those of `std::io`, and back.

use alloc::format;
use alloc::string::String;
use core::ops::Range;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};

use crate::container::{ObjectReader, ObjectWriter};
use crate::dir::Dir;
use crate::error::{Code, Error, IoFailure, Result};
use crate::source::Source;

impl From<&io::Error> for Code {
    /// The reason behind an error of the operating system.
    fn from(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Code::NotFound,
            ErrorKind::AlreadyExists => Code::Exists,
            ErrorKind::PermissionDenied => Code::Access,
            ErrorKind::ReadOnlyFilesystem => Code::ReadOnly,
            ErrorKind::StorageFull => Code::NoSpace,
            ErrorKind::QuotaExceeded => Code::Quota,
            ErrorKind::FileTooLarge => Code::FileTooLarge,
            ErrorKind::Interrupted => Code::Interrupted,
            ErrorKind::IsADirectory => Code::IsDirectory,
            ErrorKind::NotADirectory => Code::NotDirectory,
            ErrorKind::DirectoryNotEmpty => Code::NotEmpty,
            ErrorKind::InvalidFilename => Code::NameTooLong,
            ErrorKind::ResourceBusy | ErrorKind::ExecutableFileBusy => Code::Busy,
            ErrorKind::WouldBlock => Code::WouldBlock,
            ErrorKind::CrossesDevices => Code::CrossDevice,
            ErrorKind::StaleNetworkFileHandle => Code::Stale,
            ErrorKind::Unsupported => Code::Unsupported,
            ErrorKind::InvalidInput | ErrorKind::NotSeekable => Code::Invalid,
            _ => error.raw_os_error().map_or(Code::Other, of_number),
        }
    }
}

/// Lets the group of an open file or directory read and write it, and the entries made in a directory belong to its group
/// (mode bits 0660 and 2770). Other permissions stay as they are.
///
/// # Errors
/// Those of changing the mode, which only the owner may do; [`ErrorKind::Unsupported`] where files have no modes.
#[cfg(unix)]
pub fn share_with_group(file: &std::fs::File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let found = file.metadata()?;
    let before = found.mode() & 0o7777;
    let mode = before | if found.is_dir() { 0o2770 } else { 0o660 };
    if mode == before { Ok(()) } else { file.set_permissions(std::fs::Permissions::from_mode(mode)) }
}

/// Fails, as there are no modes.
///
/// # Errors
/// [`ErrorKind::Unsupported`].
#[cfg(not(unix))]
pub fn share_with_group(_: &std::fs::File) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

/// Tells the system that bytes of a local file will be read soon, where that is worth a system call for each range:
/// where they are many, or much, and some that are looked at are not in memory.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn prefetch(file: &std::fs::File, ranges: &[Range<u64>]) {
    use core::num::NonZeroU64;

    use rustix::fs::{Advice, fadvise};
    use rustix::io::{Errno, ReadWriteFlags, preadv2};

    /// Fewer ranges, if they have few bytes, are read as fast without a hint.
    const MANY: usize = 8;
    /// See [`MANY`].
    const MUCH: u64 = 1 << 20;
    let length = |range: &Range<u64>| range.end.saturating_sub(range.start);
    if ranges.len() < MANY && ranges.iter().map(length).fold(0, u64::saturating_add) < MUCH {
        return;
    }
    // Whether reading would wait for the disk. A file system that cannot tell is not worth the calls.
    let waits = |range: &Range<u64>| {
        let mut byte = [0];
        let mut buffers = [io::IoSliceMut::new(&mut byte)];
        preadv2(file, &mut buffers, range.start, ReadWriteFlags::NOWAIT) == Err(Errno::AGAIN)
    };
    let last = ranges.len() - 1;
    if [0, last / 3, last - last / 3, last].iter().any(|number| waits(&ranges[*number])) {
        for range in ranges {
            // What it fails to announce is read all the same.
            if let Some(length) = NonZeroU64::new(length(range)) {
                let _ = fadvise(file, range.start, Some(length), Advice::WillNeed);
            }
        }
    }
}

/// Does nothing on this system.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn prefetch(_: &std::fs::File, _: &[Range<u64>]) {}

/// Reasons that std has no stable name for.
#[cfg(unix)]
fn of_number(number: i32) -> Code {
    use rustix::io::Errno;
    match Errno::from_raw_os_error(number) {
        Errno::IO => Code::Io,
        // A socket, which cannot be opened.
        Errno::NXIO => Code::Invalid,
        Errno::MFILE | Errno::NFILE => Code::TooManyFiles,
        Errno::LOOP => Code::Loop,
        Errno::NOLCK => Code::Unsupported,
        _ => Code::Other,
    }
}

/// The numbers are those of WASI's `errno`.
#[cfg(target_os = "wasi")]
fn of_number(number: i32) -> Code {
    match number {
        29 => Code::Io,
        60 => Code::Invalid,
        33 | 41 => Code::TooManyFiles,
        32 => Code::Loop,
        _ => Code::Other,
    }
}

/// Nothing is known of other systems.
#[cfg(not(any(unix, target_os = "wasi")))]
fn of_number(_: i32) -> Code {
    Code::Other
}

/// The bytes of a reader.
#[derive(Debug)]
pub struct ReadSource<R> {
    name: String,
    reader: R,
}

impl<R: Read> ReadSource<R> {
    /// Wraps `reader`. `name` appears in messages.
    pub fn new(name: impl Into<String>, reader: R) -> Self {
        ReadSource { name: name.into(), reader }
    }
}

impl<R: Read> Source for ReadSource<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            match self.reader.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read.map_err(|error| cannot("read", &self.name, &error)),
            }
        }
    }
}

/// Describes a failure outside the container.
pub fn cannot(operation: &'static str, name: &str, error: &io::Error) -> Error {
    match Code::from(error) {
        // The system's own text is better than nothing.
        Code::Other => Error::Other(format!("cannot {operation} {name}: {error}")),
        code => Error::Io(IoFailure { operation: operation.into(), path: name.into(), code }),
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::NotFound(_) | Error::NoContainer => ErrorKind::NotFound,
            Error::InvalidId(_) | Error::InvalidArgument(_) => ErrorKind::InvalidInput,
            Error::Corrupt(_) => ErrorKind::InvalidData,
            _ => ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

impl<D: Dir> Read for ObjectReader<D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(ObjectReader::read(self, buffer)?)
    }
}

impl<D: Dir> Seek for ObjectReader<D> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = seek_target(to, self.position(), self.size())?;
        ObjectReader::seek(self, position);
        Ok(position)
    }
}

/// The byte that a reader of `size` bytes at `position` is to go to.
///
/// # Errors
/// When it lies before the start.
pub fn seek_target(to: SeekFrom, position: u64, size: u64) -> io::Result<u64> {
    let target = match to {
        SeekFrom::Start(position) => Some(position),
        SeekFrom::End(distance) => size.checked_add_signed(distance),
        SeekFrom::Current(distance) => position.checked_add_signed(distance),
    };
    target.ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "seek to a position before the start"))
}

impl<D: Dir> Write for ObjectWriter<D> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        ObjectWriter::write(self, bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
