//! A folder whose files are reached however deep they lie and whatever their names are.

pub(crate) use self::system::{Folder, Identity};

/// The kind of an entry, as its folder's listing has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    Link,
    Special,
}

/// By handles on folders: a path may be longer than what the system takes at once.
#[cfg(unix)]
mod system {
    use std::ffi::{OsStr, OsString};
    use std::fs::File;
    use std::io;
    use std::os::fd::OwnedFd;
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::{Path, PathBuf};

    use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fstat, openat, statat};

    use super::Kind;

    /// Bytes of a path below a handle from which on a folder gets a handle of its own.
    const LONG: usize = 1024;

    /// Device and inode, which distinguish a folder from all others.
    pub(crate) type Identity = (u64, u64);

    pub(crate) struct Folder {
        /// Folders on the way to the last one that was asked for: where they are below the first, and the handles.
        handles: Vec<(PathBuf, OwnedFd)>,
    }

    impl Folder {
        pub(crate) fn open(path: &Path) -> io::Result<Self> {
            let handle = openat(CWD, path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
            Ok(Folder { handles: vec![(PathBuf::new(), handle)] })
        }

        /// Returns the identity of the folder at a path.
        pub(crate) fn identity(path: &Path) -> io::Result<Identity> {
            identity(&openat(CWD, path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
        }

        /// The file system of a folder.
        pub(crate) fn device(identity: &Identity) -> Option<u64> {
            Some(identity.0)
        }

        /// The file system of an open file.
        pub(crate) fn device_of(file: &File) -> io::Result<Option<u64>> {
            Ok(Some(fstat(file)?.st_dev as u64))
        }

        /// The entries of a folder below, and what it is.
        pub(crate) fn list(&mut self, below: &Path) -> io::Result<(Vec<(OsString, Kind)>, Identity)> {
            let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let (handle, rest) = self.nearest(below);
            let folder = openat(handle, rest, flags, Mode::empty())?;
            let long = rest.as_os_str().len() > LONG;
            let mut entries = Vec::new();
            for entry in Dir::read_from(&folder)? {
                let entry = entry?;
                let name = OsStr::from_bytes(entry.file_name().to_bytes());
                if name == "." || name == ".." {
                    continue;
                }
                let mut file_type = entry.file_type();
                if file_type == FileType::Unknown {
                    // Listings of some file systems do not tell.
                    match statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                        Ok(found) => file_type = FileType::from_raw_mode(found.st_mode),
                        // Vanished meanwhile.
                        Err(rustix::io::Errno::NOENT) => continue,
                        Err(error) => return Err(error.into()),
                    }
                }
                let kind = match file_type {
                    FileType::RegularFile => Kind::File,
                    FileType::Directory => Kind::Folder,
                    FileType::Symlink => Kind::Link,
                    _ => Kind::Special,
                };
                entries.push((name.to_owned(), kind));
            }
            let identity = identity(&folder)?;
            if long {
                self.handles.push((below.into(), folder));
            }
            Ok((entries, identity))
        }

        /// Opens a file below. A link is not followed, and a pipe not waited for.
        pub(crate) fn file(&mut self, below: &Path) -> io::Result<File> {
            let (handle, rest) = self.nearest(below);
            let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            Ok(openat(handle, rest, flags, Mode::empty())?.into())
        }

        /// The nearest handle above a path, and the rest of it.
        fn nearest<'a>(&mut self, below: &'a Path) -> (&OwnedFd, &'a Path) {
            while self.handles.len() > 1 && self.handles.last().is_some_and(|(path, _)| !below.starts_with(path)) {
                self.handles.pop();
            }
            let (path, handle) = self.handles.last().expect("the first one stays");
            let rest = below.strip_prefix(path).unwrap_or(below);
            (handle, if rest.as_os_str().is_empty() { Path::new(".") } else { rest })
        }
    }

    fn identity(folder: &OwnedFd) -> io::Result<Identity> {
        let found = fstat(folder)?;
        Ok((found.st_dev as u64, found.st_ino as u64))
    }
}

/// By paths.
#[cfg(not(unix))]
mod system {
    use std::ffi::OsString;
    use std::fs::{self, File};
    use std::io;
    use std::path::{Component, Path, PathBuf};

    use super::Kind;

    /// The folder's canonical path, which distinguishes it from all others.
    pub(crate) type Identity = PathBuf;

    pub(crate) struct Folder(PathBuf);

    impl Folder {
        pub(crate) fn open(path: &Path) -> io::Result<Self> {
            Ok(Folder(path.into()))
        }

        /// Returns the identity of the folder at a path.
        pub(crate) fn identity(path: &Path) -> io::Result<Identity> {
            Ok(path.components().filter(|component| *component != Component::CurDir).collect())
        }

        /// The file system of a folder, which is not known here.
        pub(crate) fn device(_: &Identity) -> Option<u64> {
            None
        }

        /// The file system of an open file, which is not known here.
        pub(crate) fn device_of(_: &File) -> io::Result<Option<u64>> {
            Ok(None)
        }

        /// The entries of a folder below, and what it is.
        pub(crate) fn list(&mut self, below: &Path) -> io::Result<(Vec<(OsString, Kind)>, Identity)> {
            let path = self.0.join(below);
            let entry = |entry: io::Result<fs::DirEntry>| {
                let entry = entry?;
                let kind = match entry.file_type()? {
                    kind if kind.is_file() => Kind::File,
                    kind if kind.is_dir() => Kind::Folder,
                    kind if kind.is_symlink() => Kind::Link,
                    _ => Kind::Special,
                };
                Ok((entry.file_name(), kind))
            };
            let entries = fs::read_dir(&path)?.map(entry).collect::<io::Result<_>>()?;
            Ok((entries, Folder::identity(&path)?))
        }

        /// Opens a file below.
        pub(crate) fn file(&mut self, below: &Path) -> io::Result<File> {
            File::open(self.0.join(below))
        }
    }
}
