//! The remotes that a process uses.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::account::Requests;
use crate::cache::{Cache, Settings, View};
use crate::remote::Remote;
use crate::{Error, Result};

/// Names the directory of the cache.
const FOLDER: &str = "LOOSEPACK_CACHE";
/// Says how many bytes it may take.
const CAPACITY: &str = "LOOSEPACK_CACHE_SIZE";

/// A number of bytes: digits, optionally followed by K, M, G or T.
fn bytes(text: &str) -> Option<u64> {
    let unit =
        ["K", "M", "G", "T"].iter().zip(1..).find_map(|(unit, power)| Some((text.strip_suffix(unit)?, power * 10)));
    let (digits, shift) = unit.unwrap_or((text, 0));
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// The remotes that a process uses, and their cache.
#[derive(Default)]
pub struct Remotes {
    opened: Mutex<BTreeMap<String, Remote>>,
    /// The views of each, the last one of which is shown. They stay until the process ends.
    views: Mutex<BTreeMap<String, Vec<Arc<View>>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Remotes {
    /// The remote of a URL, as [`Remote::open`] opens it.
    ///
    /// # Errors
    /// Those of [`Remote::open`].
    pub fn remote(&self, url: &str) -> Result<Remote> {
        let mut opened = lock(&self.opened);
        if let Some(remote) = opened.get(url) {
            return Ok(remote.clone());
        }
        let remote = Remote::open(url)?;
        opened.insert(url.into(), remote.clone());
        Ok(remote)
    }

    /// The cache: in the directory that `LOOSEPACK_CACHE` names, or in `loosepack` in the user's directory of caches. It
    /// takes `LOOSEPACK_CACHE_SIZE` bytes at most, 10 GiB without that.
    ///
    /// # Errors
    /// [`Error::Address`] when neither is known, or the size is none.
    pub fn cache(&self) -> Result<Cache> {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = variable(FOLDER)
            .or_else(|| Some(variable("XDG_CACHE_HOME")?.join("loosepack")))
            .or_else(|| Some(variable("HOME")?.join(".cache/loosepack")));
        let folder = folder
            .ok_or_else(|| Error::Address(format!("there is no place for the cache: name a directory in {FOLDER}")))?;
        let mut settings = Settings::default();
        if let Some(size) = std::env::var_os(CAPACITY) {
            let wrong = || Error::Address(format!("{CAPACITY} is no number of bytes, nor one with K, M, G or T"));
            settings.capacity = size.to_str().and_then(bytes).ok_or_else(wrong)?;
        }
        Ok(Cache::new(folder, settings))
    }

    /// Shows a remote: at the root that was the newest when it was first asked for, or later by
    /// [`Remotes::newest_view`]. So all threads of a process see the same.
    ///
    /// # Errors
    /// Those of [`Remotes::newest_view`].
    pub fn view(&self, url: &str) -> Result<Arc<View>> {
        let shown = lock(&self.views).get(url).and_then(|views| views.last().cloned());
        shown.map_or_else(|| self.newest_view(url), Ok)
    }

    /// Shows the newest root of a remote.
    ///
    /// # Errors
    /// Those of [`Remote::open`] and [`Cache::view`].
    pub fn newest_view(&self, url: &str) -> Result<Arc<View>> {
        let view = Arc::new(self.cache()?.view(&self.remote(url)?)?);
        lock(&self.views).entry(url.into()).or_default().push(view.clone());
        Ok(view)
    }

    /// Why bytes of a view could not be fetched, most recently.
    pub fn failure(&self) -> Option<String> {
        lock(&self.views).values().flatten().rev().find_map(|view| view.fetcher.failure())
    }

    /// What was asked of all servers so far; `None` when no remote was opened.
    pub fn requests(&self) -> Option<Requests> {
        let opened = lock(&self.opened);
        (!opened.is_empty()).then(|| opened.values().map(Remote::requests).fold(Requests::default(), Requests::plus))
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_are_read() {
        assert_eq!(["0", "7", "2K", "3G"].map(bytes), [Some(0), Some(7), Some(2048), Some(3 << 30)]);
        assert_eq!(["", "K", "-1", "1.5G", "99999999999T"].map(bytes), [None; 5]);
    }
}
