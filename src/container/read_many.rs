//! Reading many objects in the order that is fastest.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::ops::Deref;

use crate::codec::Decoding;
use crate::container::Container;
use crate::dir::Dir;
use crate::error::{Error, Result};
use crate::format::FRAME;
use crate::format::location::Location;
use crate::id::ObjectId;
use crate::read::window::Window;

/// What was found for an id.
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

/// Many objects that are being read. `C` is how it holds its container: a reference, or what shares the ownership of it.
pub struct ObjectBatch<D: Dir, C: Deref<Target = Container<D>>> {
    container: C,
    /// What was asked for.
    ids: Vec<ObjectId>,
    /// Packed objects by pack and offset, last first, and the positions of their ids.
    packed: Vec<(Location, u32)>,
    /// Those that are being decoded, in the order they were read.
    reading: VecDeque<Reading>,
    /// The positions of the others, last first: loose, packed only a moment ago, or absent.
    others: Vec<u32>,
}

impl<D: Dir, C: Deref<Target = Container<D>>> ObjectBatch<D, C> {
    /// Start reading objects, in the order that is fastest for the store. Duplicates are read once.
    ///
    /// # Errors
    /// [`Error::Corrupt`] or [`Error::Io`] of the index.
    pub fn new(container: C, ids: Vec<ObjectId>) -> Result<Self> {
        let count = u32::try_from(ids.len()).map_err(|_| Error::InvalidArgument("so many ids are too many".into()))?;
        let (mut packed, mut others) = (Vec::new(), Vec::new());
        for (position, location) in (0..count).zip(container.locate_many(&ids)?) {
            match location {
                Some(location) => packed.push((location, position)),
                None => others.push(position),
            }
        }
        // Of an id that was asked for more than once, the first position stays.
        let place = |location: &Location| (location.pack, location.offset);
        packed.sort_unstable_by(|(a, first), (b, second)| {
            // A damaged index may say that two objects lie at one place.
            let by_id = || ids[*first as usize].cmp(&ids[*second as usize]);
            place(a).cmp(&place(b)).then_with(by_id).then(first.cmp(second))
        });
        packed.dedup_by_key(|(_, position)| ids[*position as usize]);
        packed.reverse();
        others.sort_unstable_by_key(|position| (ids[*position as usize], *position));
        others.dedup_by_key(|position| ids[*position as usize]);
        others.reverse();
        Ok(ObjectBatch { container, ids, packed, reading: VecDeque::new(), others })
    }

    /// The next objects, about 1 MiB of them; empty when each id has been answered once. What concerns a single object is its
    /// [`Content::Failed`].
    pub fn next_items(&mut self) -> Vec<(ObjectId, Content)> {
        let items = self.next_positions().into_iter();
        items.map(|(position, content)| (self.ids[position as usize], content)).collect()
    }

    /// The same with the position of each id among those that were asked for: of one that is there more than once, the first.
    pub fn next_positions(&mut self) -> Vec<(u32, Content)> {
        let mut out = Vec::new();
        let mut size = 0;
        let tuning = self.container.disk.tuning.clone();
        while size < tuning.batch_bytes && out.len() < tuning.batch_objects {
            while self.reading.len() < tuning.ahead
                && let Some(reading) = self.read_window()
            {
                self.reading.push_back(reading);
            }
            let Some(reading) = self.reading.pop_front() else { break };
            size += reading.finish(&self.container, &self.ids, &mut out);
        }
        while size < tuning.batch_bytes
            && out.len() < tuning.batch_objects
            && let Some(position) = self.others.pop()
        {
            size += push(&mut out, position, read_alone(&self.container, &self.ids[position as usize]));
        }
        out
    }

    /// Read objects that lie close together, and start to decode them.
    fn read_window(&mut self) -> Option<Reading> {
        let container = &*self.container;
        let window = Window::take(&mut self.packed, &container.disk.tuning)?;
        let open = |location, position: u32| container.open_packed(&self.ids[position as usize], location);
        // What failed fails again, or not, when each is read by itself.
        let read = window.read(container.options.verify, open).ok().flatten();
        let decoding = read.map(|(bytes, payloads)| Decoding::start(bytes, payloads));
        Some(Reading { positions: window.objects.into_iter().map(|(_, position)| position).collect(), decoding })
    }
}

/// Objects that have been read together.
struct Reading {
    positions: Vec<u32>,
    /// `None` when each is to be read by itself.
    decoding: Option<Decoding>,
}

impl Reading {
    /// Give out the objects; returns the bytes they have.
    fn finish<D: Dir>(self, container: &Container<D>, ids: &[ObjectId], out: &mut Vec<(u32, Content)>) -> u64 {
        let decoded = self.decoding.map(Decoding::finish).unwrap_or_default();
        let decoded = decoded.into_iter().chain(core::iter::repeat(None));
        let content = |(position, bytes): (u32, Option<Vec<u8>>)| {
            // By itself, an object tells what is wrong with it, and a copy that is sound may be found elsewhere.
            let alone = || read_alone(container, &ids[position as usize]);
            push(out, position, bytes.map_or_else(alone, Content::Bytes))
        };
        self.positions.into_iter().zip(decoded).map(content).sum()
    }
}

fn read_alone<D: Dir>(container: &Container<D>, id: &ObjectId) -> Content {
    match container.find(id) {
        Ok(stored) if stored.size > FRAME as u64 => Content::TooLarge(stored.size),
        Ok(stored) => match container.read_all(&stored) {
            Ok(bytes) => Content::Bytes(bytes),
            Err(error) => Content::Failed(error),
        },
        Err(Error::NotFound(_)) => Content::Missing,
        Err(error) => Content::Failed(error),
    }
}

/// Give out an answer; returns the bytes it has.
fn push(out: &mut Vec<(u32, Content)>, position: u32, content: Content) -> u64 {
    let size = if let Content::Bytes(bytes) = &content { bytes.len() as u64 } else { 0 };
    out.push((position, content));
    size
}
