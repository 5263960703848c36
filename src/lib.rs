//! loosepack: a content-addressed object store.
//!
//! Bytes go in, their SHA-256 comes out. An object is *loose* (one file) until it is *packed* (a record in one of a few
//! large files). Who reads never needs to know which. The on-disk format is told in [`layout`].
//!
//! The store cannot name a path of the host, print, or open a socket: it is generic over [`Dir`], the only door to a disk,
//! and uses no `std`. It is compiled to a WebAssembly component (`wit/` is the contract) and, for embedding without one,
//! natively.
//!
//! # Map
//!
//! | module | one reason to change |
//! |---|---|
//! | [`layout`] | every name, limit and version on disk; `format.md` is its documentation |
//! | [`dir`] | the traits `Dir` and `File`; below it their implementations |
//! | `container` | orders the steps across loose objects, packs and index |
//! | `loose` | one-file objects, and batches of them |
//! | `pack`, `compress` | the form of a record and of its payload; walking from one to the next |
//! | `index` | which packed object lies where |
//! | `reader`, `batch`, `export` | reading one object, many, to a file |
//! | `window` | what is read of a pack together |
//! | `packing` | what takes the packer's place: the pack writer and the jobs, `reindex` among them |
//! | `verify` | reading everything and reporting every problem |
//! | `lock` | the packer's place itself |
//! | `proof` | proving what is packed before an acknowledgement relies on it |
//! | `directory` | making anew what a copy has lost |
//! | `disk`, `tuning` | what a handle shares with all made from it; the sizes it works in |
//! | `flush`, `regular`, `small_file`, [`source`], [`codec`] | what the others share |
//! | `component` | glue between the contract and the store |
//! | `cli` | the command line's definition; `bin/` is the command |

#![no_std]
#![cfg_attr(not(test), warn(clippy::std_instead_of_core, clippy::std_instead_of_alloc))]

extern crate alloc;
#[cfg(any(feature = "native", feature = "cli", test))]
extern crate std;

mod batch;
#[cfg(all(target_arch = "wasm32", target_os = "wasi"))]
#[doc(hidden)]
pub mod bindings;
#[cfg(feature = "cli")]
pub mod cli;
pub mod codec;
#[cfg(feature = "component")]
mod component;
mod compress;
mod container;
pub mod dir;
mod directory;
mod disk;
mod error;
pub mod export;
mod flush;
mod id;
mod index;
pub mod layout;
mod lock;
mod loose;
mod options;
mod pack;
mod packing;
mod proof;
mod reader;
mod regular;
mod small_file;
pub mod source;
mod tuning;
mod verify;
mod window;

pub use batch::{Content, ObjectBatch};
pub use container::{Container, ObjectInfo, ObjectReader, ObjectWriter, Stats};
pub use dir::{Dir, File};
pub use error::{Code, Damage, Error, IoFailure, Result};
pub use id::ObjectId;
pub use index::{Location, Totals};
pub use layout::Config;
pub use loose::LooseBatch;
pub use options::{Access, Compression, Durability, Options};
pub use packing::{Clean, Job, PackLoose, PackWriter, Progress, Reindex};
pub use reader::Placement;
pub use tuning::Tuning;
pub use verify::{Part, Verify};
