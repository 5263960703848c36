//! Their directories, and reading and naming files in them.

use std::io::ErrorKind;
use std::path::Path;

use cap_std::fs::Dir as StdDir;
use loosepack::dir::cap::CapDir;
use loosepack::{Code, File};

use crate::Error;
use crate::key::{Hash, Key};

/// Where the files of objects are.
pub(crate) const LOOSE: &str = "loose";
/// Where the packs are.
pub(crate) const PACKS: &str = "packs";
/// The database that tells where in the packs the objects are.
pub(crate) const INDEX: &str = "packs.idx";
/// Directories that they want to be there, in addition.
pub(crate) const OTHERS: [&str; 2] = ["duplicates", "sandbox"];

/// The directory of a container of theirs. No path leads out of it, and no link is followed.
pub(crate) struct Place {
    pub(crate) dir: CapDir,
    /// For what the trait `Dir` has not: listing piece by piece, and links.
    pub(crate) std: StdDir,
    /// Its name, for messages.
    pub(crate) name: String,
}

impl Place {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let opened = StdDir::open_ambient_dir(path, cap_std::ambient_authority());
        let opened = opened.and_then(|std| Ok((CapDir::new(std.try_clone()?), std)));
        let (dir, std) = opened.map_err(|error| Error::Other(format!("cannot open {name}: {}", Code::from(&error))))?;
        Ok(Place { dir, std, name })
    }

    pub(crate) fn failed(&self, operation: &str, path: &str, code: Code) -> Error {
        failed(operation, &self.name, path, code)
    }

    /// Gives `visit` the key of each loose object, whose file it may remove.
    pub(crate) fn each_loose(
        &self,
        hash: Hash,
        prefix: usize,
        mut visit: impl FnMut(Key) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut visit = |name: &str| Key::new(hash, name.as_bytes()).map_or(Ok(()), &mut visit);
        if prefix == 0 {
            return self.each_name(LOOSE, visit);
        }
        self.each_name(LOOSE, |shard| {
            if shard.len() != prefix {
                return Ok(());
            }
            self.each_name(&format!("{LOOSE}/{shard}"), |name| visit(&format!("{shard}{name}")))
        })
    }

    /// Gives `visit` the names in a directory that are text. What is no directory has none.
    pub(crate) fn each_name(&self, path: &str, mut visit: impl FnMut(&str) -> Result<(), Error>) -> Result<(), Error> {
        let is_dir = self.std.symlink_metadata(path).is_ok_and(|found| found.is_dir());
        if !is_dir {
            return Ok(());
        }
        let entries = match self.std.read_dir(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(|error| self.failed("list", path, Code::from(&error)))?,
        };
        for entry in entries {
            let entry = entry.map_err(|error| self.failed("list", path, Code::from(&error)))?;
            if let Some(name) = entry.file_name().to_str() {
                visit(name)?;
            }
        }
        Ok(())
    }
}

/// The error about a failed operation on a file of a directory.
pub(crate) fn failed(operation: &str, place: &str, path: &str, code: Code) -> Error {
    Error::Other(format!("cannot {operation} {place}/{path}: {code}"))
}

/// The path of a loose object. `prefix`: digits of its key that are the name of a directory.
pub(crate) fn loose_path(key: &Key, prefix: usize) -> String {
    match key.text().split_at(prefix) {
        ("", name) => format!("{LOOSE}/{name}"),
        (shard, name) => format!("{LOOSE}/{shard}/{name}"),
    }
}

/// The path of a pack.
pub(crate) fn pack(number: i64) -> String {
    format!("{PACKS}/{number}")
}

/// Reads until the buffer is full or the file ends; returns the number of bytes.
pub(crate) fn read_up_to(file: &impl File, buffer: &mut [u8], offset: u64) -> Result<usize, Code> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(Code::Interrupted) => {}
            Err(code) => return Err(code),
        }
    }
    Ok(filled)
}
