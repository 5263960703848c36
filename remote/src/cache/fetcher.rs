//! Fetching the bytes of files when they are read.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::mem;
use std::ops::Range;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::Settings;
use super::blocks;
use super::gate::{Gate, Inside};
use super::identity::{Identity, identity};
use super::room::{self, Used};
use super::sparse::{Coming, Opened, Paths, Sparse, State, lock};
use crate::Result;
use crate::bucket::Bucket;

/// Attempts at bytes that somebody needs. Each is several requests already.
const ATTEMPTS: u32 = 2;

/// Files that are open at once, each with its journal.
const OPEN: usize = 128;

/// Bytes that a hint makes come at most: nobody has asked for them yet.
const HINT_MAX: u64 = 64 << 20;

/// Fills the files of a [`View`](super::View) when they are read.
pub struct Fetcher {
    bucket: Bucket,
    settings: Settings,
    runtime: Handle,
    /// Requests at once.
    turns: Arc<Semaphore>,
    /// Files by their identity. Those that were replaced may still be open somewhere.
    files: Mutex<HashMap<Identity, Arc<Sparse>>>,
    /// Those that are open, the one that was opened first in front.
    open: Mutex<VecDeque<Arc<Sparse>>>,
    /// Why something could not be fetched, most recently.
    failure: Mutex<Option<String>>,
    /// Held, in a way, by whoever needs bytes to stay.
    gate: Gate,
    /// Bytes that may come before room is made.
    room: AtomicI64,
}

/// Bytes that are there: nobody takes them out while this lives. A thread must not ask for others meanwhile.
pub struct Held<'a> {
    _inside: Option<Inside<'a>>,
}

impl Fetcher {
    pub(super) fn new(bucket: Bucket, runtime: Handle, settings: Settings, gate: Gate) -> Self {
        Fetcher {
            gate,
            room: AtomicI64::new(0),
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
    pub(super) fn add(&self, key: Identity, name: String, size: u64, head: u64, paths: Paths) {
        let sparse = Sparse { key, name, size, head, opened: Mutex::default(), paths };
        lock(&self.files).insert(key, Arc::new(sparse));
    }

    /// Makes bytes of a file present that are about to be read. They stay as long as what is returned is held. A file that
    /// is not of the view is left alone.
    ///
    /// # Errors
    /// When they cannot be had; [`Fetcher::failure`] tells why.
    pub fn read(self: &Arc<Self>, file: &File, range: Range<u64>) -> io::Result<Held<'_>> {
        let Some(sparse) = self.find(file)? else { return Ok(Held { _inside: None }) };
        if range.end.min(sparse.size) <= sparse.head {
            return Ok(Held { _inside: None });
        }
        let filled = self.opened(&sparse).map_err(|error| sparse.failed(&error));
        let filled = filled.and_then(|opened| self.fill(&sparse, &opened, range));
        filled.map_err(|problem| {
            *lock(&self.failure) = Some(problem.clone());
            io::Error::other(problem)
        })
    }

    /// Starts to fetch bytes of a file that will be read soon.
    pub fn prefetch(self: &Arc<Self>, file: &File, ranges: &[Range<u64>]) {
        // What fails here fails again when it is read.
        let Ok(Some(sparse)) = self.find(file) else { return };
        let Ok(opened) = self.opened(&sparse) else { return };
        let Ok(inside) = self.gate.enter() else { return };
        let mut state = lock(&opened.state);
        state.learn(inside.age);
        let mut wanted = Vec::new();
        let mut most = HINT_MAX;
        for range in ranges.iter().filter(|range| range.end.min(sparse.size) > sparse.head) {
            let Some(left) = most.checked_sub(range.end.min(sparse.size).saturating_sub(range.start)) else { break };
            most = left;
            wanted.extend(state.blocks.of(range).filter(|block| !state.blocks.expects(*block)));
        }
        wanted.sort_unstable();
        wanted.dedup();
        let runs = state.expect(&wanted, &self.settings);
        drop(state);
        drop(inside);
        self.start(&sparse, &opened, runs);
    }

    /// Why something could not be fetched, most recently.
    pub fn failure(&self) -> Option<String> {
        lock(&self.failure).clone()
    }

    /// Forgets what was read by this process, so that it is fetched again, by others as well: what a server once sent wrongly
    /// is not read for ever.
    pub fn forget(&self) {
        let open: Vec<Arc<Sparse>> = lock(&self.open).iter().cloned().collect();
        // What cannot be forgotten now is damaged still, and told as that.
        open.iter().for_each(|sparse| drop(sparse.forget()));
    }

    /// Forgets all that is there, so that what is read from now on is what the server has now.
    ///
    /// # Errors
    /// Failures of the cache's files.
    pub fn forget_all(&self) -> io::Result<()> {
        let files: Vec<Arc<Sparse>> = lock(&self.files).values().cloned().collect();
        // Its room is for what comes, if it can be given back.
        if self.gate.can_take_out() {
            let _ = self.gate.alone(|| files.iter().for_each(|sparse| drop(sparse.empty())));
        }
        files.iter().try_for_each(|sparse| sparse.forget())
    }

    fn find(&self, file: &File) -> io::Result<Option<Arc<Sparse>>> {
        let key = identity(file)?;
        Ok(lock(&self.files).get(&key).cloned())
    }

    /// Opens a file. Of too many the one that was opened first is closed, when nothing of it is on its way any more.
    fn opened(&self, sparse: &Arc<Sparse>) -> io::Result<Arc<Opened>> {
        let mut opened = lock(&sparse.opened);
        if let Some(opened) = &*opened {
            return Ok(opened.clone());
        }
        let made = opened.insert(Arc::new(sparse.open(self.settings.block)?)).clone();
        drop(opened);
        let mut open = lock(&self.open);
        open.push_back(sparse.clone());
        let first = if open.len() > OPEN { open.pop_front() } else { None };
        drop(open);
        if let Some(first) = first {
            *lock(&first.opened) = None;
        }
        Ok(made)
    }

    /// Waits until bytes are there, and keeps them there.
    fn fill(
        self: &Arc<Self>,
        sparse: &Arc<Sparse>,
        opened: &Arc<Opened>,
        range: Range<u64>,
    ) -> Result<Held<'_>, String> {
        let (mut attempts, mut first, mut age) = (0, true, None);
        loop {
            let inside = self.gate.enter().map_err(|error| sparse.failed(&error))?;
            if age.replace(inside.age) != Some(inside.age) {
                // What came may have been taken out at once.
                attempts = 0;
            }
            let mut state = lock(&opened.state);
            state.learn(inside.age);
            let State { blocks, .. } = &mut *state;
            let needed = blocks.of(&range);
            // Only this tells that it is there: what was on its way may have failed to come.
            let lacking: Vec<u32> = needed.clone().filter(|block| !blocks.holds(*block, &opened.file)).collect();
            let is_there = lacking.is_empty();
            let wanted: Vec<u32> = lacking.iter().filter(|block| !blocks.coming.contains(block)).copied().collect();
            if attempts == ATTEMPTS && !wanted.is_empty() {
                let failure = lock(&self.failure).clone();
                return Err(failure.unwrap_or_else(|| format!("{}: it does not come", sparse.name)));
            }
            attempts += u32::from(!wanted.is_empty());
            let mut runs = state.expect(&wanted, &self.settings);
            if mem::take(&mut first) {
                runs.extend(state.read_ahead(&range, &self.settings));
            }
            drop(state);
            self.start(sparse, opened, runs);
            if is_there {
                return Ok(Held { _inside: Some(inside) });
            }
            drop(inside);
            let mut state = lock(&opened.state);
            while lacking.iter().any(|block| state.blocks.coming.contains(block)) {
                state = opened.news.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// Fetches blocks that are on their way. The state must not be locked: where nobody fetches any more, they cease to be
    /// so at once.
    fn start(self: &Arc<Self>, sparse: &Arc<Sparse>, opened: &Arc<Opened>, runs: Vec<Range<u32>>) {
        for run in runs {
            let bytes = lock(&opened.state).blocks.bytes(run.clone());
            let (fetcher, sparse) = (self.clone(), sparse.clone());
            let coming = Coming { opened: opened.clone(), run };
            self.runtime.spawn(async move {
                let arrived = {
                    let _turn = fetcher.turns.acquire().await;
                    fetcher.bucket.get_range(&sparse.name, bytes.clone()).await
                };
                fetcher.arrived(coming, bytes.start, arrived);
            });
        }
    }

    fn arrived(&self, coming: Coming, start: u64, arrived: Result<Bytes>) {
        let written = arrived.map_err(|error| error.to_string()).and_then(|bytes| {
            self.write(&coming.opened, coming.run.start, start, &bytes)
                .map_err(|error| format!("cannot write the cache: {error}"))?;
            Ok(bytes.len() as i64)
        });
        if let Err(problem) = &written {
            *lock(&self.failure) = Some(problem.clone());
        }
        // Whoever waits reads it before room is made.
        drop(coming);
        if let Ok(bytes) = written
            && self.room.fetch_sub(bytes, Ordering::Relaxed) < bytes
        {
            self.make_room();
        }
    }

    fn write(&self, opened: &Opened, first: u32, start: u64, bytes: &[u8]) -> io::Result<()> {
        // Nobody takes them out between their writing and what is told of them.
        let inside = self.gate.enter()?;
        // The bytes are there before anybody is told.
        blocks::write_at(&opened.file, bytes, start)?;
        let mut state = lock(&opened.state);
        state.learn(inside.age);
        let records = state.blocks.arrived(first, bytes);
        // Without its record a block is fetched again by the next process.
        let _ = blocks::append(&mut state.journal, &records);
        Ok(())
    }

    /// Takes out what was fetched longest ago, when there is more than there may be.
    pub(super) fn make_room(&self) {
        let Settings { block, capacity, least, .. } = self.settings;
        // Other processes bring as much: each looks again after so many bytes, whatever this comes to.
        self.room.store(i64::try_from(least).unwrap_or(i64::MAX), Ordering::Relaxed);
        let sparse: Vec<Arc<Sparse>> = lock(&self.files).values().cloned().collect();
        let leaving = || {
            let used = sparse.iter().filter_map(|s| Used::of(&s.name, s.size, &s.paths.journal, block));
            room::leaving(used.collect(), capacity)
        };
        if leaving().is_empty() || !self.gate.can_take_out() {
            return;
        }
        // When it cannot be done now, it is tried again as soon as so many bytes have come.
        let _ = self.gate.alone(|| {
            let leaving: BTreeSet<String> = leaving().into_iter().map(|used| used.name).collect();
            sparse.iter().filter(|s| leaving.contains(&s.name)).for_each(|sparse| drop(sparse.empty()));
        });
    }
}
