//! A file that is filled bit by bit, and what is known of its bytes.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::Settings;
use super::blocks::Blocks;
use super::identity::{Identity, identity};
use super::room::take_out;

/// Places of a file at which somebody reads on and on: as many threads read one pack.
const STREAMS: usize = 8;

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file that is filled bit by bit.
pub(super) struct Sparse {
    pub(super) key: Identity,
    /// Its name below the remote.
    pub(super) name: String,
    pub(super) size: u64,
    /// Bytes at its start that were there from the beginning.
    pub(super) head: u64,
    /// The file, and its journal, once it is read.
    pub(super) opened: Mutex<Option<Arc<Opened>>>,
    pub(super) paths: Paths,
}

/// Where a file and its journal are.
#[derive(Clone)]
pub(super) struct Paths {
    pub(super) file: PathBuf,
    pub(super) journal: PathBuf,
}

pub(super) struct Opened {
    pub(super) file: File,
    pub(super) state: Mutex<State>,
    /// Something has arrived, or has failed to.
    pub(super) news: Condvar,
}

pub(super) struct State {
    pub(super) blocks: Blocks,
    pub(super) journal: File,
    /// The age of the files when the journal was last read. It has not been before somebody is inside.
    age: Option<u64>,
    /// The one that went on last is the last.
    streams: Vec<Stream>,
}

/// Somebody who reads on and on.
#[derive(Clone, Copy)]
struct Stream {
    /// Where the last read ended, and how many bytes behind it are fetched when the next one begins there.
    end: u64,
    window: u64,
    /// Up to where that has been asked for.
    ahead: u64,
}

impl Sparse {
    pub(super) fn open(&self, block: u64) -> io::Result<Opened> {
        let file = File::options().read(true).write(true).open(&self.paths.file)?;
        if identity(&file)? != self.key {
            return Err(io::Error::other("somebody has replaced this file of it: try again"));
        }
        let journal = File::options().read(true).append(true).create(true).open(&self.paths.journal)?;
        let state = State { blocks: Blocks::new(block, self.size), journal, age: None, streams: Vec::new() };
        Ok(Opened { file, state: Mutex::new(state), news: Condvar::new() })
    }

    /// Forgets what is there. Without its records everything is fetched again, by others as well.
    pub(super) fn forget(&self) -> io::Result<()> {
        if let Some(opened) = &*lock(&self.opened) {
            lock(&opened.state).blocks.forget();
        }
        match File::options().write(true).open(&self.paths.journal) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            journal => journal?.set_len(0),
        }
    }

    /// Takes all bytes out that were fetched. Nobody else may use the files of the cache meanwhile.
    pub(super) fn empty(&self) -> io::Result<()> {
        if self.head >= self.size {
            return Ok(());
        }
        // What the journal tells is compared with the bytes before it is believed.
        take_out(&File::options().write(true).open(&self.paths.file)?, self.head..self.size)?;
        File::options().write(true).open(&self.paths.journal)?.set_len(0)
    }

    /// Words a failure of this machine.
    pub(super) fn failed(&self, error: &io::Error) -> String {
        format!("{}: the cache: {error}", self.name)
    }
}

impl State {
    /// Reads the journal unless that was done at this age: bytes may have been taken out, and others may have come.
    pub(super) fn learn(&mut self, age: u64) {
        if self.age.replace(age) != Some(age) {
            self.streams.clear();
            // What cannot be read is fetched.
            let _ = self.blocks.read(&mut self.journal);
        }
    }

    /// What follows is expected as well, the more the longer somebody has read on. Returns runs to fetch.
    pub(super) fn read_ahead(&mut self, range: &Range<u64>, settings: &Settings) -> Vec<Range<u32>> {
        let position = self.streams.iter().position(|stream| stream.end == range.start);
        let mut stream = match position {
            Some(position) => self.streams.remove(position),
            None => Stream { end: 0, window: 0, ahead: range.end },
        };
        if position.is_some() {
            stream.window = (stream.window * 2).clamp(settings.block, settings.window);
        }
        stream.end = range.end;
        // When half of it has been read, the other half is asked for: a few large requests.
        let until = range.end.saturating_add(stream.window);
        let ahead = stream.ahead.max(range.end)..until;
        let asks = stream.window > 0 && stream.ahead <= range.end.saturating_add(stream.window / 2);
        if asks {
            stream.ahead = until;
        }
        if self.streams.len() == STREAMS {
            self.streams.remove(0);
        }
        self.streams.push(stream);
        if !asks {
            return Vec::new();
        }
        let ahead = self.blocks.of(&ahead);
        let wanted: Vec<u32> = ahead.filter(|block| !self.blocks.expects(*block)).collect();
        self.expect(&wanted, settings)
    }

    /// Blocks, in order, are on their way from now on. Returns them as few runs, each of which is a request.
    pub(super) fn expect(&mut self, wanted: &[u32], settings: &Settings) -> Vec<Range<u32>> {
        let Settings { block, gap, request, .. } = *settings;
        let runs = joined(wanted, (gap / block) as u32, (request / block).max(1) as u32);
        self.blocks.coming.extend(runs.iter().cloned().flatten());
        runs
    }
}

/// Blocks that are on their way. However that ends, also when nobody is left to fetch them, whoever waits is told.
pub(super) struct Coming {
    pub(super) opened: Arc<Opened>,
    pub(super) run: Range<u32>,
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

    #[test]
    fn whoever_reads_on_is_served_ahead_beside_others_who_do() {
        let journal = tempfile::tempfile().unwrap();
        let mut state = State { blocks: Blocks::new(10, 1000), journal, age: None, streams: Vec::new() };
        let settings = Settings { block: 10, gap: 0, request: 40, window: 80, ..Settings::default() };
        let mut read = |start: u64| {
            let runs = state.read_ahead(&(start..start + 10), &settings);
            runs.into_iter().map(|run| (run.start, run.end)).collect::<Vec<_>>()
        };
        // The first read of each tells nothing.
        assert_eq!((read(0), read(500)), (vec![], vec![]));
        assert_eq!((read(10), read(510)), (vec![(2, 3)], vec![(52, 53)]));
        assert_eq!((read(20), read(520)), (vec![(3, 5)], vec![(53, 55)]));
        assert_eq!((read(30), read(530)), (vec![(5, 8)], vec![(55, 58)]));
        assert_eq!((read(40), read(540)), (vec![(8, 12), (12, 13)], vec![(58, 62), (62, 63)]));
        // There is enough for a while.
        assert_eq!((read(50), read(550)), (vec![], vec![]));
        // What was read long ago is nobody's stream any more.
        (0..STREAMS as u64).for_each(|other| drop(read(700 + 20 * other)));
        assert_eq!(read(60), vec![]);
    }
}
