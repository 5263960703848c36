//! Objects that are given as they lie in packs, stored without compressing again.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::Packer;
use super::writer::PackWriter;
use crate::codec::{Checking, Decoding, Payload};
use crate::dir::Dir;
use crate::error::{Error, Result};
use crate::format::{FRAME, zlib_stream};
use crate::id::ObjectId;
use crate::index::Trust;

/// An object as it lies in a pack. Nothing in it is believed before it is checked.
#[derive(Debug, Clone, Copy)]
pub struct PackedObject<'a> {
    /// The ID of the object.
    pub id: ObjectId,
    /// Size of the object in bytes, at most 1 MiB.
    pub size: u64,
    /// The object's bytes if there are `size` of them, else one zlib stream (RFC 1950) of them.
    pub payload: &'a [u8],
}

impl PackedObject<'_> {
    fn is_plain(&self) -> bool {
        self.payload.len() as u64 == self.size
    }

    /// The payload is stored as it is. A longer one saves nothing.
    fn is_kept(&self) -> bool {
        self.payload.len() as u64 <= self.size
    }

    /// Inflates and checks objects; `None` for one that is not what it says.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if one has more than 1 MiB.
    pub fn inflate_many(objects: &[PackedObject<'_>]) -> Result<Vec<Option<Vec<u8>>>> {
        check_sizes(objects)?;
        let mut bytes = Vec::new();
        let payloads: Vec<Option<Payload>> = objects.iter().map(|object| gather(object, &mut bytes)).collect();
        let mut decoded = Decoding::start(bytes, payloads.iter().flatten().cloned().collect()).finish().into_iter();
        Ok(payloads.into_iter().map(|payload| payload.and_then(|_| decoded.next().flatten())).collect())
    }
}

impl<D: Dir> PackWriter<D> {
    /// Appends objects that are given as they lie in packs: their payloads are stored as they are, whatever the
    /// compression of this writer. Each is inflated and hashed. Returns for each, in order, whether it is in the
    /// container: not if its payload is anything but `size` bytes that match its ID, or one zlib stream of them.
    ///
    /// A stream that is longer than its object is inflated, and the object's bytes are stored. Objects that are packed
    /// already are dropped before they are inflated.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if an object has more than 1 MiB, before anything is appended; larger ones go through
    /// [`PackWriter::add_source`]. [`Error::Io`]; after it every call fails.
    pub fn add_packed_many(&mut self, objects: &[PackedObject<'_>]) -> Result<Vec<bool>> {
        check_sizes(objects)?;
        self.packer().add_packed_many(objects)
    }
}

fn check_sizes(objects: &[PackedObject<'_>]) -> Result<()> {
    let Some(PackedObject { id, size, .. }) = objects.iter().find(|object| object.size > FRAME as u64) else {
        return Ok(());
    };
    let remedy = "inflate it, and add its bytes";
    Err(Error::InvalidArgument(format!(
        "object {id} has {size} bytes, but a payload is taken of at most {FRAME}: {remedy}"
    )))
}

/// Appends what has to be inflated or hashed to `bytes`; `None` for a stream that has not the ends of one.
fn gather(object: &PackedObject<'_>, bytes: &mut Vec<u8>) -> Option<Payload> {
    let (part, adler) = if object.is_plain() {
        (0..object.payload.len(), None)
    } else {
        let (blocks, adler) = zlib_stream::parts(object.payload)?;
        (blocks, Some(adler))
    };
    let start = u32::try_from(bytes.len()).ok()?;
    let end = u32::try_from(bytes.len() + part.len()).ok()?;
    bytes.extend_from_slice(&object.payload[part]);
    let size = object.size as u32;
    Some(Payload { range: start..end, size, compressed: !object.is_plain(), expected: Some(object.id), adler })
}

/// Objects that are being checked together.
struct Group<'a> {
    /// With their numbers.
    objects: Vec<(usize, PackedObject<'a>)>,
    /// Of those whose payloads are kept.
    checking: Checking,
    /// Of the others.
    decoding: Decoding,
}

impl<'a> Group<'a> {
    /// Starts to check objects, which come with their numbers. Those that have not the ends of a stream are left out.
    fn start(objects: Vec<(usize, PackedObject<'a>)>) -> Self {
        let (mut kept, mut others) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
        let mut gathered = Vec::with_capacity(objects.len());
        for (number, object) in objects {
            let (bytes, payloads) = if object.is_kept() { &mut kept } else { &mut others };
            if let Some(payload) = gather(&object, bytes) {
                payloads.push(payload);
                gathered.push((number, object));
            }
        }
        let (checking, decoding) = (Checking::start(kept.0, kept.1), Decoding::start(others.0, others.1));
        Group { objects: gathered, checking, decoding }
    }
}

impl<D: Dir> Packer<D> {
    fn add_packed_many(&mut self, objects: &[PackedObject<'_>]) -> Result<Vec<bool>> {
        self.writing(|packer| packer.append_packed_many(objects))
    }

    fn append_packed_many(&mut self, objects: &[PackedObject<'_>]) -> Result<Vec<bool>> {
        let mut stored = vec![false; objects.len()];
        let (mut groups, mut waiting, mut number) = (VecDeque::new(), 0, 0);
        while number < objects.len() {
            let count = self.together(&objects[number..]);
            let group = self.start_group(&objects[number..][..count], number, &mut stored)?;
            number += count;
            waiting += group.objects.len();
            groups.push_back(group);
            // All that waits is appended before a commit forgets which objects are taken.
            let many = self.taken.len() + waiting >= self.tuning.commit_objects;
            let drain = many || self.appended_bytes >= self.tuning.commit_bytes || number == objects.len();
            while groups.len() > if drain { 0 } else { self.tuning.ahead }
                && let Some(group) = groups.pop_front()
            {
                waiting -= group.objects.len();
                self.append_group(group, &mut stored)?;
            }
            if drain {
                self.commit_if_many()?;
            }
        }
        Ok(stored)
    }

    /// Number of the first objects that make a group; at least 1.
    fn together(&self, objects: &[PackedObject<'_>]) -> usize {
        let (mut count, mut bytes) = (0, 0);
        while count < objects.len() && count < self.tuning.gather_objects && bytes < self.tuning.gather_bytes {
            bytes += objects[count].size as usize + objects[count].payload.len();
            count += 1;
        }
        count
    }

    /// Starts to check the objects that are not packed yet. `first`: the number of the first of them in `stored`.
    fn start_group<'a>(
        &mut self,
        objects: &[PackedObject<'a>],
        first: usize,
        stored: &mut [bool],
    ) -> Result<Group<'a>> {
        let ids: Vec<ObjectId> = objects.iter().map(|object| object.id).collect();
        let known = self.index.index().lookup_many(&ids, Trust::Quick)?;
        let mut fresh = Vec::with_capacity(objects.len());
        for ((number, object), known) in (first..).zip(objects).zip(known) {
            if self.taken.contains(&object.id) || self.stays(&object.id, known, None)? {
                stored[number] = true;
            } else {
                fresh.push((number, *object));
            }
        }
        Ok(Group::start(fresh))
    }

    fn append_group(&mut self, group: Group<'_>, stored: &mut [bool]) -> Result<()> {
        let (mut sound, mut decoded) = (group.checking.finish().into_iter(), group.decoding.finish().into_iter());
        for (number, object) in group.objects {
            let plain;
            let payload = if object.is_kept() {
                sound.next().unwrap_or(false).then_some(object.payload)
            } else {
                plain = decoded.next().flatten();
                plain.as_deref()
            };
            let Some(payload) = payload else { continue };
            stored[number] = true;
            // It may have been given twice.
            if self.taken.insert(object.id) {
                self.append(object.id, object.size, payload)?;
            }
        }
        Ok(())
    }
}
