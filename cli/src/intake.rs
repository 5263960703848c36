//! Adding many sources: small ones are read whole and handed over together, large ones are streamed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use loosepack::source::Source;
use loosepack::store::Adder;
use loosepack::{Error, ObjectId};

/// A source that has more bytes goes to the store piece by piece; others are read whole, and handed over together.
const SMALL: usize = 1 << 20;
/// Bytes requested first of each source: most are small.
const SCRATCH: usize = 64 << 10;
/// Bytes, and sources, that are handed over together.
const GROUP: (usize, usize) = (4 << 20, 1024);

/// Sources on their way into the store. `N` names one for the caller.
pub(crate) struct Intake<'a, N> {
    adder: Box<dyn Adder + 'a>,
    /// Buffer that sources are read into.
    scratch: Vec<u8>,
    /// Read, and not handed over.
    group: Vec<(N, Vec<u8>)>,
    group_bytes: usize,
    /// Handed over, and not committed.
    added: Vec<(ObjectId, N)>,
    /// Bytes that have been read.
    bytes: Arc<AtomicU64>,
}

/// Why a source was not added.
pub(crate) enum Refused {
    /// The source failed; others can be added.
    Source(Error),
    /// The container failed; nothing can be added.
    Container(Error),
}

impl<'a, N> Intake<'a, N> {
    pub(crate) fn new(adder: Box<dyn Adder + 'a>) -> Self {
        let (scratch, group, added) = (Vec::new(), Vec::new(), Vec::new());
        Intake { adder, scratch, group, group_bytes: 0, added, bytes: Arc::default() }
    }

    /// Adds the bytes of a source, which are durable after the next [`Intake::commit`].
    pub(crate) fn add(&mut self, name: N, mut source: Box<dyn Source + Send>) -> Result<(), Refused> {
        let (head, ended) = read_head(&mut *source, &mut self.scratch).map_err(Refused::Source)?;
        self.bytes.fetch_add(head.len() as u64, Ordering::Relaxed);
        if ended {
            self.group_bytes += head.len();
            self.group.push((name, head));
            let full = self.group_bytes >= GROUP.0 || self.group.len() >= GROUP.1;
            return if full { self.hand_over().map_err(Refused::Container) } else { Ok(()) };
        }
        self.hand_over().map_err(Refused::Container)?;
        let large = Large { head, taken: 0, rest: source, bytes: self.bytes.clone() };
        let id = self.adder.add_source(Box::new(large)).map_err(|error| match self.adder.check() {
            Ok(()) => Refused::Source(error),
            Err(_) => Refused::Container(error),
        })?;
        self.added.push((id, name));
        Ok(())
    }

    /// Number of sources that are not committed, and may be lost.
    pub(crate) fn pending(&self) -> usize {
        self.group.len() + self.added.len()
    }

    /// Bytes that have been read.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Makes everything durable; the IDs since the last commit, in order.
    pub(crate) fn commit(&mut self) -> Result<impl Iterator<Item = (ObjectId, N)> + use<'_, 'a, N>, Error> {
        self.hand_over()?;
        self.commit_added()
    }

    /// Makes durable what was handed over: after a failure the rest may have the same fate again.
    pub(crate) fn commit_added(&mut self) -> Result<impl Iterator<Item = (ObjectId, N)> + use<'_, 'a, N>, Error> {
        self.adder.commit()?;
        Ok(self.added.drain(..))
    }

    /// Hands over what has been gathered.
    fn hand_over(&mut self) -> Result<(), Error> {
        if self.group.is_empty() {
            return Ok(());
        }
        let contents: Vec<&[u8]> = self.group.iter().map(|(_, content)| &content[..]).collect();
        let ids = self.adder.add_many(&contents)?;
        self.group_bytes = 0;
        self.added.extend(ids.into_iter().zip(self.group.drain(..).map(|(name, _)| name)));
        Ok(())
    }
}

/// Reads the first bytes of a source, at most [`SMALL`]. Returns them, and whether the source ends there. `scratch` is
/// reused for all sources.
fn read_head(source: &mut dyn Source, scratch: &mut Vec<u8>) -> Result<(Vec<u8>, bool), Error> {
    scratch.resize(SCRATCH, 0);
    let mut filled = 0;
    loop {
        let read = source.read(&mut scratch[filled..])?;
        filled += read;
        if read == 0 || filled == SMALL {
            return Ok((scratch[..filled].to_vec(), read == 0));
        }
        if filled == scratch.len() {
            scratch.resize(SMALL.min(2 * filled), 0);
        }
    }
}

/// A source of which the start has been read.
struct Large {
    head: Vec<u8>,
    taken: usize,
    rest: Box<dyn Source + Send>,
    /// Counts the bytes that are read.
    bytes: Arc<AtomicU64>,
}

impl Source for Large {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let mut head = &self.head[self.taken..];
        if head.is_empty() {
            let read = self.rest.read(buffer)?;
            self.bytes.fetch_add(read as u64, Ordering::Relaxed);
            return Ok(read);
        }
        let read = Source::read(&mut head, buffer)?;
        self.taken += read;
        Ok(read)
    }
}
