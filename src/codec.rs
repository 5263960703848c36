//! SHA-256, DEFLATE and zlib.
//!
//! There are two of the same interface: `own`, which does the work here, on all processors with the feature `native`,
//! and `given`, the imports of a component whose host does it. What `start` begins is waited for by `finish`.
//!
//! Whoever starts work keeps at most `Tuning::ahead` pieces of about a mebibyte going, so that memory stays bounded.

#[cfg(all(feature = "hosted", target_os = "wasi"))]
mod given;
#[cfg(not(all(feature = "hosted", target_os = "wasi")))]
mod own;
pub(crate) mod sample;

#[cfg(all(feature = "hosted", target_os = "wasi"))]
use given as chosen;
#[cfg(not(all(feature = "hosted", target_os = "wasi")))]
use own as chosen;

pub use self::chosen::{Checking, Compressing, Decoding, Framing, Sha256, sha256, sha256_many};
use core::ops::Range;

use crate::id::ObjectId;

/// Where the payload of an object lies among bytes of its pack, and what it stands for.
#[derive(Debug, Clone)]
pub struct Payload {
    /// Where, in those bytes.
    pub range: Range<u32>,
    /// Size of what it stands for, in bytes.
    pub size: u32,
    /// It consists of DEFLATE blocks; otherwise it is the object's bytes.
    pub compressed: bool,
    /// The id that the bytes must have; `None` if that is not to be checked.
    pub expected: Option<ObjectId>,
    /// The Adler-32 that the bytes must have, and with it a final block; `None` if neither is to be checked, as for a
    /// frame within a stream.
    pub adler: Option<u32>,
}
