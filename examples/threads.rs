//! One store and many threads: some add, some read, and one packs and cleans meanwhile. None of them waits for another.
//!
//! ```sh
//! cargo run --release -p loosepack-host --example threads -- STORE
//! ```

use std::error::Error;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use loosepack_host::{Compression, Content, ObjectId, Options, Runtime};

const WRITERS: usize = 4;
const READERS: usize = 2;
/// Objects of one writer, and how many it adds at once: they become durable together.
const OBJECTS: usize = 1000;
const BATCH: usize = 50;

type Result<T = ()> = std::result::Result<T, loosepack_host::Error>;

/// What the threads tell each other.
#[derive(Default)]
struct Shared {
    added: Mutex<Vec<ObjectId>>,
    writers_done: AtomicUsize,
}

impl Shared {
    fn added(&self) -> std::sync::MutexGuard<'_, Vec<ObjectId>> {
        self.added.lock().expect("no thread panics while it holds the list")
    }

    fn is_complete(&self) -> bool {
        self.writers_done.load(Ordering::Acquire) == WRITERS
    }
}

/// Counts a writer as done also when it fails, so that nobody waits for it.
struct Done<'a>(&'a Shared);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.writers_done.fetch_add(1, Ordering::Release);
    }
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let store = std::env::args_os().nth(1).ok_or("usage: threads STORE")?;
    let (read, packed) = keep(store.as_ref())?;
    println!("{} objects were added, {read} reads, {packed} objects were packed meanwhile", WRITERS * OBJECTS);
    Ok(())
}

/// Makes a container and works on it; returns how many objects were read, and how many were packed.
fn keep(path: &Path) -> Result<(usize, u64)> {
    std::fs::create_dir_all(path)?;
    // One runtime for all threads: it holds the compiled component.
    let runtime = Runtime::new()?;
    runtime.create(path, Default::default(), Options::default())?;
    let shared = Shared::default();
    thread::scope(|scope| {
        let (runtime, shared) = (&runtime, &shared);
        let writers: Vec<_> =
            (0..WRITERS).map(|number| scope.spawn(move || write(runtime, path, number, shared))).collect();
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(|| read(runtime, path, shared))).collect();
        let packer = scope.spawn(|| pack(runtime, path, shared));
        for writer in writers {
            writer.join().expect("a writer does not panic")?;
        }
        let mut read = 0;
        for reader in readers {
            read += reader.join().expect("a reader does not panic")?;
        }
        Ok((read, packer.join().expect("the packer does not panic")?))
    })
}

/// Each thread opens a handle of its own, which is cheap: one handle does one thing at a time.
fn write(runtime: &Runtime, path: &Path, number: usize, shared: &Shared) -> Result {
    let _done = Done(shared);
    let store = runtime.open(path)?;
    let notes: Vec<String> = (0..OBJECTS).map(|note| format!("note {note} of writer {number}")).collect();
    for batch in notes.chunks(BATCH) {
        let ids = store.add_many(batch)?;
        // Durable, and visible to every handle of every process.
        shared.added().extend(ids);
    }
    Ok(())
}

/// Reads what was added so far, again and again. It does not matter what is loose, packed, or just being moved.
fn read(runtime: &Runtime, path: &Path, shared: &Shared) -> Result<usize> {
    let store = runtime.open(path)?;
    let mut count = 0;
    loop {
        let complete = shared.is_complete();
        let ids = shared.added().clone();
        for item in store.read_many(&ids)? {
            let (id, content) = item?;
            assert!(matches!(content, Content::Bytes(_)), "{id} was acknowledged, but not found: {content:?}");
            count += 1;
        }
        if complete {
            return Ok(count);
        }
    }
}

/// Packs what there is and removes the loose files, again and again. There is one packer at a time: a second one would
/// get [`loosepack_host::StoreError::Locked`].
fn pack(runtime: &Runtime, path: &Path, shared: &Shared) -> Result<u64> {
    let store = runtime.open(path)?;
    let mut packed = 0;
    loop {
        let complete = shared.is_complete();
        packed += store.pack_and_clean(Compression::Auto)?.finish()?.objects;
        if complete {
            return Ok(packed);
        }
    }
}

#[test]
fn everything_that_was_added_is_read_and_packed() {
    let folder = tempfile::tempdir().unwrap();
    let (read, packed) = keep(folder.path()).unwrap();
    assert!(read >= READERS * WRITERS * OBJECTS, "{read}");
    assert_eq!(packed, (WRITERS * OBJECTS) as u64);
    let stats = Runtime::new().unwrap().open(folder.path()).unwrap().stats().unwrap();
    assert_eq!((stats.loose_objects, stats.packed_objects), (0, packed));
}
