//! Fetching the bytes of files when they are read.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::mem;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::Settings;
use super::blocks::{self, Blocks};
use super::files::identity;
use crate::Result;
use crate::bucket::Bucket;

/// Attempts at bytes that somebody needs. Each is several requests already.
const ATTEMPTS: u32 = 2;

/// Files that are open at once, each with its journal.
const OPEN: usize = 128;

/// Bytes that a hint makes come at most: nobody has asked for them yet.
const HINT_MAX: u64 = 64 << 20;

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
    /// Those that are open, the one that was opened first in front.
    open: Mutex<VecDeque<Arc<Cached>>>,
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
    /// Up to where that has been asked for.
    ahead: u64,
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
            open: Mutex::default(),
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
        let filled = self.opened(&cached).map_err(|error| format!("{}: the cache: {error}", cached.name));
        let filled = filled.and_then(|opened| self.fill(&cached, &opened, range));
        filled.map_err(|problem| {
            *lock(&self.failure) = Some(problem.clone());
            io::Error::other(problem)
        })
    }

    /// Starts to fetch bytes of a file that will be read soon.
    pub fn prefetch(self: &Arc<Self>, file: &File, ranges: &[Range<u64>]) {
        // What fails here fails again when it is read.
        let Ok(Some(cached)) = self.find(file) else { return };
        let Ok(opened) = self.opened(&cached) else { return };
        let mut state = lock(&opened.state);
        let mut wanted = Vec::new();
        let mut most = HINT_MAX;
        for range in ranges.iter().filter(|range| range.end.min(cached.size) > cached.head) {
            let Some(left) = most.checked_sub(range.end.min(cached.size).saturating_sub(range.start)) else { break };
            most = left;
            wanted.extend(state.blocks.of(range).filter(|block| !state.blocks.expects(*block)));
        }
        wanted.sort_unstable();
        wanted.dedup();
        let runs = self.expect(&mut state, &wanted);
        drop(state);
        self.start(&cached, &opened, runs);
    }

    /// Why something could not be fetched, most recently.
    pub fn failure(&self) -> Option<String> {
        lock(&self.failure).clone()
    }

    /// Forgets what was read by this process, so that it is fetched again: what a server once sent wrongly is not read for
    /// ever.
    pub fn forget(&self) {
        for cached in lock(&self.open).iter() {
            if let Some(opened) = &*lock(&cached.opened) {
                let mut state = lock(&opened.state);
                state.blocks.forget();
                // Without its records everything of it is fetched again, by others as well.
                let _ = state.journal.set_len(0);
            }
        }
    }

    fn find(&self, file: &File) -> io::Result<Option<Arc<Cached>>> {
        let key = identity(file)?;
        Ok(lock(&self.files).get(&key).cloned())
    }

    /// Opens a file. Of too many the one that was opened first is closed, when nothing of it is on its way any more.
    fn opened(&self, cached: &Arc<Cached>) -> io::Result<Arc<Opened>> {
        let mut opened = lock(&cached.opened);
        if let Some(opened) = &*opened {
            return Ok(opened.clone());
        }
        let made = opened.insert(Arc::new(cached.open(self.settings.block)?)).clone();
        drop(opened);
        let mut open = lock(&self.open);
        open.push_back(cached.clone());
        let first = if open.len() > OPEN { open.pop_front() } else { None };
        drop(open);
        if let Some(first) = first {
            *lock(&first.opened) = None;
        }
        Ok(made)
    }

    /// Waits until bytes are there.
    fn fill(self: &Arc<Self>, cached: &Arc<Cached>, opened: &Arc<Opened>, range: Range<u64>) -> Result<(), String> {
        let mut state = lock(&opened.state);
        let needed = state.blocks.of(&range);
        let (mut attempts, mut first) = (0, true);
        loop {
            let State { blocks, .. } = &mut *state;
            let lacks = |block: &u32| !blocks.coming.contains(block) && !blocks.holds(*block, &opened.file);
            let wanted: Vec<u32> = needed.clone().filter(lacks).collect();
            // Only this tells that all of it is there: what was on its way may have failed to come.
            let is_there = wanted.is_empty() && !needed.clone().any(|block| state.blocks.coming.contains(&block));
            if attempts == ATTEMPTS && !wanted.is_empty() {
                let failure = lock(&self.failure).clone();
                return Err(failure.unwrap_or_else(|| format!("{}: it does not come", cached.name)));
            }
            attempts += u32::from(!wanted.is_empty());
            let mut runs = self.expect(&mut state, &wanted);
            if mem::take(&mut first) {
                runs.extend(self.read_ahead(&mut state, &range));
            }
            if !runs.is_empty() {
                drop(state);
                self.start(cached, opened, runs);
                state = lock(&opened.state);
            }
            if is_there {
                return Ok(());
            }
            while needed.clone().any(|block| state.blocks.coming.contains(&block)) {
                state = opened.news.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// What follows is expected as well, the more the longer somebody has read on.
    fn read_ahead(&self, state: &mut State, range: &Range<u64>) -> Vec<Range<u32>> {
        let Settings { block, window, .. } = self.settings;
        if state.last != range.start {
            (state.window, state.ahead) = (0, range.end);
        } else {
            state.window = (state.window * 2).clamp(block, window);
        }
        state.last = range.end;
        // When half of it has been read, the other half is asked for: a few large requests.
        if state.ahead > range.end.saturating_add(state.window / 2) || state.window == 0 {
            return Vec::new();
        }
        let ahead = state.ahead.max(range.end)..range.end.saturating_add(state.window);
        state.ahead = ahead.end;
        let ahead = state.blocks.of(&ahead);
        let wanted: Vec<u32> = ahead.filter(|block| !state.blocks.expects(*block)).collect();
        self.expect(state, &wanted)
    }

    /// Blocks, in order, are on their way from now on. Returns them as few runs, each of which is a request.
    fn expect(&self, state: &mut State, wanted: &[u32]) -> Vec<Range<u32>> {
        let Settings { block, gap, request, .. } = self.settings;
        let runs = joined(wanted, (gap / block) as u32, (request / block).max(1) as u32);
        state.blocks.coming.extend(runs.iter().cloned().flatten());
        runs
    }

    /// Fetches blocks that are on their way. The state must not be locked: where nobody fetches any more, they cease to be
    /// so at once.
    fn start(self: &Arc<Self>, cached: &Arc<Cached>, opened: &Arc<Opened>, runs: Vec<Range<u32>>) {
        for run in runs {
            let bytes = lock(&opened.state).blocks.bytes(run.clone());
            let (fetcher, cached) = (self.clone(), cached.clone());
            let coming = Coming { opened: opened.clone(), run };
            self.runtime.spawn(async move {
                let arrived = {
                    let _turn = fetcher.turns.acquire().await;
                    fetcher.bucket.get_range(&cached.name, bytes.clone()).await
                };
                fetcher.arrived(&coming, bytes.start, arrived);
            });
        }
    }

    fn arrived(&self, Coming { opened, run }: &Coming, start: u64, arrived: Result<Bytes>) {
        let written = arrived.map_err(|error| error.to_string()).and_then(|bytes| {
            // The bytes are there before anybody is told.
            blocks::write_at(&opened.file, &bytes, start)
                .map_err(|error| format!("cannot write the cache: {error}"))?;
            Ok(bytes)
        });
        let mut state = lock(&opened.state);
        match written {
            Ok(bytes) => {
                let records = state.blocks.arrived(run.start, &bytes);
                // Without its record a block is fetched again by the next process.
                let _ = blocks::append(&mut state.journal, &records);
            }
            Err(problem) => *lock(&self.failure) = Some(problem),
        }
    }
}

/// Blocks that are on their way. However that ends, also when nobody is left to fetch them, whoever waits is told.
struct Coming {
    opened: Arc<Opened>,
    run: Range<u32>,
}

impl Drop for Coming {
    fn drop(&mut self) {
        let mut state = lock(&self.opened.state);
        for block in self.run.clone() {
            state.blocks.coming.remove(&block);
        }
        drop(state);
        self.opened.news.notify_all();
    }
}

impl Cached {
    fn open(&self, block: u64) -> io::Result<Opened> {
        let file = File::options().read(true).write(true).open(&self.paths.file)?;
        if identity(&file)? != self.key {
            return Err(io::Error::other("somebody has replaced this file of it: try again"));
        }
        let mut journal = File::options().read(true).append(true).create(true).open(&self.paths.journal)?;
        let blocks = Blocks::read(&mut journal, block, self.size)?;
        let state = State { blocks, journal, last: u64::MAX, window: 0, ahead: 0 };
        Ok(Opened { file, state: Mutex::new(state), news: Condvar::new() })
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
