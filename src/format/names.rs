//! The name of every file and directory of a container. Nothing else knows a name on disk.

use alloc::format;
use alloc::string::String;

use super::json::is_lower_hex;
use crate::id::ObjectId;

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
/// The file whose operating-system lock is the pack lock.
pub(crate) const OS_LOCK: &str = "lock/pack";
/// Made by a packer that holds the lock of [`OS_LOCK`].
pub(crate) const OS_MARK: &str = "lock/pack.os.json";
/// Made, exclusively, by a packer whose host gives no locks.
pub(crate) const FILE_MARK: &str = "lock/pack.file.json";

/// Its length counts the starts and ends of garbage collections: it is odd while one is at work.
pub(crate) const COLLECTIONS: &str = "lock/gc";

/// Made in a directory that becomes a backup, and names the container that it is a copy of.
pub(crate) const BACKUP: &str = "lock/backup.json";

/// All directories of a container, parents first.
pub(crate) const DIRECTORIES: [&str; 5] = [LOOSE, INCOMING, PACKS, INDEX, LOCK];

/// Number of directories in `loose/`, one for each value of an id's first byte.
pub(crate) const SHARDS: u64 = 256;

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

/// Returns whether a file of `incoming` has such a name. Another was not made here, and is nobody's to remove.
pub(crate) fn is_incoming_file(name: &str) -> bool {
    name.split_once('-').is_some_and(|(time, attempt)| {
        time.len() == 16 && is_lower_hex(time.as_bytes()) && plain_number(attempt).is_some()
    })
}

/// Returns whether this is the path of a file that is being written, and is to become an object or another file of the
/// container.
pub fn is_unfinished(path: &str) -> bool {
    path.strip_prefix(INCOMING).and_then(|rest| rest.strip_prefix('/')).is_some_and(is_incoming_file)
}

/// Returns the path of the marker in `incoming` for a directory, or for [`THE_CONTAINER`], that was just made and may
/// not be durable.
pub(crate) fn made(what: &str) -> String {
    format!("{INCOMING}/{MADE}{}", what.replace('/', "-"))
}

/// The name by which a marker means the container itself: its `container.json`.
pub(crate) const THE_CONTAINER: &str = "container";

/// Returns whether a file of `incoming` is such a marker and not an unfinished file.
pub(crate) fn is_made_mark(name: &str) -> bool {
    made_directory(name).is_some() || name.strip_prefix(MADE) == Some(THE_CONTAINER)
}

/// The directory that a file of `incoming` marks, if it marks one.
pub(crate) fn made_directory(name: &str) -> Option<String> {
    let directory = name.strip_prefix(MADE)?.replacen('-', "/", 1);
    let shard = |text: &str| text.len() == 2 && is_lower_hex(text.as_bytes());
    let known =
        directory == PACKS || directory.strip_prefix(LOOSE).and_then(|rest| rest.strip_prefix('/')).is_some_and(shard);
    known.then_some(directory)
}

/// The path to which a garbage collection moves a loose object before it decides about it.
pub(crate) fn collected(id: &ObjectId) -> String {
    format!("{INCOMING}/{COLLECTED}{id}")
}

/// The object that a file of `incoming` is, if a garbage collection moved it there.
pub(crate) fn collected_id(name: &str) -> Option<ObjectId> {
    ObjectId::from_hex(name.strip_prefix(COLLECTED)?.as_bytes())
}

/// Prefix of the name of such a file.
const COLLECTED: &str = "gc-";

/// Prefix of a marker's name.
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
