//! The files of a folder, and of the folders within.

use std::cmp::Ordering;

use loosepack::bindings::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, ErrorCode, OpenFlags, PathFlags,
};
use loosepack::cli::names::shown;
use loosepack::dir::wasi::code;

use crate::places::cannot;

/// A walk through a folder, in the order of the files' paths. It gives paths below the folder.
pub(crate) struct Walk<'a> {
    folder: &'a Descriptor,
    /// The folder's name, for messages.
    name: &'a str,
    /// A folder that is not walked: the container.
    except: &'a Descriptor,
    /// What is still to be visited, last first.
    pending: Vec<Pending>,
}

/// What a walk comes upon.
pub(crate) enum Met {
    /// A regular file.
    File(String),
    /// Something that is left out as a matter of course: why.
    Skipped(String),
    /// Something that cannot be visited: why.
    Problem(String),
}

enum Pending {
    Entry { path: String, found: DescriptorType },
    Problem(String),
}

impl<'a> Walk<'a> {
    /// A walk through `folder`, which is called `name`, but not through `except`.
    pub(crate) fn new(folder: &'a Descriptor, name: &'a str, except: &'a Descriptor) -> Self {
        let all = Pending::Entry { path: ".".into(), found: DescriptorType::Directory };
        Walk { folder, name, except, pending: vec![all] }
    }

    fn visit(&mut self, path: String, found: DescriptorType) -> Option<Met> {
        match found {
            DescriptorType::RegularFile => Some(Met::File(path)),
            DescriptorType::Directory => self.enter(&path),
            DescriptorType::SymbolicLink => Some(self.skipped(&path, "a symbolic link")),
            // Listings of some file systems do not tell; and wasmtime calls pipes and sockets unknown.
            DescriptorType::Unknown => match self.folder.stat_at(PathFlags::empty(), &path) {
                Ok(stat) if stat.type_ != DescriptorType::Unknown => self.visit(path, stat.type_),
                _ => Some(self.skipped(&path, "a special file")),
            },
            _ => Some(self.skipped(&path, "a special file")),
        }
    }

    fn skipped(&self, path: &str, what: &str) -> Met {
        Met::Skipped(format!("skipped {}: it is {what}", shown(&join(self.name, path))))
    }

    /// List a folder: what is in it is visited next.
    fn enter(&mut self, path: &str) -> Option<Met> {
        let called = join(self.name, path);
        let failed = |error| Met::Problem(cannot("list", &called, code(error)));
        let opened = self.folder.open_at(PathFlags::empty(), path, OpenFlags::DIRECTORY, DescriptorFlags::READ);
        let folder = match opened {
            Ok(folder) => folder,
            Err(error) => return Some(failed(error)),
        };
        if folder.is_same_object(self.except) {
            return Some(self.skipped(path, "the container"));
        }
        let entries = match folder.read_directory() {
            Ok(entries) => entries,
            Err(error) => return Some(failed(error)),
        };
        let start = self.pending.len();
        let (mut nameless, mut met) = (0, None);
        loop {
            match entries.read_directory_entry() {
                Ok(Some(entry)) => {
                    let path = if path == "." { entry.name } else { format!("{path}/{}", entry.name) };
                    self.pending.push(Pending::Entry { path, found: entry.type_ });
                }
                Ok(None) => break,
                // Vanished between being listed and being examined.
                Err(ErrorCode::NoEntry) => {}
                Err(ErrorCode::IllegalByteSequence) => nameless += 1,
                Err(error) => {
                    met = Some(failed(error));
                    break;
                }
            }
        }
        self.pending[start..].sort_by(|a, b| by_path(b, a));
        if nameless > 0 {
            let (entries, have, them) = match nameless {
                1 => ("entry", "has a name that is", "it"),
                _ => ("entries", "have names that are", "them"),
            };
            self.pending.push(Pending::Problem(format!(
                "{nameless} {entries} of {} {have} not UTF-8, which WASI cannot express: rename {them}, or add {them} \
                 with `loosepack add - < FILE`",
                shown(&called)
            )));
        }
        met
    }
}

impl Iterator for Walk<'_> {
    type Item = Met;

    fn next(&mut self) -> Option<Met> {
        loop {
            let met = match self.pending.pop()? {
                Pending::Entry { path, found } => self.visit(path, found),
                Pending::Problem(problem) => Some(Met::Problem(problem)),
            };
            if met.is_some() {
                return met;
            }
        }
    }
}

/// A path below a folder, as the user would name it.
pub(crate) fn join(folder: &str, path: &str) -> String {
    if path == "." { folder.into() } else { format!("{}/{path}", folder.trim_end_matches('/')) }
}

/// The order of the paths that entries lead to: a folder sorts as if its name ended in a slash.
fn by_path(a: &Pending, b: &Pending) -> Ordering {
    fn letters(pending: &Pending) -> impl Iterator<Item = u8> {
        let (path, slash) = match pending {
            Pending::Entry { path, found: DescriptorType::Directory } => (path.as_str(), Some(b'/')),
            Pending::Entry { path, .. } => (path.as_str(), None),
            Pending::Problem(_) => ("", None),
        };
        path.bytes().chain(slash)
    }
    letters(a).cmp(letters(b))
}
