//! Containers whose files are sparse and filled when they are read: [`loosepack_host::Fetch`].

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use loosepack_host::{
    Access, Compression, Container, Error, Fetch, Held, ObjectId, Options, Part, Runtime, StoreError,
};

use crate::support::TempDir;

const BLOCK: u64 = 4096;

/// A file of the copy: where its bytes come from, the file itself, and the blocks that are there.
struct Sparse {
    name: String,
    original: File,
    copy: File,
    present: Vec<bool>,
}

/// Fills the files of a sparse copy from the original, block by block.
#[derive(Default)]
struct Filling {
    files: Mutex<HashMap<(u64, u64), Sparse>>,
    blocks: AtomicU64,
    hints: AtomicU64,
    /// Reads of files that are not the copy's.
    others: AtomicU64,
    /// Files whose names contain this are out of reach.
    lost: Mutex<Option<(&'static str, io::ErrorKind)>>,
    failed: AtomicBool,
}

impl Filling {
    /// Makes a copy of a directory in which all files are there, and no byte of them is.
    fn copy(&self, from: &Path, to: &Path) {
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            let target = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                fs::create_dir(&target).unwrap();
                self.copy(&entry.path(), &target);
                continue;
            }
            let copy = File::create(&target).unwrap();
            let len = entry.metadata().unwrap().len();
            copy.set_len(len).unwrap();
            let found = copy.metadata().unwrap();
            let name = target.display().to_string();
            let original = File::open(entry.path()).unwrap();
            let present = vec![false; len.div_ceil(BLOCK) as usize];
            let sparse = Sparse { name, original, copy, present };
            self.files.lock().unwrap().insert((found.dev(), found.ino()), sparse);
        }
    }

    fn fill(&self, file: &File, ranges: &[Range<u64>]) -> io::Result<()> {
        let found = file.metadata()?;
        let mut files = self.files.lock().unwrap();
        let Some(sparse) = files.get_mut(&(found.dev(), found.ino())) else {
            self.others.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        };
        if let Some((lost, kind)) = *self.lost.lock().unwrap()
            && sparse.name.contains(lost)
        {
            self.failed.store(true, Ordering::Relaxed);
            return Err(io::Error::new(kind, "the network is down"));
        }
        for range in ranges {
            for block in range.start / BLOCK..range.end.min(found.len()).div_ceil(BLOCK) {
                if !std::mem::replace(&mut sparse.present[block as usize], true) {
                    let mut bytes = vec![0; BLOCK.min(found.len() - block * BLOCK) as usize];
                    sparse.original.read_exact_at(&mut bytes, block * BLOCK)?;
                    sparse.copy.write_all_at(&bytes, block * BLOCK)?;
                    self.blocks.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        Ok(())
    }
}

impl Fetch for Filling {
    fn read(&self, file: &File, range: Range<u64>) -> io::Result<Held<'_>> {
        self.fill(file, &[range])?;
        Ok(Box::new(()))
    }

    fn prefetch(&self, file: &File, ranges: &[Range<u64>]) {
        self.hints.fetch_add(1, Ordering::Relaxed);
        let _ = self.fill(file, ranges);
    }
}

fn content(number: usize) -> Vec<u8> {
    format!("object {number}, ").repeat(number % 300 + 1).into_bytes()
}

/// A container with packed and loose objects, and its copy.
fn copied() -> (TempDir, TempDir, Vec<ObjectId>, Arc<Filling>, Runtime) {
    let (original, copy) = (TempDir::new(), TempDir::new());
    let store = Runtime::new().unwrap().create(original.path(), Default::default(), Options::default()).unwrap();
    let mut ids = Vec::new();
    for numbers in [0..2000, 2000..2100] {
        // What was there before is in a run, and the last are in the log.
        store.fold().unwrap().finish().unwrap();
        let contents: Vec<Vec<u8>> = numbers.map(content).collect();
        let mut writer = store.pack_writer(Compression::Auto).unwrap();
        ids.extend(writer.add_many(&contents).unwrap());
        writer.finish().unwrap();
    }
    let loose: Vec<Vec<u8>> = (2100..2110).map(content).collect();
    ids.extend(store.add_many(&loose).unwrap());
    let filling = Arc::new(Filling::default());
    filling.copy(original.path(), copy.path());
    let runtime = Runtime::new().unwrap().fetching(filling.clone());
    (original, copy, ids, filling, runtime)
}

fn reading() -> Options {
    Options { access: Access::ReadOnly, ..Options::default() }
}

#[test]
fn a_container_of_sparse_files_is_read_and_verified() {
    let (_original, copy, ids, filling, runtime) = copied();
    let store = runtime.open_with(copy.path(), reading()).unwrap();
    assert_eq!(store.get(&ids[1234]).unwrap(), content(1234));
    let few = filling.blocks.load(Ordering::Relaxed);
    assert_eq!(store.contains(&ids).unwrap(), vec![true; ids.len()]);
    assert_eq!(store.objects(None, 5000).unwrap().len(), ids.len());
    let mut read = 0;
    for item in store.read_many(&ids).unwrap() {
        let (id, content) = item.unwrap();
        assert!(matches!(content, loosepack_host::Content::Bytes(_)), "{id}: {content:?}");
        read += 1;
    }
    assert_eq!(read, ids.len());
    let found = store.verify(Part::default()).unwrap().finish().unwrap();
    assert_eq!((found.problems, found.unread), (vec![], vec![]));
    let all = filling.blocks.load(Ordering::Relaxed);
    assert!(few < all / 5, "{few} blocks for one object, {all} in all");
    assert!(filling.hints.load(Ordering::Relaxed) > 0);

    // Files of others are left alone, and are read.
    let (folder, own) = (TempDir::new(), TempDir::new());
    folder.file("a.txt", "alpha\n");
    let store = runtime.create(own.path(), Default::default(), Options::default()).unwrap();
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    let added = writer.add_files(folder.path(), &["a.txt".into()]).unwrap().pop().unwrap().unwrap();
    writer.finish().unwrap();
    assert_eq!(store.get(&added).unwrap(), b"alpha\n");
    assert!(filling.others.load(Ordering::Relaxed) > 0);
}

fn names<T: std::fmt::Debug>(result: Result<T, Error>, file: &str) {
    match result {
        Err(Error::Store(StoreError::Io(failure))) => {
            assert!(failure.path.starts_with(file) && failure.code == loosepack::Code::Io, "{failure}");
        }
        result => panic!("{result:?}"),
    }
}

#[test]
fn what_cannot_be_fetched_is_an_error_and_never_absent() {
    // Also where the failure looks like an answer.
    for kind in
        [io::ErrorKind::Other, io::ErrorKind::NotFound, io::ErrorKind::PermissionDenied, io::ErrorKind::TimedOut]
    {
        let fail = |filling: &Filling, file: Option<&'static str>| {
            *filling.lost.lock().unwrap() = file.map(|file| (file, kind));
        };
        let (_original, copy, ids, filling, runtime) = copied();
        let absent: ObjectId = "0".repeat(64).parse().unwrap();

        fail(&filling, Some("/index/run-"));
        names(runtime.open_with(copy.path(), reading()).map(drop), "index/run-");
        fail(&filling, None);
        let store: Container = runtime.open_with(copy.path(), reading()).unwrap();
        fail(&filling, Some("/index/run-"));
        for id in [ids[7], ids[1050], absent] {
            names(store.contains(&[id]), "index/run-");
            names(store.get(&id), "index/run-");
            names(store.info(&id), "index/run-");
        }
        names(store.contains(&ids[..500]), "index/run-");

        fail(&filling, Some("/packs/"));
        assert_eq!(store.contains(&[ids[7], absent]).unwrap(), [true, false]);
        names(store.get(&ids[7]), "packs/0");
        for item in store.read_many(&ids[..50]).unwrap() {
            match item.unwrap() {
                (_, loosepack_host::Content::Failed(StoreError::Io(failure))) => {
                    assert!(failure.path.starts_with("packs/"), "{failure}");
                }
                item => panic!("{item:?}"),
            }
        }
        fail(&filling, Some("/loose/"));
        names(store.get(&ids[2105]), "loose/");
        assert!(filling.failed.load(Ordering::Relaxed));

        fail(&filling, None);
        for number in [7, 2050, 2105] {
            assert_eq!(store.get(&ids[number]).unwrap(), content(number), "the same handle goes on");
        }
    }
}
