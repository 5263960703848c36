#![doc = include_str!("format.md")]
//!
//! This module holds every name, limit and version of the format: nothing else knows a name on disk.

use alloc::format;
use alloc::string::String;

use crate::error::{Error, Result};
use crate::id::ObjectId;

/// Version of the on-disk format that this code writes, and the latest it reads.
pub const FORMAT: u64 = 1;

/// Format version, container id and settings.
pub(crate) const CONTAINER: &str = "container.json";
/// Directory of loose objects.
pub(crate) const LOOSE: &str = "loose";
/// Directory of objects that are being written.
pub(crate) const INCOMING: &str = "incoming";
/// Directory of packs.
pub(crate) const PACKS: &str = "packs";
/// Directory of the index.
pub(crate) const INDEX: &str = "index";
/// Which index files are live.
pub(crate) const MANIFEST: &str = "index/manifest.json";
/// Directory of locks.
pub(crate) const LOCK: &str = "lock";
/// The file whose lock of the operating system is the packer's place.
pub(crate) const OS_LOCK: &str = "lock/pack";
/// Made by a packer that holds the lock of [`OS_LOCK`].
pub(crate) const OS_MARK: &str = "lock/pack.os.json";
/// Made, exclusively, by a packer whose host gives no locks.
pub(crate) const FILE_MARK: &str = "lock/pack.file.json";

/// All directories of a container, parents first.
pub(crate) const DIRECTORIES: [&str; 5] = [LOOSE, INCOMING, PACKS, INDEX, LOCK];

/// Number of directories in `loose/`, one for each value of an id's first byte.
pub(crate) const SHARDS: u64 = 256;

/// Bytes of an object that are compressed by themselves, so that reading the middle of an object inflates no more than
/// this. Also what is read into memory of a source before its object is treated as large.
pub(crate) const FRAME: usize = 1 << 20;

/// Width of one number of a frame table. A frame table has a byte more for each number and two at its end.
pub(crate) const FRAME_ENTRY: u64 = 15;

/// A record header is at most this long, its line end included: 20 digits for each number.
pub(crate) const HEADER_MAX: usize = 148;

/// Bytes of the first line of an index run.
pub(crate) const RUN_HEADER: usize = 256;

/// Entries of an index run for each of its fences: what a lookup reads.
pub(crate) const RUN_BLOCK: u64 = 64;

/// Packs take no further record from this size on, unless a container is created with another setting: 4 GiB.
pub const DEFAULT_PACK_TARGET: u64 = 4 << 30;

/// The zlib level of a container that is created without another setting.
pub const DEFAULT_COMPRESSION_LEVEL: u8 = 1;

/// An incoming file that nobody has written to for this many nanoseconds (24 hours) was left by a crash.
pub(crate) const INCOMING_AGE: u64 = 24 * 3600 * 1_000_000_000;

/// `container.json`, the manifest and the lock file are refused beyond this size: they have a few hundred bytes.
pub(crate) const SMALL_FILE_MAX: u64 = 1 << 20;

/// The directory of a shard.
pub(crate) fn shard(shard: u8) -> String {
    format!("{LOOSE}/{shard:02x}")
}

/// The file of a loose object.
pub(crate) fn loose(id: &ObjectId) -> String {
    let hex = id.to_hex();
    let mut path = String::with_capacity(LOOSE.len() + 2 + hex.len());
    path.push_str(LOOSE);
    for (position, digit) in hex.iter().enumerate() {
        if position == 0 || position == 2 {
            path.push('/');
        }
        path.push(char::from(*digit));
    }
    path
}

/// The id of the loose object whose file in a shard has this name; `None` for a file that is no object.
pub(crate) fn loose_id(shard: u8, name: &str) -> Option<ObjectId> {
    ObjectId::from_hex(format!("{shard:02x}{name}").as_bytes())
}

/// A file of `incoming`. `time` in nanoseconds; together with `attempt` it makes the name.
pub(crate) fn incoming(time: u64, attempt: u32) -> String {
    format!("{INCOMING}/{time:016x}-{attempt}")
}

/// Whether a file of `incoming` has such a name. Another was not made here, and is nobody's to remove.
pub(crate) fn is_incoming_file(name: &str) -> bool {
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    name.split_once('-')
        .is_some_and(|(time, attempt)| time.len() == 16 && time.bytes().all(digit) && plain_number(attempt).is_some())
}

/// Whether this is the path of a file that is being written, and is to become an object or another file of the container.
pub fn is_unfinished(path: &str) -> bool {
    path.strip_prefix(INCOMING).and_then(|rest| rest.strip_prefix('/')).is_some_and(is_incoming_file)
}

/// The file of `incoming` that marks what was made, a directory anew or [`THE_CONTAINER`], and may not be durable.
pub(crate) fn made(what: &str) -> String {
    format!("{INCOMING}/{MADE}{}", what.replace('/', "-"))
}

/// What a mark calls the container itself: its `container.json`.
pub(crate) const THE_CONTAINER: &str = "container";

/// Whether a file of `incoming` is such a mark, and no unfinished file.
pub(crate) fn is_made_mark(name: &str) -> bool {
    made_directory(name).is_some() || name.strip_prefix(MADE) == Some(THE_CONTAINER)
}

/// The directory that a file of `incoming` marks, if it marks one.
pub(crate) fn made_directory(name: &str) -> Option<String> {
    let directory = name.strip_prefix(MADE)?.replacen('-', "/", 1);
    let shard = |text: &str| text.len() == 2 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let known =
        directory == PACKS || directory.strip_prefix(LOOSE).and_then(|rest| rest.strip_prefix('/')).is_some_and(shard);
    known.then_some(directory)
}

/// What the name of such a mark starts with.
const MADE: &str = "made-";

/// A pack.
pub(crate) fn pack(number: u32) -> String {
    format!("{PACKS}/{number}")
}

/// The number of the pack whose file has this name; `None` for a file that is no pack.
pub(crate) fn pack_number(name: &str) -> Option<u32> {
    plain_number(name)
}

/// A number as `format!` writes it: no sign, no leading zeros.
fn plain_number(text: &str) -> Option<u32> {
    let number: u32 = text.parse().ok()?;
    (format!("{number}") == text).then_some(number)
}

/// An index log.
pub(crate) fn log(number: u32) -> String {
    format!("{INDEX}/log-{number}.jsonl")
}

/// An index run.
pub(crate) fn run(number: u32) -> String {
    format!("{INDEX}/run-{number}.jsonl")
}

/// A file of the index that has a number.
pub(crate) enum IndexFile {
    Log(u32),
    Run(u32),
}

/// The index file of this name; `None` for any other.
pub(crate) fn index_file(name: &str) -> Option<IndexFile> {
    let stem = name.strip_suffix(".jsonl")?;
    let log = stem.strip_prefix("log-").and_then(plain_number).map(IndexFile::Log);
    log.or_else(|| stem.strip_prefix("run-").and_then(plain_number).map(IndexFile::Run))
}

/// Settings of a container, fixed when it is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// A pack that has reached this many bytes takes no further record.
    pub pack_target: u64,
    /// zlib level used when packing with compression, 1 (fast) to 9 (small).
    pub compression_level: u8,
}

impl Default for Config {
    fn default() -> Self {
        Config { pack_target: DEFAULT_PACK_TARGET, compression_level: DEFAULT_COMPRESSION_LEVEL }
    }
}

impl Config {
    /// Fails with [`Error::InvalidArgument`] when a setting is out of its range.
    pub(crate) fn check(&self) -> Result<()> {
        if self.pack_target == 0 {
            return Err(Error::InvalidArgument("pack-target must be at least 1".into()));
        }
        if !(1..=9).contains(&self.compression_level) {
            return Err(Error::InvalidArgument("compression-level must be from 1 to 9".into()));
        }
        Ok(())
    }
}
