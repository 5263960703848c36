//! A directory of one's own: [`MemoryDir`] keeps a container in memory. Whatever can keep the promises of
//! [`loosepack::dir`] can hold a container: implement the traits `Dir` and `File`, and hold them to the suite that is a
//! test here.
//!
//! ```sh
//! cargo run --release --example memory
//! ```

mod dir;
mod file;

use std::error::Error;

use loosepack::{Compression, Config, Container, Job as _, Options};

use crate::dir::MemoryDir;

/// Keeps objects in a container in memory; returns how many of them are packed.
fn keep() -> Result<u64, Box<dyn Error>> {
    let dir = MemoryDir::default();
    let store = Container::create(dir.clone(), Config::default(), Options::default())?;
    let notes: Vec<String> = (0..1000).map(|number| format!("note {number}")).collect();
    let ids = store.add_many(&notes)?;
    store.pack_and_clean(Compression::Auto)?.finish()?;

    // Another handle, as another thread would open one.
    let read = std::thread::spawn(move || Container::open(dir, Options::default())?.get(&ids[7]));
    assert_eq!(read.join().map_err(|_| "the reader panicked")??, b"note 7");
    Ok(store.stats()?.packed_objects)
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("{} objects are packed, in memory", keep()?);
    Ok(())
}

/// The suite that every `Dir` of this repository is held to: what the documentation of [`loosepack::dir`] promises.
#[cfg(test)]
#[path = "../../tests/store/conformance.rs"]
mod conformance;

#[test]
fn it_keeps_the_promises_of_a_directory() {
    conformance::run(MemoryDir::default, None, None);
}

#[test]
fn it_runs() {
    assert_eq!(keep().unwrap(), 1000);
}
