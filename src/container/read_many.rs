//! Reading many objects in the order that is fastest.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::ops::{Deref, Range};

use crate::codec::{Checking, Decoding, Payload};
use crate::container::Container;
use crate::dir::{Dir, File as _};
use crate::error::{Error, Result};
use crate::format::FRAME;
use crate::format::location::Location;
use crate::id::ObjectId;
use crate::read::window::{self, Window};

/// The answer for one ID of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The object's bytes, checked.
    Bytes(Vec<u8>),
    /// It has this many bytes, too many for a batch: use a reader.
    TooLarge(u64),
    /// There is no such object.
    Missing,
    /// It cannot be read.
    Failed(Error),
}

/// The same answer, with its bytes in a [`Block`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Where in the block the object's bytes are, which have been checked.
    Bytes(Range<usize>),
    /// See [`Content::TooLarge`].
    TooLarge(u64),
    /// See [`Content::Missing`].
    Missing,
    /// See [`Content::Failed`].
    Failed(Error),
}

/// Objects that were read together: without an allocation for each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block {
    /// Their bytes, one after the other.
    pub bytes: Vec<u8>,
    /// The position of each id among those that were asked for (of one that is there more than once, the first), and
    /// what was found for it.
    pub items: Vec<(u32, Found)>,
}

impl Block {
    /// Copies the bytes of each object out of the block.
    pub fn into_items(self) -> impl Iterator<Item = (u32, Content)> {
        let Block { bytes, items } = self;
        items.into_iter().map(move |(position, found)| {
            let content = match found {
                Found::Bytes(range) => Content::Bytes(bytes[range].to_vec()),
                Found::TooLarge(size) => Content::TooLarge(size),
                Found::Missing => Content::Missing,
                Found::Failed(error) => Content::Failed(error),
            };
            (position, content)
        })
    }

    fn push(&mut self, position: u32, bytes: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.items.push((position, Found::Bytes(start..self.bytes.len())));
    }

    /// Reads an object by itself: it tells what is wrong with it, and a copy that is sound may be found elsewhere.
    fn push_alone<D: Dir>(&mut self, container: &Container<D>, position: u32, id: &ObjectId) {
        let found = match container.find(id) {
            Ok(stored) if stored.size > FRAME as u64 => Found::TooLarge(stored.size),
            Ok(stored) => match container.read_all(&stored) {
                Ok(bytes) => return self.push(position, &bytes),
                Err(error) => Found::Failed(error),
            },
            Err(Error::NotFound(_)) => Found::Missing,
            Err(error) => Found::Failed(error),
        };
        self.items.push((position, found));
    }
}

/// Many objects that are being read. `C` is how it holds its container: a reference, or what shares the ownership of
/// it.
///
/// ```
/// # use loosepack::dir::cap::CapDir;
/// # let folder = tempfile::tempdir()?;
/// # let dir = CapDir::open(folder.path())?;
/// # let store = loosepack::Container::create(dir, Default::default(), Default::default())?;
/// # let ids = vec![store.add(b"some bytes")?];
/// let mut batch = store.read_many(ids)?;
/// loop {
///     let items = batch.next_items();
///     if items.is_empty() {
///         break;
///     }
///     for (id, content) in items {
///         println!("{id} {content:?}");
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ObjectBatch<D: Dir, C: Deref<Target = Container<D>>> {
    container: C,
    /// The IDs that were asked for.
    ids: Vec<ObjectId>,
    /// Packed objects by pack and offset, last first, and the positions of their ids.
    packed: Vec<(Location, u32)>,
    /// The first so many of them have not been told ahead.
    untold: usize,
    /// Objects being decoded, in the order they were read.
    reading: VecDeque<Reading>,
    /// The positions of the others, last first: loose, packed only a moment ago, or absent.
    others: Vec<u32>,
}

impl<D: Dir, C: Deref<Target = Container<D>>> ObjectBatch<D, C> {
    /// Starts reading objects, in the order that is fastest for the store. Duplicates are read once.
    ///
    /// # Errors
    /// [`Error::Corrupt`] or [`Error::Io`] of the index.
    pub fn new(container: C, ids: Vec<ObjectId>) -> Result<Self> {
        let count = u32::try_from(ids.len()).map_err(|_| Error::InvalidArgument("more IDs than 2^32 - 1".into()))?;
        let (mut packed, mut others) = (Vec::new(), Vec::new());
        for (position, location) in (0..count).zip(container.locate_many(&ids)?) {
            match location {
                Some(location) => packed.push((location, position)),
                None => others.push(position),
            }
        }
        // Duplicates keep their first position.
        packed.sort_unstable_by(|(a, first), (b, second)| {
            // A damaged index may say that two objects lie at one place.
            let by_id = || ids[*first as usize].cmp(&ids[*second as usize]);
            a.place().cmp(&b.place()).then_with(by_id).then(first.cmp(second))
        });
        packed.dedup_by_key(|(_, position)| ids[*position as usize]);
        packed.reverse();
        others.sort_unstable_by_key(|position| (ids[*position as usize], *position));
        others.dedup_by_key(|position| ids[*position as usize]);
        others.reverse();
        let untold = packed.len();
        Ok(ObjectBatch { container, ids, packed, untold, reading: VecDeque::new(), others })
    }

    /// The next objects, about 1 MiB of them; empty when each id has been answered once. What concerns a single object
    /// is its [`Content::Failed`].
    pub fn next_items(&mut self) -> Vec<(ObjectId, Content)> {
        let items = self.next_block().into_items();
        items.map(|(position, content)| (self.ids[position as usize], content)).collect()
    }

    /// The next objects, their bytes together.
    pub fn next_block(&mut self) -> Block {
        let mut block = Block::default();
        let tuning = self.container.disk.tuning.clone();
        let has_room =
            |block: &Block| (block.bytes.len() as u64) < tuning.batch_bytes && block.items.len() < tuning.batch_objects;
        while has_room(&block) {
            while self.reading.len() < tuning.ahead
                && let Some(reading) = self.read_window()
            {
                self.reading.push_back(reading);
            }
            let Some(reading) = self.reading.pop_front() else { break };
            reading.finish(&self.container, &self.ids, &mut block);
        }
        while has_room(&block)
            && let Some(position) = self.others.pop()
        {
            block.push_alone(&self.container, position, &self.ids[position as usize]);
        }
        block
    }

    /// Tells what will be read next, once all that was told has been read.
    fn prefetch(&mut self) {
        if self.packed.is_empty() || self.packed.len() > self.untold {
            return;
        }
        let container = &*self.container;
        let (packs, untold) = window::ahead(&self.packed, &container.disk.tuning);
        self.untold = untold;
        // What is read at once needs no telling.
        if packs.iter().map(|(_, ranges)| ranges.len()).sum::<usize>() < 2 {
            return;
        }
        for (number, mut ranges) in packs {
            let end = ranges.last().map_or(0, |range| range.end);
            let opened = container.packs.borrow_mut().get(&container.disk.dir, number, end);
            // Whatever is wrong with the pack is told when it is read.
            if let Ok(Some((file, len))) = opened {
                ranges.retain(|range| range.end <= len);
                file.prefetch(&ranges);
            }
        }
    }

    /// Reads objects that lie close together, and starts to decode or check them.
    fn read_window(&mut self) -> Option<Reading> {
        self.prefetch();
        let container = &*self.container;
        let window = Window::take(&mut self.packed, &container.disk.tuning)?;
        let open = |location, position: u32| container.open_packed(&self.ids[position as usize], location);
        // On failure each object is read by itself, which reports what is wrong with it.
        let read = window.read(container.options.verify, open).ok().flatten();
        let work = read.map_or(Work::Alone, |(bytes, payloads)| Work::start(bytes, payloads));
        Some(Reading { positions: window.objects.into_iter().map(|(_, position)| position).collect(), work })
    }
}

/// Objects that have been read together.
struct Reading {
    positions: Vec<u32>,
    work: Work,
}

/// How objects get out of the bytes that hold them.
enum Work {
    /// They are in the bytes as they are, and are being checked.
    Plain(Vec<u8>, Vec<Range<u32>>, Checking),
    /// They are being decoded.
    Compressed(Decoding),
    /// Each object is read by itself.
    Alone,
}

impl Work {
    fn start(bytes: Vec<u8>, payloads: Vec<Payload>) -> Self {
        if payloads.iter().any(|payload| payload.compressed) {
            return Work::Compressed(Decoding::start(bytes, payloads));
        }
        let ranges = payloads.iter().map(|payload| payload.range.clone()).collect();
        let checking = Checking::start(&bytes[..], payloads);
        Work::Plain(bytes, ranges, checking)
    }
}

impl Reading {
    /// Gives out the objects.
    fn finish<D: Dir>(self, container: &Container<D>, ids: &[ObjectId], block: &mut Block) {
        let alone = |block: &mut Block, position: u32| block.push_alone(container, position, &ids[position as usize]);
        match self.work {
            Work::Plain(bytes, ranges, checking) => {
                let sound = checking.finish();
                for ((position, range), sound) in self.positions.into_iter().zip(ranges).zip(sound) {
                    match bytes.get(range.start as usize..range.end as usize) {
                        Some(bytes) if sound => block.push(position, bytes),
                        _ => alone(block, position),
                    }
                }
            }
            Work::Compressed(decoding) => {
                let decoded = decoding.finish().into_iter().chain(core::iter::repeat(None));
                for (position, bytes) in self.positions.into_iter().zip(decoded) {
                    match bytes {
                        Some(bytes) => block.push(position, &bytes),
                        None => alone(block, position),
                    }
                }
            }
            Work::Alone => self.positions.into_iter().for_each(|position| alone(block, position)),
        }
    }
}
