//! A folder to which files are written, and never outside of it: symbolic links in it are not followed.

pub(crate) use self::system::Tree;

/// By handles: what is checked is what is used.
#[cfg(unix)]
mod system {
    use std::ffi::OsStr;
    use std::fs::{self, File};
    use std::io;
    use std::os::fd::{AsFd as _, OwnedFd};
    use std::path::{Path, PathBuf};

    use rustix::fs::{AtFlags, CWD, Mode, OFlags, mkdirat, openat, renameat, unlinkat};
    use rustix::io::Errno;

    /// Of a folder that is entered.
    const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

    pub(crate) struct Tree {
        root: OwnedFd,
        /// The folder that was entered, and its path.
        current: Option<(PathBuf, OwnedFd)>,
    }

    impl Tree {
        /// Opens a folder, which is made if it is missing. Links on the way to it are followed.
        pub(crate) fn make(path: &Path) -> io::Result<Self> {
            fs::create_dir_all(path)?;
            let root = openat(CWD, path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
            Ok(Tree { root, current: None })
        }

        /// Enters a folder below, which is made if it is missing.
        pub(crate) fn enter(&mut self, below: &Path) -> io::Result<()> {
            if self.current.as_ref().is_some_and(|(path, _)| path == below) {
                return Ok(());
            }
            let mut folder = openat(&self.root, ".", FOLDER, Mode::empty())?;
            for name in below {
                let mut opened = openat(&folder, name, FOLDER, Mode::empty());
                if opened.as_ref().is_err_and(|error| *error == Errno::NOENT) {
                    match mkdirat(&folder, name, Mode::from_raw_mode(0o777)) {
                        Ok(()) | Err(Errno::EXIST) => opened = openat(&folder, name, FOLDER, Mode::empty()),
                        Err(error) => return Err(error.into()),
                    }
                }
                folder = opened?;
            }
            self.current = Some((below.into(), folder));
            Ok(())
        }

        fn current(&self) -> &OwnedFd {
            self.current.as_ref().map_or(&self.root, |(_, folder)| folder)
        }

        /// Opens a file of the entered folder; `None` if there is none. A link is not followed, and a pipe not waited for.
        pub(crate) fn read(&self, name: &OsStr) -> io::Result<Option<File>> {
            let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            match openat(self.current(), name, flags, Mode::empty()) {
                Ok(file) => super::regular(file.into()).map(Some),
                Err(Errno::NOENT) => Ok(None),
                Err(error) => Err(error.into()),
            }
        }

        /// Makes a file in the entered folder.
        pub(crate) fn create(&self, name: &OsStr) -> io::Result<File> {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            Ok(openat(self.current().as_fd(), name, flags, Mode::from_raw_mode(0o666))?.into())
        }

        /// Renames a file of the entered folder. Replaces a file.
        pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
            Ok(renameat(self.current(), from, self.current(), to)?)
        }

        /// Removes a file of the entered folder.
        pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
            Ok(unlinkat(self.current(), name, AtFlags::empty())?)
        }
    }
}

/// By paths whose parts are looked at one by one. In WASI the runtime sees to it that no path leads out of what it grants.
#[cfg(not(unix))]
mod system {
    use std::ffi::OsStr;
    use std::fs::{self, File, OpenOptions};
    use std::io;
    use std::path::{Path, PathBuf};

    pub(crate) struct Tree {
        root: PathBuf,
        /// The folder that was entered.
        current: PathBuf,
    }

    impl Tree {
        /// Opens a folder, which is made if it is missing. Links on the way to it are followed.
        pub(crate) fn make(path: &Path) -> io::Result<Self> {
            if !fs::metadata(path).is_ok_and(|found| found.is_dir()) {
                fs::create_dir_all(path)?;
            }
            Ok(Tree { root: path.into(), current: path.into() })
        }

        /// Enters a folder below, which is made if it is missing.
        pub(crate) fn enter(&mut self, below: &Path) -> io::Result<()> {
            let mut path = self.root.clone();
            for name in below {
                path.push(name);
                match fs::symlink_metadata(&path) {
                    Ok(found) if found.is_dir() => {}
                    Ok(_) => return Err(io::ErrorKind::NotADirectory.into()),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir(&path)?,
                    Err(error) => return Err(error),
                }
            }
            self.current = path;
            Ok(())
        }

        /// Opens a file of the entered folder; `None` if there is none.
        pub(crate) fn read(&self, name: &OsStr) -> io::Result<Option<File>> {
            let path = self.current.join(name);
            match fs::symlink_metadata(&path) {
                Ok(found) if found.is_file() => super::regular(File::open(path)?).map(Some),
                Ok(found) if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
                Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        }

        /// Makes a file in the entered folder.
        pub(crate) fn create(&self, name: &OsStr) -> io::Result<File> {
            OpenOptions::new().write(true).create_new(true).open(self.current.join(name))
        }

        /// Renames a file of the entered folder. Replaces a file.
        pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
            fs::rename(self.current.join(from), self.current.join(to))
        }

        /// Removes a file of the entered folder.
        pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
            fs::remove_file(self.current.join(name))
        }
    }
}

/// Refuses what is no regular file.
fn regular(file: std::fs::File) -> std::io::Result<std::fs::File> {
    let found = file.metadata()?;
    match (found.is_file(), found.is_dir()) {
        (true, _) => Ok(file),
        (_, true) => Err(std::io::ErrorKind::IsADirectory.into()),
        _ => Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is no regular file")),
    }
}
