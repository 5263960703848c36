//! Named pipes, and those of process substitutions.

use std::fs::File;
use std::io::{Cursor, Read};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

use super::cannot;
use crate::names::shown;

/// How long a pipe without a writer is waited for.
const PATIENCE: Duration = Duration::from_secs(3);
/// Between two looks at it.
const LOOK: Duration = Duration::from_millis(20);

/// Returns whether an open file is a pipe.
pub(super) fn is_one(file: &File) -> bool {
    file.metadata().is_ok_and(|found| found.file_type().is_fifo())
}

/// The bytes of a pipe that was opened without waiting. Once it has a writer, that one is waited for.
///
/// # Errors
/// The message for the user, as when there is no writer in [`PATIENCE`].
pub(super) fn open(mut file: File, path: &Path) -> Result<Box<dyn Read + Send>, String> {
    let failed = |errno: Errno| cannot("read", path, &errno.into());
    let (mut start, mut len) = ([0], 0);
    let began = Instant::now();
    // One without a name has had its writer.
    while !is_anonymous(&file) {
        match file.read(&mut start) {
            // There is none yet, or it has ended without a word.
            Ok(0) if has_ended(&file) => break,
            Ok(0) if began.elapsed() < PATIENCE => thread::sleep(LOOK),
            Ok(0) => {
                return Err(format!(
                    "nobody writes to the pipe {path}: waited {} seconds; start its writer first, or wait for it \
                     with `loosepack add - < {path}`",
                    PATIENCE.as_secs(),
                    path = shown(path)
                ));
            }
            Ok(read) => {
                len = read;
                break;
            }
            // There is one, which has written nothing yet.
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(cannot("read", path, &error)),
        }
    }
    let flags = fcntl_getfl(&file).map_err(failed)?;
    fcntl_setfl(&file, flags - OFlags::NONBLOCK).map_err(failed)?;
    Ok(Box::new(Cursor::new(start).take(len as u64).chain(file)))
}

/// Returns whether a pipe was made by `pipe(2)`, and opened by way of `/dev/fd`: only what holds its other end now can
/// write to it.
#[cfg(target_os = "linux")]
fn is_anonymous(file: &File) -> bool {
    /// The file system of such pipes: statfs(2).
    const PIPEFS_MAGIC: u64 = 0x5049_5045;
    rustix::fs::fstatfs(file).is_ok_and(|found| found.f_type as u64 == PIPEFS_MAGIC)
}

/// Other systems do not tell.
#[cfg(not(target_os = "linux"))]
fn is_anonymous(_: &File) -> bool {
    false
}

/// Returns whether a pipe has had a writer since it was opened, and has none left: Linux reports that end only then.
#[cfg(target_os = "linux")]
fn has_ended(file: &File) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut fds = [PollFd::new(file, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&now)).is_ok()
        && fds[0].revents().contains(PollFlags::HUP)
        && !fds[0].revents().contains(PollFlags::IN)
}

/// Other systems report it of a pipe that has had no writer, too.
#[cfg(not(target_os = "linux"))]
fn has_ended(_: &File) -> bool {
    false
}
