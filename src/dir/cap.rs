//! [`Dir`] on a native directory, by cap-std: for embedding without WebAssembly, and the yardstick for what the sandbox
//! costs.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use std::io::{Error, ErrorKind};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use cap_fs_ext::{FollowSymlinks, MetadataExt as _, OpenOptionsFollowExt as _, OpenOptionsSyncExt as _};
use cap_std::fs::{FileType, OpenOptions};

use super::{Dir, Entry, File, Kind, Metadata};
use crate::error::Code;

/// A directory of the operating system.
#[derive(Debug, Clone)]
pub struct CapDir {
    dir: Arc<cap_std::fs::Dir>,
    /// See [`Dir::sharing`].
    sharing: bool,
}

impl CapDir {
    /// The directory that `dir` is a handle on.
    pub fn new(dir: cap_std::fs::Dir) -> Self {
        CapDir { dir: Arc::new(dir), sharing: false }
    }

    /// Opens the directory at a path of the operating system.
    ///
    /// # Errors
    /// Those of opening a directory.
    pub fn open(path: impl AsRef<Path>) -> std::io::Result<Self> {
        cap_std::fs::Dir::open_ambient_dir(path, cap_std::ambient_authority()).map(Self::new)
    }

    fn open_with(&self, path: &str, options: &mut OpenOptions) -> Result<CapFile, Code> {
        options.follow(FollowSymlinks::No);
        unblocked(options);
        self.dir.open_with(path, options).map(|file| CapFile(file.into_std())).map_err(code)
    }
}

/// An open file of the operating system.
#[derive(Debug)]
pub struct CapFile(std::fs::File);

/// A lock of the operating system, held until dropped.
#[derive(Debug)]
pub struct CapLock(std::fs::File);

impl Drop for CapLock {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that another thread is just starting has inherited it, and holds
        // the lock until it runs its own program. A file that cannot be unlocked is closed all the same.
        let _ = self.0.unlock();
    }
}

impl Dir for CapDir {
    type File = CapFile;
    type Lock = CapLock;

    fn create_dir(&self, path: &str) -> Result<(), Code> {
        self.dir.create_dir(path).map_err(code)?;
        if self.sharing { self.share(path) } else { Ok(()) }
    }

    fn create_new(&self, path: &str) -> Result<CapFile, Code> {
        let file = self.open_with(path, OpenOptions::new().read(true).write(true).create_new(true))?;
        if self.sharing {
            share(&file.0).inspect_err(|_| {
                let _ = self.dir.remove_file(path);
            })?;
        }
        Ok(file)
    }

    fn open_read(&self, path: &str) -> Result<CapFile, Code> {
        self.open_with(path, OpenOptions::new().read(true))
    }

    fn open_write(&self, path: &str) -> Result<CapFile, Code> {
        self.open_with(path, OpenOptions::new().read(true).write(true))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Code> {
        self.dir.rename(from, &self.dir, to).map_err(code)
    }

    fn link(&self, from: &str, to_dir: &Self, to: &str) -> Result<(), Code> {
        self.dir.hard_link(from, &to_dir.dir, to).map_err(code)
    }

    fn remove_file(&self, path: &str) -> Result<(), Code> {
        self.dir.remove_file(path).map_err(code)
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, Code> {
        let mut entries = Vec::new();
        for entry in self.dir.read_dir(path).map_err(code)? {
            let entry = entry.map_err(code)?;
            let kind = match entry.file_type() {
                Ok(file_type) => kind(file_type),
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(code(error)),
            };
            let name = entry.file_name().into_string().map_err(|_| Code::IllegalName)?;
            entries.push(Entry { name, kind });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn metadata(&self, path: &str) -> Result<Metadata, Code> {
        let found = self.dir.symlink_metadata(path).map_err(code)?;
        // Windows tells the number of links of open files only.
        Ok(metadata(&found, if cfg!(unix) { found.nlink() } else { 1 }))
    }

    fn sync_dir(&self, path: &str) -> Result<(), Code> {
        // A directory handle of cap-std cannot be synced itself (O_PATH); one opened as a file can.
        if cfg!(unix) {
            let dir = self.dir.open_with(path, unblocked(OpenOptions::new().read(true)));
            dir.and_then(|dir| dir.sync_all()).map_err(code)?;
        }
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn sync_all(&self) -> Result<(), Code> {
        // Reopened for the same reason.
        let dir = self.dir.open(".").map_err(code)?;
        use rustix::io::Errno;
        rustix::fs::syncfs(&dir).map_err(|error| match error {
            // Not there in emulators, or refused by a filter of system calls: each file is flushed by itself.
            Errno::NOSYS | Errno::PERM | Errno::INVAL | Errno::OPNOTSUPP => Code::Unsupported,
            error => code(error.into()),
        })
    }

    #[cfg(not(target_os = "linux"))]
    fn sync_all(&self) -> Result<(), Code> {
        Err(Code::Unsupported)
    }

    fn share(&self, path: &str) -> Result<(), Code> {
        let mut options = OpenOptions::new();
        options.read(true).follow(FollowSymlinks::No);
        let found = self.dir.open_with(path, unblocked(&mut options)).map_err(code)?;
        share(&found.into_std())
    }

    fn sharing(&self) -> Self {
        CapDir { sharing: true, ..self.clone() }
    }

    fn try_lock(&self, path: &str) -> Result<CapLock, Code> {
        if self.sharing {
            match self.create_new(path) {
                Ok(_) | Err(Code::Exists) => {}
                Err(code) => return Err(code),
            }
        }
        let file = self.open_with(path, OpenOptions::new().read(true).write(true).create(true))?.0;
        match file.try_lock() {
            Ok(()) => Ok(CapLock(file)),
            Err(std::fs::TryLockError::WouldBlock) => Err(Code::WouldBlock),
            // ENOLCK of Linux: NFS without its lock service.
            Err(std::fs::TryLockError::Error(error)) if error.raw_os_error() == Some(37) => Err(Code::Unsupported),
            Err(std::fs::TryLockError::Error(error)) => Err(code(error)),
        }
    }

    fn now(&self) -> u64 {
        nanoseconds(SystemTime::now())
    }
}

impl File for CapFile {
    fn metadata(&self) -> Result<Metadata, Code> {
        let found = cap_std::fs::Metadata::from_file(&self.0).map_err(code)?;
        Ok(metadata(&found, found.nlink()))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Code> {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(&self.0, buffer, offset);
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(&self.0, buffer, offset);
        read.map_err(code)
    }

    fn prefetch(&self, ranges: &[Range<u64>]) {
        crate::io::prefetch(&self.0, ranges);
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize, Code> {
        #[cfg(unix)]
        let written = std::os::unix::fs::FileExt::write_at(&self.0, bytes, offset);
        #[cfg(windows)]
        let written = std::os::windows::fs::FileExt::seek_write(&self.0, bytes, offset);
        written.map_err(code)
    }

    fn set_len(&self, len: u64) -> Result<(), Code> {
        self.0.set_len(len).map_err(code)
    }

    fn sync(&self) -> Result<(), Code> {
        self.0.sync_data().map_err(code)
    }
}

/// Opening a pipe would wait for somebody at its other end. Regular files and directories know no such waiting.
fn unblocked(options: &mut OpenOptions) -> &mut OpenOptions {
    if cfg!(unix) { options.nonblock(true) } else { options }
}

fn share(file: &std::fs::File) -> Result<(), Code> {
    crate::io::share_with_group(file).map_err(code)
}

fn metadata(found: &cap_std::fs::Metadata, links: u64) -> Metadata {
    let modified = found.modified().map_or(0, |time| nanoseconds(time.into_std()));
    Metadata { kind: kind(found.file_type()), len: found.len(), modified, links }
}

fn kind(file_type: FileType) -> Kind {
    if file_type.is_file() {
        Kind::File
    } else if file_type.is_dir() {
        Kind::Dir
    } else if file_type.is_symlink() {
        Kind::Symlink
    } else {
        Kind::Other
    }
}

fn nanoseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// The reason behind an error of the operating system. By value, to be used with `map_err`.
#[expect(clippy::needless_pass_by_value, reason = "the signature that map_err wants")]
fn code(error: Error) -> Code {
    Code::from(&error)
}
