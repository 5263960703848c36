//! Removing unfinished files when the command is interrupted.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io};

/// Files that are remembered, the last ones: more than a batch of loose objects has.
const MOST: usize = 1 << 14;

/// Files that are being written, or were and have another name by now.
#[derive(Debug, Default)]
pub(crate) struct Unfinished(Mutex<VecDeque<PathBuf>>);

impl Unfinished {
    /// Makes a file. Nothing is removed between its making and its being remembered.
    pub(crate) fn make<T, E>(&self, path: PathBuf, create: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let mut paths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let made = create()?;
        if paths.len() == MOST {
            paths.pop_front();
        }
        paths.push_back(path);
        Ok(made)
    }

    /// A file is finished, or was removed.
    pub(crate) fn done(&self, path: &Path) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|made| made != path);
    }
}

/// Waits in a thread of its own for the signals that end the command; not for those that it was started to ignore, as
/// by `nohup`.
///
/// # Errors
/// When there is no such thread to be had.
#[cfg(unix)]
pub(crate) fn watch(unfinished: &Arc<Unfinished>) -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let unfinished = unfinished.clone();
    // Before anything is made, and not in the thread, whose start would have to be waited for.
    let ignored = ignored();
    let wanted = [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0);
    let mut signals = Signals::new(wanted)?;
    let wait = move || {
        let Some(signal) = signals.forever().next() else { return };
        // Held to the end of the process, so that nothing is made meanwhile.
        let paths = unfinished.0.lock().unwrap_or_else(PoisonError::into_inner);
        for path in paths.iter() {
            // One that has its place has another name.
            let _ = fs::remove_file(path);
        }
        let _ = signal_hook::low_level::emulate_default_handler(signal);
    };
    std::thread::Builder::new().name("loosepack-signals".into()).spawn(wait).map(drop)
}

/// The signals that this process ignores, a bit for each, the lowest for number 1; none where the system does not
/// tell. As `proc_pid_status(5)` has it.
#[cfg(unix)]
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// Signals are those of Unix.
#[cfg(not(unix))]
pub(crate) fn watch(_: &Arc<Unfinished>) -> io::Result<()> {
    Ok(())
}
