//! Directories in which files are prepared for a remote.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::roots::mark;
use crate::{Error, Result};

/// Where in a cache they are.
const FOLDER: &str = "staging";

/// What was left by a process that was killed so long ago is removed.
const AGE: Duration = Duration::from_secs(24 * 3600);

/// A directory that is removed when it is dropped.
pub(crate) struct Staging(PathBuf);

impl Staging {
    pub(crate) fn new(cache: &Path) -> Result<Self> {
        let folder = cache.join(FOLDER);
        let path = folder.join(mark()?);
        fs::create_dir_all(&path).map_err(Error::file("create", &path))?;
        remove_old(&folder, &path);
        Ok(Staging(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

/// What cannot be removed now is left for the next one.
fn remove_old(folder: &Path, but: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let age = entry.metadata().and_then(|found| found.modified()).ok();
        let age = age.and_then(|modified| SystemTime::now().duration_since(modified).ok());
        if entry.path() != but && age.is_some_and(|age| age > AGE) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
