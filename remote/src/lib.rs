//! Containers on object storage: a bucket of the S3 kind, or a prefix in one.
//!
//! Everything that many write to is immutable. Packs and runs of the index have numbers that nobody else gets. What
//! belongs together is told by a [`Root`], a line of JSON; roots are numbered, and the greatest number is the state. The
//! next one is *created*, under the condition that there is none of its number: of all who try at once, one succeeds, and
//! the others go on from what it made. Nothing is ever compared and swapped, locked, or listed to find the state.
//!
//! ```text
//! root/<20 digits>      one JSON line, created once
//! root/latest           a number: where to begin to look, and never believed
//! packs/<n>             packs, as in a directory; never changed
//! index/run-<n>.jsonl   runs, as in a directory; never changed
//! kept/<mark>           objects of a push while garbage was collected
//! probe/...             what `Bucket::prove` makes and removes
//! container.json, index/manifest.json, index/log-0.jsonl
//!                       so that a copy of the bucket by any tool is a container; nobody here reads them
//! ```
//!
//! # Who may do what at the same time
//!
//! A *push* only adds. It reserves numbers by a root of its own, uploads packs and one run under them, and creates a root
//! that names them. An object that is there already is not uploaded: that it stays is told by [`Root::deletions`], which is
//! the same as when it was looked up, or everything is looked up anew. A *fold* replaces runs by one that says the same.
//! A *garbage collection* announces itself by a root ([`Root::collecting`]). Whoever pushes from then on says which objects
//! it brings or counts on; they are not deleted. What is in no root any more is garbage, and deleted when the grace period
//! is over.
//!
//! A root of long ago becomes a line that says so. It is not removed: whoever goes on from a root that is not the newest
//! would create the next number again.
//!
//! # Answers that do not come
//!
//! A server may do what it is asked for and fail to say so, or say that it failed. After *any* failure to create a root,
//! the one of that number is read back: it bears the mark of its maker. Whether a server's conditions hold is proved
//! before a bucket is used: some accept them and do not heed them.
//!
//! # Reading
//!
//! A [`View`] is a directory whose files have the sizes that the root says, and no bytes. They come when the container
//! in it is read, and stay: see [`Cache`].

mod account;
mod address;
mod afresh;
mod bucket;
mod cache;
mod collect;
mod error;
mod fold;
mod prove;
mod push;
mod remote;
mod remotes;
mod root;
mod roots;
mod staging;
mod through;
mod upload;

pub use self::account::Requests;
pub use self::address::{harmless, is_url};
pub use self::afresh::Afresh;
pub use self::bucket::Bucket;
pub use self::cache::{Cache, Fetcher, Held, Settings, View};
pub use self::collect::{Collected, Collection};
pub use self::error::{Error, Result};
pub use self::fold::Folded;
pub use self::push::{Push, Pushed};
pub use self::remote::{Remote, Report, Stores};
pub use self::remotes::Remotes;
pub use self::root::{Collecting, File, Garbage, Root, Run, Totals};
pub use self::roots::Retries;
pub use self::through::{OpenRemote, Through};
