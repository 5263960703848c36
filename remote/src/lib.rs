//! Containers on object storage: a bucket of the S3 kind, or a prefix in one.
//!
//! Everything that many write to is immutable. Packs and runs of the index have names that nobody else uses. What belongs
//! together is told by a [`Root`], a line of JSON; roots are numbered, and the greatest number is the state. The next one
//! is *created*, under the condition that there is none of its number: of all who try at once, one succeeds, and the
//! others go on from what it made. Nothing is ever compared and swapped, locked, or listed to find the state.
//!
//! ```text
//! root/<20 digits>   one JSON line, created once
//! root/latest        a number: where to begin to look, and never believed
//! probe/...          what `Bucket::prove` makes and removes
//! ```
//!
//! A root may be removed only when nobody can have it as their newest any more, and never the last one: whoever goes on
//! from a root that is not the newest creates the next number again if that was removed.
//!
//! # Answers that do not come
//!
//! A server may do what it is asked for and fail to say so, or say that it failed. After *any* failure to create a root,
//! the one of that number is read back: it bears the mark of its maker. Whether a server's conditions hold is proved
//! before a bucket is used: some accept them and do not heed them.

mod bucket;
mod error;
mod prove;
mod root;
mod roots;

pub use self::bucket::{Bucket, Requests};
pub use self::error::{Error, Result};
pub use self::root::{File, Garbage, NUMBERS, Root, Slot};
pub use self::roots::Retries;
