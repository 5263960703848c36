//! Fetching the bytes of files when they are read.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::Settings;
use super::blocks::{self, Blocks};
use crate::bucket::Bucket;
use crate::{Error, Result};

/// Attempts at bytes that somebody needs. Each is several requests already.
const ATTEMPTS: u32 = 2;

/// What tells a file from all others of this machine.
type Key = (u64, u64);

/// Fills the files of a [`View`](super::View) when they are read.
pub struct Fetcher {
    bucket: Bucket,
    settings: Settings,
    runtime: Handle,
    /// Requests at once.
    turns: Arc<Semaphore>,
    /// Files by their identity. Those that were replaced may still be open somewhere.
    files: Mutex<HashMap<Key, Arc<Cached>>>,
    /// Bytes fetched by this process.
    fetched: AtomicU64,
    /// Why something could not be fetched, most recently.
    failure: Mutex<Option<String>>,
}

/// A file that is filled bit by bit.
struct Cached {
    key: Key,
    /// Its name below the remote.
    name: String,
    size: u64,
    /// Bytes at its start that were there from the beginning.
    head: u64,
    /// The file, and its journal, once it is read.
    opened: Mutex<Option<Arc<Opened>>>,
    paths: Paths,
}

/// Where a file and its journal are.
#[derive(Clone)]
pub(super) struct Paths {
    pub(super) file: PathBuf,
    pub(super) journal: PathBuf,
}

struct Opened {
    file: File,
    state: Mutex<State>,
    /// Something has arrived, or has failed to.
    news: Condvar,
}

struct State {
    blocks: Blocks,
    journal: File,
    /// Where the last read ended, and how many bytes behind it are fetched when the next one begins there.
    last: u64,
    window: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fetcher {
    pub(super) fn new(bucket: Bucket, runtime: Handle, settings: Settings) -> Self {
        Fetcher {
            bucket,
            runtime,
            turns: Arc::new(Semaphore::new(settings.parallel)),
            settings,
            files: Mutex::default(),
            fetched: AtomicU64::new(0),
            failure: Mutex::default(),
        }
    }

    /// A file is there, to be filled.
    pub(super) fn add(&self, key: Key, name: String, size: u64, head: u64, paths: Paths) {
        let cached = Cached { key, name, size, head, opened: Mutex::default(), paths };
        lock(&self.files).insert(key, Arc::new(cached));
    }

    /// Makes bytes of a file present that are about to be read. A file that is not of the view is left alone.
    ///
    /// # Errors
    /// When they cannot be had; [`Fetcher::failure`] tells why.
    pub fn read(self: &Arc<Self>, file: &File, range: Range<u64>) -> io::Result<()> {
        let Some(cached) = self.find(file)? else { return Ok(()) };
        if range.end.min(cached.size) <= cached.head {
            return Ok(());
        }
        let opened = cached.open(self.settings.block)?;
        self.fill(&cached, &opened, range).map_err(|problem| {
            *lock(&self.failure) = Some(problem.clone());
            io::Error::other(problem)
        })
    }

    /// Starts to fetch bytes of a file that will be read soon.
    pub fn prefetch(self: &Arc<Self>, file: &File, ranges: &[Range<u64>]) {
        // What fails here fails again when it is read.
        let Ok(Some(cached)) = self.find(file) else { return };
        let Ok(opened) = cached.open(self.settings.block) else { return };
        let mut state = lock(&opened.state);
        let mut wanted = Vec::new();
        for range in ranges.iter().filter(|range| range.end.min(cached.size) > cached.head) {
            wanted.extend(state.blocks.of(range).filter(|block| !state.blocks.expects(*block)));
        }
        wanted.sort_unstable();
        wanted.dedup();
        self.start(&cached, &opened, &mut state, &wanted);
    }

    /// Why something could not be fetched, most recently.
    pub fn failure(&self) -> Option<String> {
        lock(&self.failure).clone()
    }

    /// Bytes that were fetched by this process.
    pub fn fetched(&self) -> u64 {
        self.fetched.load(Ordering::Relaxed)
    }

    /// Forgets what is there, so that it is fetched again: what a server once sent wrongly is not read for ever.
    pub fn forget(&self) {
        let files: Vec<Arc<Cached>> = lock(&self.files).values().cloned().collect();
        for opened in files.iter().filter_map(|cached| lock(&cached.opened).clone()) {
            lock(&opened.state).blocks.forget();
        }
    }

    fn find(&self, file: &File) -> io::Result<Option<Arc<Cached>>> {
        let key = super::identity(&file.metadata()?);
        Ok(lock(&self.files).get(&key).cloned())
    }

    /// Waits until bytes are there.
    fn fill(self: &Arc<Self>, cached: &Arc<Cached>, opened: &Arc<Opened>, range: Range<u64>) -> Result<(), String> {
        let mut state = lock(&opened.state);
        let needed = state.blocks.of(&range);
        let mut wanted: Vec<u32> = Vec::new();
        for attempt in 0.. {
            wanted.clear();
            for block in needed.clone() {
                if !state.blocks.coming.contains(&block) && !state.blocks.holds(block, &opened.file) {
                    wanted.push(block);
                }
            }
            if attempt >= ATTEMPTS && !wanted.is_empty() {
                let failure = lock(&self.failure).clone();
                return Err(failure.unwrap_or_else(|| format!("{}: it does not come", cached.name)));
            }
            self.start(cached, opened, &mut state, &wanted);
            if attempt == 0 {
                self.read_ahead(cached, opened, &mut state, &range);
            }
            if !needed.clone().any(|block| state.blocks.coming.contains(&block)) {
                return Ok(());
            }
            while needed.clone().any(|block| state.blocks.coming.contains(&block)) {
                state = opened.news.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
        Ok(())
    }

    /// Starts to fetch what follows, the more the longer somebody has read on.
    fn read_ahead(self: &Arc<Self>, cached: &Arc<Cached>, opened: &Arc<Opened>, state: &mut State, range: &Range<u64>) {
        let Settings { block, window, .. } = self.settings;
        state.window = if state.last == range.start { (state.window * 2).clamp(block, window) } else { 0 };
        state.last = range.end;
        if state.window > 0 {
            let ahead = state.blocks.of(&(range.end..range.end.saturating_add(state.window)));
            let wanted: Vec<u32> = ahead.filter(|block| !state.blocks.expects(*block)).collect();
            self.start(cached, opened, state, &wanted);
        }
    }

    /// Starts to fetch blocks, in order, as few requests.
    fn start(self: &Arc<Self>, cached: &Arc<Cached>, opened: &Arc<Opened>, state: &mut State, wanted: &[u32]) {
        let Settings { block, gap, request, .. } = self.settings;
        for run in joined(wanted, (gap / block) as u32, (request / block).max(1) as u32) {
            state.blocks.coming.extend(run.clone());
            let bytes = state.blocks.bytes(run.clone());
            let (fetcher, cached, opened) = (self.clone(), cached.clone(), opened.clone());
            self.runtime.spawn(async move {
                let arrived = {
                    let _turn = fetcher.turns.acquire().await;
                    fetcher.bucket.get_range(&cached.name, bytes.clone()).await
                };
                fetcher.arrived(&opened, run, bytes.start, arrived);
            });
        }
    }

    fn arrived(&self, opened: &Opened, run: Range<u32>, start: u64, arrived: Result<Bytes>) {
        let written = arrived.map_err(|error| error.to_string()).and_then(|bytes| {
            // The bytes are there before anybody is told.
            blocks::write_at(&opened.file, &bytes, start)
                .map_err(|error| format!("cannot write the cache: {error}"))?;
            Ok(bytes)
        });
        let mut state = lock(&opened.state);
        match written {
            Ok(bytes) => {
                self.fetched.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                let records = state.blocks.arrived(run.start, &bytes);
                // Without its record a block is fetched again by the next process.
                let _ = blocks::append(&mut state.journal, &records);
            }
            Err(problem) => *lock(&self.failure) = Some(problem),
        }
        for block in run {
            state.blocks.coming.remove(&block);
        }
        drop(state);
        opened.news.notify_all();
    }
}

impl Cached {
    fn open(&self, block: u64) -> io::Result<Arc<Opened>> {
        let mut opened = lock(&self.opened);
        if let Some(opened) = &*opened {
            return Ok(opened.clone());
        }
        let file = File::options().read(true).write(true).open(&self.paths.file)?;
        if super::identity(&file.metadata()?) != self.key {
            return Err(io::Error::other("another process has replaced this file of the cache: try again"));
        }
        let mut journal = File::options().read(true).append(true).create(true).open(&self.paths.journal)?;
        let blocks = Blocks::read(&mut journal, block, self.size)?;
        let state = State { blocks, journal, last: u64::MAX, window: 0 };
        Ok(opened.insert(Arc::new(Opened { file, state: Mutex::new(state), news: Condvar::new() })).clone())
    }
}

/// Sorted numbers as ranges: small gaps are closed, and none is longer than `most`.
fn joined(numbers: &[u32], gap: u32, most: u32) -> Vec<Range<u32>> {
    let mut ranges: Vec<Range<u32>> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some(last) if *number - last.end <= gap && *number - last.start < most => last.end = number + 1,
            _ => ranges.push(*number..number + 1),
        }
    }
    ranges
}

/// The error for a file of the cache.
pub(super) fn cannot(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    Error::file(operation, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_blocks_are_one_request() {
        assert_eq!(joined(&[], 2, 8), []);
        assert_eq!(joined(&[1, 2, 3, 6, 9, 20], 2, 8), [1..7, 9..10, 20..21]);
        assert_eq!(joined(&[0, 1, 2, 3, 4], 0, 2), [0..2, 2..4, 4..5]);
        assert_eq!(joined(&[0, 2], 0, 8), [0..1, 2..3]);
    }
}
