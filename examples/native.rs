//! The store inside a program, without a sandbox: what a folder holds goes in, and what was there already is not stored
//! again.
//!
//! ```sh
//! cargo run --release --example native -- STORE FOLDER
//! ```

use std::error::Error;
use std::fs::{self, File};
use std::path::Path;

use loosepack::dir::cap::CapDir;
use loosepack::io::ReadSource;
use loosepack::{Compression, Config, Container, Job as _, Options, Part};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [store, folder] = &arguments[..] else { return Err("usage: native STORE FOLDER".into()) };
    keep(store.as_ref(), folder.as_ref())
}

/// Opens a container, or makes one where there is none.
fn open(store: &Path) -> Result<Container<CapDir>, Box<dyn Error>> {
    fs::create_dir_all(store)?;
    match Container::open(CapDir::open(store)?, Options::default()) {
        Err(loosepack::Error::NoContainer) => {
            Ok(Container::create(CapDir::open(store)?, Config::default(), Options::default())?)
        }
        opened => Ok(opened?),
    }
}

fn keep(store: &Path, folder: &Path) -> Result<(), Box<dyn Error>> {
    let store = open(store)?;

    // Loose objects: any number of threads and processes may add at once. A batch becomes durable together.
    let mut batch = store.batch()?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            let id = batch.add_source(&mut ReadSource::new(path.to_string_lossy(), File::open(&path)?))?;
            println!("{id}  {}", path.display());
        }
    }
    batch.commit()?;

    // Packing moves them into a few large files. One packer works at a time; readers and writers need not care.
    let packed = store.pack_loose(Compression::Auto)?.finish()?;
    store.clean()?.finish()?;
    println!("{} objects of {} bytes were packed", packed.objects, packed.bytes);

    // What is read is checked against its ID.
    let first = store.objects(None, 1)?;
    if let [id] = &first[..] {
        println!("the first one has {} bytes", store.get(id)?.len());
    }
    let checked = store.verify(Part::default())?.finish()?;
    println!("{} objects were checked, {} problems", checked.objects, checked.problems.len());
    Ok(())
}

#[test]
fn it_keeps_a_folder_twice() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("files")).unwrap();
    fs::write(folder.path().join("files/a"), "some bytes").unwrap();
    for _ in 0..2 {
        keep(&folder.path().join("store"), &folder.path().join("files")).unwrap();
    }
    assert_eq!(open(&folder.path().join("store")).unwrap().stats().unwrap().packed_objects, 1);
}
