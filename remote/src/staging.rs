//! Directories in which files are prepared for a remote.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::roots::mark;
use crate::{Error, Result};

/// Where in a cache they are.
const FOLDER: &str = "staging";

/// Held by whoever prepares something there.
const LOCK: &str = "lock";

/// A directory that is removed when it is dropped.
pub(crate) struct Staging {
    path: PathBuf,
    _lock: File,
}

impl Staging {
    pub(crate) fn new(cache: &Path) -> Result<Self> {
        let folder = cache.join(FOLDER);
        let path = folder.join(mark()?);
        fs::create_dir_all(&path).map_err(Error::file("create", &path))?;
        let lock = File::create(path.join(LOCK)).and_then(|file| file.lock().map(|()| file));
        let lock = lock.map_err(Error::file("lock", &path))?;
        remove_left(&folder);
        Ok(Staging { path, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Removes what processes left that were killed. What cannot be removed now is left for the next one.
fn remove_left(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        // One without a lock is about to get one.
        let held = File::open(entry.path().join(LOCK)).ok().filter(|lock| lock.try_lock().is_ok());
        if held.is_some() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
