//! The sparse files of a remote, and their journals.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::fetcher::Fetcher;
use super::identity::identity_at;
use super::room::{self, Used};
use super::sparse::Paths;
use super::{Listed, Settings, listed};
use crate::root::Root;
use crate::{Error, Result};

/// The files of a remote.
pub(super) struct Files {
    files: PathBuf,
    journals: PathBuf,
    settings: Settings,
}

impl Files {
    pub(super) fn new(folder: &Path, settings: Settings) -> Self {
        Files { files: folder.join("files"), journals: folder.join("blocks"), settings }
    }

    pub(super) fn make_folders(&self) -> Result<()> {
        for folder in [&self.files, &self.journals] {
            fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
        }
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.join(flat(name))
    }

    fn journal(&self, name: &str) -> PathBuf {
        self.journals.join(flat(name))
    }

    /// Makes a file unless it is there as the root says.
    pub(super) fn make(&self, listed: &Listed) -> Result<()> {
        let path = self.path(&listed.name);
        if is_as_said(&path, listed) {
            return Ok(());
        }
        // A journal tells of a file that was there before.
        remove(&self.journal(&listed.name))?;
        let temporary = path.with_extension("new");
        let make = || {
            let mut made = File::create(&temporary)?;
            made.write_all(&listed.head)?;
            made.set_len(listed.size)?;
            fs::rename(&temporary, &path)
        };
        make().map_err(Error::file("create", &path))
    }

    /// Gives a file a second name, in a view.
    pub(super) fn link(&self, name: &str, view: &Path) -> Result<()> {
        let to = view.join(name);
        fs::hard_link(self.path(name), &to).map_err(Error::file("link", &to))
    }

    /// Returns whether the files that a view has are these.
    pub(super) fn are_in(&self, view: &Path, root: &Root) -> bool {
        listed(root).iter().all(|listed| {
            let [mine, its] = [self.path(&listed.name), view.join(&listed.name)].map(|path| identity_at(&path));
            matches!((mine, its), (Ok(mine), Ok(its)) if mine == its)
        })
    }

    /// Tells a fetcher of the file of a view.
    pub(super) fn add(&self, fetcher: &Fetcher, view: &Path, listed: &Listed) -> Result<()> {
        let paths = Paths { file: view.join(&listed.name), journal: self.journal(&listed.name) };
        let found = identity_at(&paths.file).map_err(Error::file("examine", &paths.file))?;
        fetcher.add(found, listed.name.clone(), listed.size, listed.head.len() as u64, paths);
        Ok(())
    }

    /// Removes all files: they are of another remote.
    pub(super) fn clear(&self) -> Result<()> {
        self.remove_but(&BTreeSet::new())
    }

    /// Removes files that a root does not name.
    pub(super) fn remove_others(&self, root: &Root) -> Result<()> {
        self.remove_but(&listed(root).iter().map(|listed| flat(&listed.name)).collect())
    }

    fn remove_but(&self, kept: &BTreeSet<String>) -> Result<()> {
        for folder in [&self.journals, &self.files] {
            for name in names(folder)?.iter().filter(|name| !kept.contains(*name)) {
                remove(&folder.join(name))?;
            }
        }
        Ok(())
    }

    /// Makes room where bytes cannot be taken out of files: those that have to go are replaced by others. Views that have
    /// them keep them.
    pub(super) fn replace_leaving(&self, root: &Root) -> Result<()> {
        let used = listed(root)
            .into_iter()
            .filter_map(|Listed { name, size, .. }| Used::of(&name, size, &self.journal(&name), self.settings.block));
        for Used { name, .. } in room::leaving(used.collect(), self.settings.capacity) {
            remove(&self.journal(&name))?;
            remove(&self.path(&name))?;
        }
        Ok(())
    }
}

/// A name without folders.
fn flat(name: &str) -> String {
    name.replace('/', "-")
}

/// Returns whether a file has the size and the first bytes that a root says: a crash may have left another, and another
/// remote may have had one of the same name.
fn is_as_said(path: &Path, listed: &Listed) -> bool {
    let mut head = vec![0; listed.head.len()];
    let mut read = || {
        let mut file = File::open(path)?;
        let found = file.metadata()?;
        file.read_exact(&mut head)?;
        Ok::<_, io::Error>(found.is_file() && found.len() == listed.size)
    };
    read().is_ok_and(|sized| sized) && head == listed.head
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Writes a file whole.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension("new");
    let write = || {
        fs::write(&temporary, bytes)?;
        fs::rename(&temporary, path)
    };
    write().map_err(Error::file("write", path))
}

pub(super) fn names(folder: &Path) -> Result<Vec<String>> {
    let list = || fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>();
    let names = list().map_err(Error::file("list", folder))?;
    Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
}
