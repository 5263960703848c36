//! The native host of loosepack: the store for Rust programs, inside a sandbox.
//!
//! A [`Container`] runs the component `loosepack-store.wasm` in wasmtime. The component is given one directory, which
//! it cannot leave, locks of the operating system, and hashing and compression at native speed. Programs that would
//! rather do without the sandbox use the crate `loosepack` with its `CapDir`: it is the same logic.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("loosepack-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! let runtime = loosepack_host::Runtime::new()?;
//! let store = runtime.create(&folder, Default::default(), Default::default())?;
//! let id = store.add(b"some bytes")?;
//! assert_eq!(store.get(&id)?, b"some bytes");
//! # drop(store);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! ```

mod bindings;
mod codec;
pub mod command;
mod container;
mod convert;
mod embedded;
mod engine;
mod error;
mod fetching;
mod files;
mod flushing;
mod instance;
mod interrupt;
mod jobs;
mod limits;
mod linker;
mod locking;
mod pack_writer;
mod reading;
mod runtime;
mod sharing;
mod state;
mod store;
#[doc(hidden)]
pub mod streams;
mod transfer;

pub use container::{Container, ObjectWriter};
pub use error::{Error, Result};
pub use fetching::{Fetch, Held};
pub use jobs::Job;
pub use limits::Limits;
pub use linker::add_to_linker;
pub use loosepack::{
    Access, BackupOptions, Compression, Config, Content, Durability, Error as StoreError, Finding, GcOptions, ObjectId,
    ObjectInfo, Options, PackInfo, PackedObject, Part, Placement, Progress, RepackOptions, Sharing, Stats,
};
pub use pack_writer::PackWriter;
pub use reading::{ObjectBatch, ObjectReader};
pub use runtime::Runtime;
