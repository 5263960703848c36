//! Reading many objects in the order that is fastest.

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use crate::codec::{self, Decoding};
use crate::container::Container;
use crate::dir::{Dir, read_full_at};
use crate::error::{Error, Result};
use crate::id::ObjectId;
use crate::index::Location;
use crate::layout::FRAME;

/// Object bytes after which a batch ends, so that it has less than twice as many. (Runtimes bound what one call may
/// return: wasmtime 48 refuses about 3 MiB where, as from Python, each byte is a value of its own.)
const BATCH: u64 = 1 << 20;
/// Objects given out together: so many empty ones are a batch as well.
const BATCH_OBJECTS: usize = 8192;
/// Larger objects are not given out in a batch.
const OBJECT_MAX: u64 = BATCH;
/// Payloads that are no further apart than this are read together: about what a system call costs.
const GAP: u64 = 16 << 10;
/// What is read together at most, unless a single payload has more.
const WINDOW: u64 = FRAME as u64;

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

/// Many objects that are being read. Belongs to the container it was made from.
pub struct ObjectBatch {
    /// What was asked for.
    ids: Vec<ObjectId>,
    /// Packed objects by pack and offset, last first, and the positions of their ids.
    packed: Vec<(Location, u32)>,
    /// Those that are being decoded, in the order they were read.
    windows: VecDeque<Window>,
    /// The positions of the others, last first: loose, packed only a moment ago, or absent.
    others: Vec<u32>,
}

impl ObjectBatch {
    pub(crate) fn new<D: Dir>(container: &Container<D>, ids: Vec<ObjectId>) -> Result<Self> {
        let count = u32::try_from(ids.len()).map_err(|_| Error::InvalidArgument("so many ids are too many".into()))?;
        let (mut packed, mut others) = (Vec::new(), Vec::new());
        for (position, location) in (0..count).zip(container.locate_many(&ids)?) {
            match location {
                Some(location) => packed.push((location, position)),
                None => others.push(position),
            }
        }
        // Of an id that was asked for more than once, the first position stays.
        packed.sort_unstable_by_key(|(location, position)| (location.pack, location.offset, *position));
        packed.dedup_by_key(|(_, position)| ids[*position as usize]);
        packed.reverse();
        others.sort_unstable_by_key(|position| (ids[*position as usize], *position));
        others.dedup_by_key(|position| ids[*position as usize]);
        others.reverse();
        Ok(ObjectBatch { ids, packed, windows: VecDeque::new(), others })
    }

    /// The next objects, about 1 MiB of them; empty when each id has been answered once. `container`: the one it was
    /// made from.
    ///
    /// # Errors
    /// None that concern a single object: those are its [`Content::Failed`].
    pub fn next<D: Dir>(&mut self, container: &Container<D>) -> Result<Vec<(ObjectId, Content)>> {
        let items = self.next_positions(container).into_iter();
        Ok(items.map(|(position, content)| (self.ids[position as usize], content)).collect())
    }

    /// The same with the position of each id.
    pub(crate) fn next_positions<D: Dir>(&mut self, container: &Container<D>) -> Vec<(u32, Content)> {
        let mut out = Vec::new();
        let mut size = 0;
        while size < BATCH && out.len() < BATCH_OBJECTS {
            while self.windows.len() < codec::AHEAD && !self.packed.is_empty() {
                let window = self.next_window(container);
                self.windows.push_back(window);
            }
            let Some(window) = self.windows.pop_front() else { break };
            size += window.finish(container, &self.ids, &mut out);
        }
        while size < BATCH
            && out.len() < BATCH_OBJECTS
            && let Some(position) = self.others.pop()
        {
            size += push(&mut out, position, read_alone(container, &self.ids[position as usize]));
        }
        out
    }

    /// Read objects that lie close together with one read.
    fn next_window<D: Dir>(&mut self, container: &Container<D>) -> Window {
        let (mut start, mut end, mut size) = (0, 0, 0_u64);
        let mut objects: Vec<(Location, u32)> = Vec::new();
        while let Some((location, position)) = self.packed.last().copied() {
            if let Some((first, _)) = objects.first() {
                let beyond = location.pack != first.pack
                    || location.offset > end + GAP
                    || (location.offset + location.length).max(end) - start > WINDOW
                    || size.saturating_add(location.size) > BATCH;
                if beyond {
                    break;
                }
            } else {
                (start, end) = (location.offset, location.offset);
            }
            self.packed.pop();
            objects.push((location, position));
            end = end.max(location.offset + location.length);
            size = size.saturating_add(location.size);
        }
        let shared = end - start <= WINDOW && size <= OBJECT_MAX;
        let decoding = if shared { start_decoding(container, &self.ids, &objects, start, end) } else { None };
        Window { positions: objects.into_iter().map(|(_, position)| position).collect(), decoding }
    }
}

/// Objects that have been read together.
struct Window {
    positions: Vec<u32>,
    /// `None` when they are too large to share a read, or something is wrong with one of them.
    decoding: Option<Decoding>,
}

impl Window {
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

/// Read a pack from `start` to `end` and start to decode the objects in it; `None` when anything is wrong.
fn start_decoding<D: Dir>(
    container: &Container<D>,
    ids: &[ObjectId],
    objects: &[(Location, u32)],
    start: u64,
    end: u64,
) -> Option<Decoding> {
    let mut payloads = Vec::with_capacity(objects.len());
    let mut file = None;
    for (location, position) in objects {
        let stored = container.open_packed(&ids[*position as usize], *location).ok()??;
        payloads.push(stored.payload(start, container.options.verify)?);
        file = Some(stored.file());
    }
    let mut bytes = vec![0; (end - start) as usize];
    let read = read_full_at(&*file?, &mut bytes, start).ok()?;
    (read == bytes.len()).then(|| Decoding::start(bytes, payloads))
}

fn read_alone<D: Dir>(container: &Container<D>, id: &ObjectId) -> Content {
    match container.find(id) {
        Ok(stored) if stored.size > OBJECT_MAX => Content::TooLarge(stored.size),
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
