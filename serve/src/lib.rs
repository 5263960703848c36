//! A read-only HTTP server over a container.
//!
//! | request | answer |
//! |---|---|
//! | `GET /<id>` | the bytes of the object; one range of them if the request names it |
//! | `GET /?after=<id>&limit=<n>` | objects after an id, sorted, as JSON lines: `{"id":"...","size":n}` |
//! | `GET /container.json`, `/packs/0`, ... | the files of the container, and `files.txt`, their paths |
//!
//! An object never changes: its `ETag` is its id, and whoever has it may keep it for ever. One that is read whole is
//! checked before its last bytes are sent: a damaged object ends in a connection that is cut off, or in status 500. A
//! range of an object that is larger than what the store holds in memory at once is not compared with the id.
//!
//! What is added is served at once. A deleted object may be served until somebody asks for one that is not there: then
//! the index is read again.
//!
//! # Load
//!
//! Everything is bounded: connections, the bytes of a request's head, what is read ahead for a client, and how long a
//! client may neither send nor take anything. What was asked for by clients that have gone is not done. One thread talks to the clients. A few others read, each in a handle of
//! its own; a slow client keeps none of them busy.

mod answer;
mod body;
mod files;
mod range;
mod readers;
mod reports;
mod server;
mod target;

pub use self::server::{Server, Settings};

use loosepack::{Result, Store};

/// Opens the container, once in each thread that reads.
pub type Open<'a> = dyn Fn() -> Result<Box<dyn Store>> + Sync + 'a;
