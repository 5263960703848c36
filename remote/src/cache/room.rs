//! Making room in a cache.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::Path;
use std::time::SystemTime;

use super::blocks;

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
        Some(Used { is_index: name.starts_with("index/"), last, bytes, name: name.into() })
    }
}

/// Those that must go so that others have room, and the bytes of all that stay: packs that were not used for long go, and
/// files of the index only when no pack is left.
pub(super) fn leaving(mut used: Vec<Used>, capacity: u64) -> (Vec<Used>, u64) {
    let mut sum: u64 = used.iter().map(|used| used.bytes).sum();
    if sum <= capacity {
        return (Vec::new(), sum);
    }
    used.sort();
    // A bit more than must be, so that it is not done each time.
    let aim = capacity / 10 * 9;
    used.retain(|used| {
        let leaves = sum > aim;
        sum -= if leaves { used.bytes } else { 0 };
        leaves
    });
    (used, sum)
}

/// Gives the room of bytes of a file back to the system. They are read as zeros from then on.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn take_out(file: &File, bytes: Range<u64>) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    let mode = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    Ok(fallocate(file, mode, bytes.start, bytes.end - bytes.start)?)
}

/// Elsewhere room is made only when a cache is opened.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn take_out(_: &File, _: Range<u64>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn packs_that_were_not_used_for_long_go_first() {
        let used = |name: &str, seconds, bytes| Used {
            is_index: name.starts_with("index/"),
            last: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
            bytes,
            name: name.into(),
        };
        let all = || vec![used("packs/1", 3, 40), used("index/run-0", 1, 30), used("packs/0", 2, 30)];
        let names = |capacity| {
            let (leaving, left) = leaving(all(), capacity);
            (leaving.into_iter().map(|used| used.name).collect::<Vec<_>>(), left)
        };
        assert_eq!(names(100), (vec![], 100));
        assert_eq!(names(99), (vec!["packs/0".into()], 70));
        assert_eq!(names(60), (vec!["packs/0".into(), "packs/1".into()], 30));
        assert_eq!(names(20), (vec!["packs/0".into(), "packs/1".into(), "index/run-0".into()], 0));
    }
}
