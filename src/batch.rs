//! Reading many objects in the order that is fastest.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use crate::container::Container;
use crate::dir::{Dir, read_full_at};
use crate::error::{Error, Result};
use crate::id::ObjectId;
use crate::index::Location;
use crate::layout::FRAME;
use crate::reader::Stored;

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
    /// Packed objects by pack and offset, last first.
    packed: Vec<(Location, ObjectId)>,
    /// The others, last first: loose, packed only a moment ago, or absent.
    others: Vec<ObjectId>,
}

impl ObjectBatch {
    pub(crate) fn new<D: Dir>(container: &Container<D>, mut ids: Vec<ObjectId>) -> Result<Self> {
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.dedup();
        let locations = container.locate_many(&ids)?;
        let mut batch = ObjectBatch { packed: Vec::new(), others: Vec::new() };
        for (id, location) in ids.into_iter().zip(locations) {
            match location {
                Some(location) => batch.packed.push((location, id)),
                None => batch.others.push(id),
            }
        }
        batch.packed.sort_unstable_by_key(|(location, _)| core::cmp::Reverse((location.pack, location.offset)));
        Ok(batch)
    }

    /// The next objects, about 1 MiB of them; empty when each id has been answered once. `container`: the one it was
    /// made from.
    ///
    /// # Errors
    /// None that concern a single object: those are its [`Content::Failed`].
    pub fn next<D: Dir>(&mut self, container: &Container<D>) -> Result<Vec<(ObjectId, Content)>> {
        let mut out = Vec::new();
        let mut size = 0;
        while size < BATCH && out.len() < BATCH_OBJECTS && !self.packed.is_empty() {
            size += self.next_window(container, &mut out);
        }
        while size < BATCH
            && out.len() < BATCH_OBJECTS
            && let Some(id) = self.others.pop()
        {
            size += push(&mut out, id, read_alone(container, &id));
        }
        Ok(out)
    }

    /// Read objects that lie close together with one read; returns their size.
    fn next_window<D: Dir>(&mut self, container: &Container<D>, out: &mut Vec<(ObjectId, Content)>) -> u64 {
        let Some((first, _)) = self.packed.last().copied() else { return 0 };
        let (start, mut end, mut size) = (first.offset, first.offset, 0_u64);
        let mut window = Vec::new();
        while let Some((location, id)) = self.packed.last().copied() {
            let beyond = location.pack != first.pack
                || location.offset > end.saturating_add(GAP)
                || (location.offset + location.length).max(end) - start > WINDOW
                || size.saturating_add(location.size) > BATCH;
            if beyond && !window.is_empty() {
                break;
            }
            self.packed.pop();
            end = end.max(location.offset + location.length);
            size = size.saturating_add(location.size);
            window.push((location, id));
            if location.length > WINDOW {
                break;
            }
        }
        let alone = window.len() == 1 && (first.length > WINDOW || first.size > OBJECT_MAX);
        let read = if alone { None } else { read_window(container, &window, start, end) };
        let Some((bytes, stored)) = read else {
            // Too large to share a read, or something is wrong with one of them: each by itself tells which.
            return window.iter().map(|(_, id)| push(out, *id, read_alone(container, id))).sum();
        };
        for ((location, id), stored) in window.iter().zip(stored) {
            let from = (location.offset - start) as usize;
            let payload = &bytes[from..from + location.length as usize];
            let content = match stored.decode(payload, container.options.verify) {
                Ok(bytes) => Content::Bytes(bytes),
                Err(_) => read_alone(container, id),
            };
            push(out, *id, content);
        }
        size
    }
}

type Window<F> = (Vec<u8>, Vec<Stored<F>>);

/// The bytes of a pack from `start` to `end`, and the objects in them; `None` when anything is wrong.
fn read_window<D: Dir>(
    container: &Container<D>,
    window: &[(Location, ObjectId)],
    start: u64,
    end: u64,
) -> Option<Window<D::File>> {
    let mut stored = Vec::with_capacity(window.len());
    for (location, id) in window {
        stored.push(container.open_packed(id, *location).ok()??);
    }
    let file: Arc<D::File> = stored.first()?.file();
    let mut bytes = vec![0; (end - start) as usize];
    let read = read_full_at(&*file, &mut bytes, start).ok()?;
    (read == bytes.len()).then_some((bytes, stored))
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
fn push(out: &mut Vec<(ObjectId, Content)>, id: ObjectId, content: Content) -> u64 {
    let size = if let Content::Bytes(bytes) = &content { bytes.len() as u64 } else { 0 };
    out.push((id, content));
    size
}
