//! Making room in a cache.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::Path;
use std::time::SystemTime;

use super::blocks;

/// Bytes that no small file has.
const PROBED: Range<u64> = 1 << 20..2 << 20;

/// A file of a cache, and when something of it was last fetched.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Used {
    is_index: bool,
    last: SystemTime,
    pub(super) bytes: u64,
    pub(super) name: String,
}

impl Used {
    /// What the journal of a file tells; `None` when nothing was fetched.
    pub(super) fn of(name: &str, size: u64, journal: &Path, block: u64) -> Option<Self> {
        let journal = fs::metadata(journal).ok()?;
        let last = journal.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let bytes = blocks::told(journal.len(), block).min(size);
        (bytes > 0).then(|| Used { is_index: name.starts_with("index/"), last, bytes, name: name.into() })
    }
}

/// Those that must go so that others have room: packs of which something was fetched longest ago go first, and files of the
/// index only when no pack is left.
pub(super) fn leaving(mut used: Vec<Used>, capacity: u64) -> Vec<Used> {
    let mut sum: u64 = used.iter().map(|used| used.bytes).sum();
    if sum <= capacity {
        return Vec::new();
    }
    used.sort();
    // A bit more than must be, so that it is not done each time.
    let aim = capacity / 10 * 9;
    used.retain(|used| {
        let leaves = sum > aim;
        sum -= if leaves { used.bytes } else { 0 };
        leaves
    });
    used
}

/// Returns whether [`take_out`] can be done to files beside this one. That is tried behind its end.
pub(super) fn can_take_out(file: &File) -> bool {
    take_out(file, PROBED).is_ok()
}

/// Gives the room of bytes of a file back to the system. They are read as zeros from then on.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn take_out(file: &File, bytes: Range<u64>) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    let mode = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    Ok(fallocate(file, mode, bytes.start, bytes.end - bytes.start)?)
}

/// Elsewhere room is made when a cache is opened, by replacing files.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn take_out(_: &File, _: Range<u64>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn packs_that_came_longest_ago_go_first() {
        let used = |name: &str, seconds, bytes| Used {
            is_index: name.starts_with("index/"),
            last: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
            bytes,
            name: name.into(),
        };
        let all = || vec![used("packs/1", 3, 40), used("index/run-0", 1, 30), used("packs/0", 2, 30)];
        let names = |capacity| leaving(all(), capacity).into_iter().map(|used| used.name).collect::<Vec<_>>();
        assert_eq!(names(100), [""; 0]);
        assert_eq!(names(99), ["packs/0"]);
        assert_eq!(names(60), ["packs/0", "packs/1"]);
        assert_eq!(names(20), ["packs/0", "packs/1", "index/run-0"]);
    }
}
