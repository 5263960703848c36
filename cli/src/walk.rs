//! The files of a folder, and of the folders within.

use std::cmp::Ordering;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::exclude::Exclude;
use crate::folder::{Folder, Identity, Kind};
use crate::input::cannot;
use crate::names::shown;
use crate::sizes::counted;

/// Names that a summary of what was skipped holds at most.
const NAMED: usize = 3;

/// A walk through a folder, in the order of the files' paths. It gives paths below the folder.
pub(crate) struct Walk<'a> {
    folder: Folder,
    /// The folder's name, for messages.
    name: &'a Path,
    /// A folder that is not walked: the container.
    except: Option<Identity>,
    exclude: Option<&'a Exclude>,
    /// The file system that the walk stays on; `None` if on any.
    device: Option<u64>,
    /// Paths still to visit, last first.
    pending: Vec<(PathBuf, Kind)>,
    skipped: Skipped,
}

/// Something met on a walk.
pub(crate) enum Met {
    /// A regular file.
    File(PathBuf),
    /// Something that cannot be visited: why.
    Problem(String),
}

/// Counts of entries that are skipped by design.
#[derive(Default)]
struct Skipped {
    links: u64,
    special: u64,
    containers: u64,
    mounts: u64,
    /// The first of them.
    names: Vec<String>,
}

impl<'a> Walk<'a> {
    /// A walk through the folder `name`, but not through `except`, and through nothing that `exclude` has.
    pub(crate) fn new(name: &'a Path, except: &Path, exclude: Option<&'a Exclude>) -> io::Result<Self> {
        let except = Folder::identity(except).ok();
        let pending = vec![(PathBuf::new(), Kind::Folder)];
        let (folder, skipped) = (Folder::open(name)?, Skipped::default());
        Ok(Walk { folder, name, except, exclude, device: None, pending, skipped })
    }

    /// Leaves out what is on other file systems than the folder where the walk begins.
    pub(crate) fn stay(&mut self) -> io::Result<()> {
        self.device = Folder::device(&Folder::identity(self.name)?);
        Ok(())
    }

    /// Opens a file that the walk came upon; `None` if it is on another file system, and is skipped.
    pub(crate) fn open(&mut self, below: &Path) -> io::Result<Option<File>> {
        let file = self.folder.file(below)?;
        if self.device.is_some() && Folder::device_of(&file)? != self.device {
            self.skipped.add(|skipped| &mut skipped.mounts, &join(self.name, below));
            return Ok(None);
        }
        Ok(Some(file))
    }

    /// The next file or problem; `None` at the end.
    pub(crate) fn next(&mut self) -> Option<Met> {
        loop {
            let (path, kind) = self.pending.pop()?;
            match kind {
                Kind::File => return Some(Met::File(path)),
                Kind::Folder => {
                    if let Err(error) = self.enter(&path) {
                        return Some(Met::Problem(cannot("list", &join(self.name, &path), &error)));
                    }
                }
                Kind::Link => self.skipped.add(|skipped| &mut skipped.links, &join(self.name, &path)),
                Kind::Special => self.skipped.add(|skipped| &mut skipped.special, &join(self.name, &path)),
            }
        }
    }

    /// List a folder: what is in it is visited next.
    fn enter(&mut self, path: &Path) -> io::Result<()> {
        let (entries, identity) = self.folder.list(path)?;
        if self.except.as_ref() == Some(&identity) {
            self.skipped.add(|skipped| &mut skipped.containers, &join(self.name, path));
            return Ok(());
        }
        if self.device.is_some() && Folder::device(&identity) != self.device {
            self.skipped.add(|skipped| &mut skipped.mounts, &join(self.name, path));
            return Ok(());
        }
        let start = self.pending.len();
        let exclude = self.exclude;
        let is_left =
            |(path, kind): &(PathBuf, Kind)| exclude.is_none_or(|exclude| !exclude.has(path, *kind == Kind::Folder));
        self.pending.extend(entries.into_iter().map(|(name, kind)| (path.join(name), kind)).filter(is_left));
        self.pending[start..].sort_by(|a, b| by_path(b, a));
        Ok(())
    }

    /// Summarizes what was skipped in one line; `None` if nothing was.
    pub(crate) fn skipped(&self) -> Option<String> {
        let Skipped { links, special, containers, mounts, names } = &self.skipped;
        let counts = [
            (links, counted(*links, "symbolic link")),
            (special, counted(*special, "special file")),
            (containers, "the container".into()),
            (mounts, format!("{mounts} on other file systems")),
        ];
        let counts: Vec<String> = counts.into_iter().filter(|(count, _)| **count > 0).map(|(_, text)| text).collect();
        let more = if links + special + containers + mounts > names.len() as u64 { ", ..." } else { "" };
        (!counts.is_empty()).then(|| format!("skipped {}: {}{more}", counts.join(" and "), names.join(", ")))
    }
}

impl Skipped {
    fn add(&mut self, count: impl FnOnce(&mut Self) -> &mut u64, path: &Path) {
        *count(self) += 1;
        if self.names.len() < NAMED {
            self.names.push(shown(path));
        }
    }
}

/// A path below a folder, as the user would name it.
pub(crate) fn join(folder: &Path, below: &Path) -> PathBuf {
    if below.as_os_str().is_empty() { folder.into() } else { folder.join(below) }
}

/// The order of the paths that entries lead to: a folder sorts as if its name ended in a slash.
fn by_path(a: &(PathBuf, Kind), b: &(PathBuf, Kind)) -> Ordering {
    fn letters((path, kind): &(PathBuf, Kind)) -> impl Iterator<Item = u8> {
        let slash = (*kind == Kind::Folder).then_some(b'/');
        path.as_os_str().as_encoded_bytes().iter().copied().chain(slash)
    }
    letters(a).cmp(letters(b))
}
