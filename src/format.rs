#![doc = include_str!("format.md")]
//!
//! This module holds every byte of the format, each thing's encoding beside its decoding, without a file: nothing else
//! knows what stands on disk.

pub(crate) mod backup_json;
pub(crate) mod block_list;
pub(crate) mod container_json;
pub(crate) mod fence_part;
pub(crate) mod fences;
pub(crate) mod filters;
pub(crate) mod frame_table;
pub(crate) mod json;
pub(crate) mod location;
pub(crate) mod lock_mark;
pub(crate) mod log_line;
pub(crate) mod manifest;
pub(crate) mod names;
pub(crate) mod record;
pub(crate) mod run_header;
pub(crate) mod run_line;
pub(crate) mod zlib_stream;

pub use self::container_json::{Config, DEFAULT_COMPRESSION_LEVEL, DEFAULT_PACK_TARGET, FORMAT, Sharing};
pub use self::location::{Location, Totals};
pub use self::names::is_unfinished;

/// Bytes of an object that are compressed by themselves, so that reading the middle of an object inflates no more than
/// this. Also what is read into memory of a source before its object is treated as large.
pub(crate) const FRAME: usize = 1 << 20;
