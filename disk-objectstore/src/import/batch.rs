//! Small objects that are checked and handed over together.

use std::ops::Range;

use loosepack::codec::{self, Decoding, Payload};
use loosepack::store::Adder;
use loosepack::{ObjectId, PackedObject};

use crate::Error;
use crate::key::Key;
use crate::source::SMALL;

/// Bytes of a batch, once it is full: less than the size of its largest objects more.
const BYTES: u64 = 4 << 20;
/// Objects of a full batch.
const OBJECTS: usize = 4096;
/// Bytes that one processor checks at a time.
const PIECE: usize = 512 << 10;

/// What came of a batch.
#[derive(Default)]
pub(super) struct Outcome {
    /// Key, name with us, and size of objects that were added.
    pub(super) added: Vec<(Key, ObjectId, u64)>,
    /// Objects whose bytes do not match their keys.
    pub(super) damaged: Vec<Key>,
}

/// Payloads of small objects.
#[derive(Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    items: Vec<Item>,
    /// Bytes that the payloads stand for.
    size: u64,
}

#[derive(Clone)]
struct Item {
    key: Key,
    size: u64,
    compressed: bool,
    range: Range<usize>,
}

impl Item {
    /// It is handed over as it lies in its pack. There, a stream of the object's size would pass for the object.
    fn is_kept(&self, compress: bool) -> bool {
        if self.compressed { self.range.len() as u64 != self.size } else { !compress }
    }

    /// How the object is got out of its bytes, which lie at `range` among others.
    fn payload(&self, range: Range<u32>, bytes: &[u8]) -> Payload {
        let (size, expected) = (self.size as u32, self.key.id());
        let plain = Payload { range, size, compressed: false, expected, adler: None };
        if !self.compressed {
            return plain;
        }
        // A zlib stream (RFC 1950): two bytes, the blocks, four bytes of Adler-32. The adder compares the first two.
        match bytes.split_last_chunk() {
            Some((rest, adler)) if rest.len() >= 2 => Payload {
                range: plain.range.start + 2..plain.range.end - 4,
                compressed: true,
                adler: Some(u32::from_be_bytes(*adler)),
                ..plain
            },
            // No blocks give no object.
            _ => Payload { range: 0..0, compressed: true, adler: Some(0), ..plain },
        }
    }
}

impl Batch {
    /// Takes the payload of an object of at most [`SMALL`] bytes.
    pub(super) fn push(&mut self, key: Key, size: u64, compressed: bool, payload: &[u8]) {
        debug_assert!(size <= SMALL && payload.len() as u64 <= SMALL);
        let start = self.bytes.len();
        self.bytes.extend_from_slice(payload);
        self.items.push(Item { key, size, compressed, range: start..self.bytes.len() });
        self.size += size;
    }

    pub(super) fn is_full(&self) -> bool {
        self.items.len() >= OBJECTS || self.size.max(self.bytes.len() as u64) >= BYTES
    }

    /// Hands over the objects. `compress`: those that are not compressed are given as bytes, which the adder may compress.
    pub(super) fn add(self, adder: &mut dyn Adder, compress: bool) -> Result<Outcome, Error> {
        let (mut added, mut damaged) = (Vec::with_capacity(self.items.len()), Vec::new());
        let (mut kept, mut others) = (Vec::new(), Vec::new());
        for (item, id) in self.items.iter().zip(self.ids()) {
            match id {
                None => damaged.push(item.key),
                Some(id) if item.is_kept(compress) => kept.push((item, id)),
                Some(id) => others.push((item, id)),
            }
        }
        let object = |(item, id): &(&Item, ObjectId)| {
            let payload = &self.bytes[item.range.clone()];
            PackedObject { id: *id, size: item.size, payload }
        };
        let objects: Vec<PackedObject<'_>> = kept.iter().map(object).collect();
        let sound = if objects.is_empty() { Vec::new() } else { adder.add_packed_many(&objects)? };
        for ((item, id), sound) in kept.into_iter().zip(sound) {
            if sound { added.push((item.key, id, item.size)) } else { damaged.push(item.key) }
        }
        let decoded = self.decode(&others.iter().map(|(item, _)| *item).collect::<Vec<_>>());
        for ((item, id), object) in others.into_iter().zip(&decoded) {
            if object.is_some() { added.push((item.key, id, item.size)) } else { damaged.push(item.key) }
        }
        let contents: Vec<&[u8]> = decoded.iter().flatten().map(Vec::as_slice).collect();
        if !contents.is_empty() {
            adder.add_many(&contents)?;
        }
        Ok(Outcome { added, damaged })
    }

    /// The names that the objects have with us. If their keys are of our kind, the adder compares the bytes with them;
    /// else that is done here, and there is `None` for one that does not match.
    fn ids(&self) -> Vec<Option<ObjectId>> {
        let others: Vec<&Item> = self.items.iter().filter(|item| item.key.id().is_none()).collect();
        let mut decoded = self.decode(&others).into_iter();
        let id = |item: &Item| {
            item.key.id().or_else(|| {
                let object = decoded.next().flatten().filter(|object| item.key.matches(object))?;
                Some(codec::sha256(&object))
            })
        };
        self.items.iter().map(id).collect()
    }

    /// The bytes of these objects, on all processors; `None` for one that cannot be inflated or does not match a key of our
    /// kind.
    fn decode(&self, items: &[&Item]) -> Vec<Option<Vec<u8>>> {
        let going: Vec<Decoding> =
            self.pieces(items).into_iter().map(|(bytes, payloads)| Decoding::start(bytes, payloads)).collect();
        going.into_iter().flat_map(Decoding::finish).collect()
    }

    /// The payloads of these objects, in pieces for one processor each.
    fn pieces(&self, items: &[&Item]) -> Vec<(Vec<u8>, Vec<Payload>)> {
        let mut pieces: Vec<(Vec<u8>, Vec<Payload>)> = Vec::new();
        for item in items {
            if pieces.last().is_none_or(|(bytes, _)| bytes.len() >= PIECE) {
                pieces.push(Default::default());
            }
            let Some((bytes, payloads)) = pieces.last_mut() else { continue };
            let start = bytes.len() as u32;
            bytes.extend_from_slice(&self.bytes[item.range.clone()]);
            payloads.push(item.payload(start..bytes.len() as u32, &self.bytes[item.range.clone()]));
        }
        pieces
    }
}
