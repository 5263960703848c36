//! [`Dir`] on a `wasi:filesystem` descriptor that the caller handed in: the component's.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Dir, Entry, File, Kind, Metadata};
use crate::bindings::CALL_MAX;
use crate::bindings::wasi::clocks::wall_clock::{self, Datetime};
use crate::bindings::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, OpenFlags, PathFlags,
};
use crate::error::Code;

/// Bytes asked for in one read at most. wasmtime by itself gives 64 KiB, whatever is asked for; loosepack's host gives
/// as many.
pub(crate) const READ_MAX: usize = 1 << 20;

/// A directory of the host.
#[derive(Debug, Clone)]
pub struct WasiDir {
    dir: Arc<Descriptor>,
    /// See [`Dir::sharing`].
    sharing: bool,
}

impl WasiDir {
    /// The directory that `dir` is a handle on.
    ///
    /// It is opened once more, for reading alone: a preopen of some hosts can neither be listed nor synced, and asking
    /// for more flags is refused by others. What may be written is the host's decision at each operation.
    ///
    /// # Errors
    /// Those of opening a directory.
    pub fn new(dir: &Descriptor) -> Result<Self, Code> {
        open_dir(dir, ".").map(|dir| WasiDir { dir: Arc::new(dir), sharing: false })
    }

    fn open(&self, path: &str, open_flags: OpenFlags, flags: DescriptorFlags) -> Result<WasiFile, Code> {
        self.dir.open_at(PathFlags::empty(), path, open_flags, flags).map(WasiFile).map_err(code)
    }

    /// Opens what is there.
    fn open_existing(&self, path: &str, flags: DescriptorFlags) -> Result<WasiFile, Code> {
        match self.look(path)? {
            Kind::Other => Err(Code::Invalid),
            Kind::File | Kind::Dir | Kind::Symlink => self.open(path, OpenFlags::empty(), flags),
        }
    }

    fn open_dir(&self, path: &str) -> Result<Descriptor, Code> {
        match self.look(path)? {
            Kind::File | Kind::Other => Err(Code::NotDirectory),
            Kind::Dir | Kind::Symlink => open_dir(&self.dir, path),
        }
    }

    /// Returns the kind of a file that is about to be opened: hosts open a pipe by waiting for its other end. A host of
    /// the world `store` (`wit/host/world.wit`) does not wait, which saves this call.
    fn look(&self, path: &str) -> Result<Kind, Code> {
        if cfg!(feature = "hosted") { Ok(Kind::Dir) } else { self.metadata(path).map(|found| found.kind) }
    }
}

fn open_dir(dir: &Descriptor, path: &str) -> Result<Descriptor, Code> {
    dir.open_at(PathFlags::empty(), path, OpenFlags::DIRECTORY, DescriptorFlags::READ).map_err(code)
}

/// An open file of the host.
#[derive(Debug)]
pub struct WasiFile(Descriptor);

impl WasiFile {
    /// The file that `descriptor` is a handle on.
    pub fn new(descriptor: Descriptor) -> Self {
        WasiFile(descriptor)
    }
}

/// A lock of the host; nobody can hold one where the host gives none.
#[cfg(feature = "hosted")]
pub type WasiLock = crate::bindings::loosepack::host::locking::Lock;
/// A lock of the host; nobody can hold one where the host gives none.
#[cfg(not(feature = "hosted"))]
pub type WasiLock = core::convert::Infallible;

impl Dir for WasiDir {
    type File = WasiFile;
    type Lock = WasiLock;

    fn create_dir(&self, path: &str) -> Result<(), Code> {
        self.dir.create_directory_at(path).map_err(code)?;
        if self.sharing { self.share(path) } else { Ok(()) }
    }

    fn create_new(&self, path: &str) -> Result<WasiFile, Code> {
        let create_new = OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
        let file = self.open(path, create_new, DescriptorFlags::READ | DescriptorFlags::WRITE)?;
        if self.sharing {
            share(&file.0).inspect_err(|_| {
                let _ = self.remove_file(path);
            })?;
        }
        Ok(file)
    }

    fn open_read(&self, path: &str) -> Result<WasiFile, Code> {
        self.open_existing(path, DescriptorFlags::READ)
    }

    fn open_write(&self, path: &str) -> Result<WasiFile, Code> {
        self.open_existing(path, DescriptorFlags::READ | DescriptorFlags::WRITE)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Code> {
        self.dir.rename_at(from, &self.dir, to).map_err(code)
    }

    fn link(&self, from: &str, to_dir: &Self, to: &str) -> Result<(), Code> {
        self.dir.link_at(PathFlags::empty(), from, &to_dir.dir, to).map_err(code)
    }

    fn remove_file(&self, path: &str) -> Result<(), Code> {
        self.dir.unlink_file_at(path).map_err(code)
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, Code> {
        let stream = self.open_dir(path)?.read_directory().map_err(code)?;
        let mut entries = Vec::new();
        loop {
            match stream.read_directory_entry() {
                Ok(Some(entry)) => entries.push(Entry { name: entry.name, kind: kind(entry.type_) }),
                Ok(None) => break,
                // Vanished between being listed and being examined.
                Err(ErrorCode::NoEntry) => {}
                Err(error) => return Err(code(error)),
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn metadata(&self, path: &str) -> Result<Metadata, Code> {
        self.dir.stat_at(PathFlags::empty(), path).map(metadata).map_err(code)
    }

    fn sync_dir(&self, path: &str) -> Result<(), Code> {
        match self.open_dir(path)?.sync() {
            // Hosts that cannot sync a directory: its entries are as durable as the system makes them by itself.
            Ok(()) | Err(ErrorCode::Invalid | ErrorCode::Unsupported) => Ok(()),
            Err(error) => Err(code(error)),
        }
    }

    fn can_flush(&self) -> bool {
        !matches!(self.dir.sync(), Err(ErrorCode::Unsupported))
    }

    #[cfg(feature = "hosted")]
    fn sync_all(&self) -> Result<(), Code> {
        crate::bindings::loosepack::host::flushing::flush_all(&self.dir).map_err(code)
    }

    #[cfg(not(feature = "hosted"))]
    fn sync_all(&self) -> Result<(), Code> {
        Err(Code::Unsupported)
    }

    fn share(&self, path: &str) -> Result<(), Code> {
        match self.metadata(path)?.kind {
            Kind::Dir => share(&open_dir(&self.dir, path)?),
            _ => share(&self.open_write(path)?.0),
        }
    }

    #[cfg(feature = "hosted")]
    fn sharing(&self) -> Self {
        WasiDir { sharing: true, ..self.clone() }
    }

    #[cfg(feature = "hosted")]
    fn try_lock(&self, path: &str) -> Result<WasiLock, Code> {
        if self.sharing {
            match self.create_new(path) {
                Ok(_) | Err(Code::Exists) => {}
                Err(code) => return Err(code),
            }
        }
        crate::bindings::loosepack::host::locking::try_lock(&self.dir, path).map_err(code)
    }

    #[cfg(not(feature = "hosted"))]
    fn try_lock(&self, _path: &str) -> Result<WasiLock, Code> {
        Err(Code::Unsupported)
    }

    fn now(&self) -> u64 {
        nanoseconds(wall_clock::now())
    }
}

impl File for WasiFile {
    fn metadata(&self) -> Result<Metadata, Code> {
        self.0.stat().map(metadata).map_err(code)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Code> {
        let asked = buffer.len().min(READ_MAX);
        let (bytes, _end) = self.0.read(asked as u64, offset).map_err(code)?;
        // A host that gives more than was asked for is not believed.
        let given = bytes.get(..asked).unwrap_or(&bytes);
        buffer[..given.len()].copy_from_slice(given);
        Ok(given.len())
    }

    fn read_vec_at(&self, len: usize, offset: u64) -> Result<Vec<u8>, Code> {
        let asked = len.min(READ_MAX);
        let (mut bytes, _end) = self.0.read(asked as u64, offset).map_err(code)?;
        bytes.truncate(asked);
        Ok(bytes)
    }

    #[cfg(feature = "hosted")]
    fn prefetch(&self, ranges: &[core::ops::Range<u64>]) {
        let ranges: Vec<(u64, u64)> = ranges.iter().map(|range| (range.start, range.end - range.start)).collect();
        crate::bindings::loosepack::host::fetching::prefetch(&self.0, &ranges);
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize, Code> {
        let bytes = &bytes[..bytes.len().min(CALL_MAX)];
        let written = self.0.write(bytes, offset).map_err(code)?;
        usize::try_from(written).map(|written| written.min(bytes.len())).map_err(|_| Code::Invalid)
    }

    fn set_len(&self, len: u64) -> Result<(), Code> {
        self.0.set_size(len).map_err(code)
    }

    fn sync(&self) -> Result<(), Code> {
        self.0.sync_data().map_err(code)
    }
}

#[cfg(feature = "hosted")]
fn share(file: &Descriptor) -> Result<(), Code> {
    crate::bindings::loosepack::host::sharing::share(file).map_err(code)
}

/// WASI has no modes.
#[cfg(not(feature = "hosted"))]
fn share(_: &Descriptor) -> Result<(), Code> {
    Err(Code::Unsupported)
}

fn metadata(stat: DescriptorStat) -> Metadata {
    let modified = stat.data_modification_timestamp.map_or(0, nanoseconds);
    Metadata { kind: kind(stat.type_), len: stat.size, modified, links: stat.link_count }
}

fn nanoseconds(time: Datetime) -> u64 {
    time.seconds.saturating_mul(1_000_000_000).saturating_add(u64::from(time.nanoseconds))
}

fn kind(descriptor_type: DescriptorType) -> Kind {
    match descriptor_type {
        DescriptorType::RegularFile => Kind::File,
        DescriptorType::Directory => Kind::Dir,
        DescriptorType::SymbolicLink => Kind::Symlink,
        DescriptorType::BlockDevice
        | DescriptorType::CharacterDevice
        | DescriptorType::Fifo
        | DescriptorType::Socket
        | DescriptorType::Unknown => Kind::Other,
    }
}

/// The reason behind an error of the host.
pub fn code(error: ErrorCode) -> Code {
    match error {
        ErrorCode::NoEntry => Code::NotFound,
        ErrorCode::Exist => Code::Exists,
        ErrorCode::Access => Code::Access,
        ErrorCode::NotPermitted => Code::NotPermitted,
        ErrorCode::ReadOnly => Code::ReadOnly,
        ErrorCode::InsufficientSpace => Code::NoSpace,
        ErrorCode::Quota => Code::Quota,
        ErrorCode::FileTooLarge => Code::FileTooLarge,
        ErrorCode::Io => Code::Io,
        ErrorCode::Interrupted => Code::Interrupted,
        // A descriptor of ours is bad for what is asked of a file only when it is one of a directory.
        ErrorCode::IsDirectory | ErrorCode::BadDescriptor => Code::IsDirectory,
        ErrorCode::NotDirectory => Code::NotDirectory,
        ErrorCode::NotEmpty => Code::NotEmpty,
        ErrorCode::NameTooLong => Code::NameTooLong,
        ErrorCode::IllegalByteSequence => Code::IllegalName,
        ErrorCode::Loop => Code::Loop,
        ErrorCode::Busy | ErrorCode::TextFileBusy => Code::Busy,
        ErrorCode::WouldBlock => Code::WouldBlock,
        // WASI has no name for the limits of open files, and the hosts say what the kernel is short of.
        ErrorCode::InsufficientMemory => Code::TooManyFiles,
        ErrorCode::CrossDevice => Code::CrossDevice,
        ErrorCode::NoSuchDevice => Code::Stale,
        ErrorCode::Unsupported | ErrorCode::NoLock => Code::Unsupported,
        ErrorCode::Invalid => Code::Invalid,
        ErrorCode::Already
        | ErrorCode::Deadlock
        | ErrorCode::InProgress
        | ErrorCode::MessageSize
        | ErrorCode::NoDevice
        | ErrorCode::NotRecoverable
        | ErrorCode::NoTty
        | ErrorCode::Overflow
        | ErrorCode::Pipe
        | ErrorCode::InvalidSeek
        | ErrorCode::TooManyLinks => Code::Other,
    }
}

/// A path that a caller gave: WASI has had hosts that follow a symbolic link out of the directory when the path ends
/// in a slash.
pub fn plain_path(path: &str) -> Result<(), Code> {
    if path.is_empty() || path.ends_with('/') { Err(Code::Invalid) } else { Ok(()) }
}
