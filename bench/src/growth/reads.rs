//! Bytes that one question reads of the index: counted where the store asks the system for them.

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;

use loosepack::dir::cap::CapDir;
use loosepack::dir::{Entry, Metadata};
use loosepack::{Code, Container, Dir, File, ObjectId, Options};

use super::{Filled, Value};
use crate::Result;
use crate::side::{ensure, sha256};

/// Questions of each kind.
const ASKED: usize = 500;

/// Measures questions to handles that were just opened, whose index has not read more than what opening reads. What is
/// read of all runs is divided by their number.
pub(super) fn measure(Filled { folder, ids, .. }: &Filled<'_>) -> Result<Vec<Value>> {
    let ids = &ids[..ids.len().min(ASKED)];
    let absent: Vec<ObjectId> = ids.iter().map(|id| sha256(id.as_bytes())).collect();
    let runs = std::fs::read_dir(folder.join("index"))?
        .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("run-")))
        .count();
    let mut values = vec![("index: runs".into(), "files", runs as f64)];
    for (what, ids, there) in [("has", ids, true), ("has, absent", &absent[..], false)] {
        let (mut sum, mut most) = (0, 0);
        for id in ids {
            let bytes = bytes_of(folder, id, there)?;
            sum += bytes;
            most = most.max(bytes);
        }
        let each = |bytes: f64| bytes / runs.max(1) as f64;
        values.push((format!("first {what}: read of a run"), "bytes", each(sum as f64 / ids.len() as f64)));
        values.push((format!("first {what}: read of a run, in the worst one"), "bytes", each(most as f64)));
    }
    Ok(values)
}

fn bytes_of(folder: &Path, id: &ObjectId, there: bool) -> Result<u64> {
    let read = Rc::new(Cell::new(0));
    let dir = Counting { dir: CapDir::open(folder)?, read: read.clone() };
    let store = Container::open(dir, Options::default())?;
    let before = read.get();
    ensure(store.contains(&[*id])? == [there], "an object is missing, or one is there that is not")?;
    Ok(read.get() - before)
}

/// A directory that counts what is read of runs.
#[derive(Clone)]
struct Counting {
    dir: CapDir,
    read: Rc<Cell<u64>>,
}

struct CountingFile {
    file: <CapDir as Dir>::File,
    /// `None` for other files.
    read: Option<Rc<Cell<u64>>>,
}

impl Counting {
    fn file(&self, path: &str, file: Result<<CapDir as Dir>::File, Code>) -> Result<CountingFile, Code> {
        Ok(CountingFile { file: file?, read: path.starts_with("index/run-").then(|| self.read.clone()) })
    }
}

impl Dir for Counting {
    type File = CountingFile;
    type Lock = <CapDir as Dir>::Lock;

    fn create_dir(&self, path: &str) -> Result<(), Code> {
        self.dir.create_dir(path)
    }

    fn create_new(&self, path: &str) -> Result<CountingFile, Code> {
        self.file(path, self.dir.create_new(path))
    }

    fn open_read(&self, path: &str) -> Result<CountingFile, Code> {
        self.file(path, self.dir.open_read(path))
    }

    fn open_write(&self, path: &str) -> Result<CountingFile, Code> {
        self.file(path, self.dir.open_write(path))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Code> {
        self.dir.rename(from, to)
    }

    fn remove_file(&self, path: &str) -> Result<(), Code> {
        self.dir.remove_file(path)
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, Code> {
        self.dir.list(path)
    }

    fn metadata(&self, path: &str) -> Result<Metadata, Code> {
        self.dir.metadata(path)
    }

    fn sync_dir(&self, path: &str) -> Result<(), Code> {
        self.dir.sync_dir(path)
    }

    fn sync_all(&self) -> Result<(), Code> {
        self.dir.sync_all()
    }

    fn try_lock(&self, path: &str) -> Result<Self::Lock, Code> {
        self.dir.try_lock(path)
    }

    fn now(&self) -> u64 {
        self.dir.now()
    }
}

impl File for CountingFile {
    fn metadata(&self) -> Result<Metadata, Code> {
        self.file.metadata()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Code> {
        let len = self.file.read_at(buffer, offset)?;
        self.read.iter().for_each(|read| read.set(read.get() + len as u64));
        Ok(len)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize, Code> {
        self.file.write_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> Result<(), Code> {
        self.file.set_len(len)
    }

    fn sync(&self) -> Result<(), Code> {
        self.file.sync()
    }
}
