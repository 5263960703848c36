//! What is removed at once when the command is interrupted: files that are being written, and have no place yet.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use loosepack::layout;

/// Files that are remembered, the last ones: more than a batch of loose objects has.
const MOST: usize = 1 << 14;

/// Files that are being written, or were and have another name by now.
#[derive(Debug, Default)]
pub(crate) struct Unfinished(Mutex<VecDeque<PathBuf>>);

impl Unfinished {
    /// A file was made.
    pub(crate) fn made(&self, path: PathBuf) {
        let mut paths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if paths.len() == MOST {
            paths.pop_front();
        }
        paths.push_back(path);
    }

    /// A container made a file, if it is one that is to become an object.
    pub(crate) fn made_in(&self, container: &Path, path: &str) {
        if layout::is_unfinished(path) {
            self.made(container.join(path));
        }
    }

    /// A file is finished, or was removed.
    pub(crate) fn done(&self, path: &Path) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|made| made != path);
    }
}

/// Wait for the signals that end the command, in a thread of its own. Where there can be none, they end it as they do
/// anyway, and what is unfinished stays.
#[cfg(unix)]
pub(crate) fn watch(unfinished: &Arc<Unfinished>) {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let unfinished = unfinished.clone();
    let wait = move || {
        let Ok(mut signals) = Signals::new([SIGHUP, SIGINT, SIGTERM]) else { return };
        let Some(signal) = signals.forever().next() else { return };
        // Held to the end of the process, so that nothing is made meanwhile.
        let paths = unfinished.0.lock().unwrap_or_else(PoisonError::into_inner);
        for path in paths.iter() {
            // One that has its place has another name.
            let _ = fs::remove_file(path);
        }
        let _ = signal_hook::low_level::emulate_default_handler(signal);
    };
    let _ = std::thread::Builder::new().name("loosepack-signals".into()).spawn(wait);
}

/// Signals are those of Unix.
#[cfg(not(unix))]
pub(crate) fn watch(_: &Arc<Unfinished>) {}
