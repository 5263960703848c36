//! loosepack: a content-addressed object store.
//!
//! Bytes go in, their SHA-256 comes out. An object is *loose* (one file) until it is *packed* (a record in one of a
//! few large files). Readers never need to know which. The on-disk format is described in [`format`](mod@format).
//!
//! The store cannot name a path of the host, print, or open a socket: it is generic over [`Dir`], the only door to a
//! disk, and uses no `std`. It is compiled to a WebAssembly component (`wit/` is the contract) and, for embedding
//! without one, natively.
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path();
//! use loosepack::dir::cap::CapDir;
//! use loosepack::{Config, Container, Options};
//!
//! let store = Container::create(CapDir::open(path)?, Config::default(), Options::default())?;
//! let id = store.add(b"some bytes")?;
//! assert_eq!(store.get(&id)?, b"some bytes");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Map
//!
//! Each module uses those below it.
//!
//! | module | one reason to change |
//! |---|---|
//! | `jobs` | long operations: pack, clean, delete, gc, repack, import, backup, verify, reindex, fold |
//! | `packer` | what holds the pack lock: the lock, the session, taking in objects, [`PackWriter`] |
//! | [`Container`] | orders the steps across loose objects, packs and index |
//! | `loose`, `proof` | one-file objects and batches of them; proving what is packed before it is relied on |
//! | `pack`, `read` | appending records and walking through them; reading an object |
//! | `index` | which packed object lies where |
//! | [`format`](mod@format) | every byte on disk, encoded and decoded, without a file |
//! | `disk`, [`dir`], [`codec`], [`source`], `tuning` | what a handle shares with all made from it; the door to the disk; hashing and compression; where bytes come from; the sizes it works in |

#![no_std]
#![cfg_attr(not(test), warn(clippy::std_instead_of_core, clippy::std_instead_of_alloc))]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

#[cfg(all(target_arch = "wasm32", target_os = "wasi"))]
#[doc(hidden)]
pub mod bindings;
pub mod codec;
#[cfg(all(feature = "component", target_arch = "wasm32", target_os = "wasi"))]
mod component;
mod container;
pub mod dir;
mod disk;
mod error;
pub mod format;
mod id;
mod index;
#[cfg(feature = "std")]
pub mod io;
mod jobs;
mod loose;
mod options;
mod pack;
mod packer;
mod proof;
mod read;
pub mod source;
pub mod store;
mod tuning;

pub use container::to_file;
pub use container::{Container, Content, ObjectBatch, ObjectInfo, ObjectReader, ObjectWriter, PackInfo, Stats};
pub use dir::{Dir, File};
pub use error::{Code, Error, Finding, IoFailure, Result};
pub use format::{Config, Location, Sharing, Totals};
pub use id::{InvalidId, ObjectId};
pub use jobs::{BackupOptions, GcOptions, Job, KeepList, Part, Progress, RepackOptions};
pub use loose::LooseBatch;
pub use options::{Access, Compression, Durability, Options};
pub use packer::{PackWriter, PackedObject};
pub use read::Placement;
pub use store::Store;
pub use tuning::Tuning;
