//! Payloads of our packs, as they are: a zlib stream stays one.

use std::path::Path;

use loosepack::dir::cap::CapDir;
use loosepack::source::Source as _;
use loosepack::{ObjectId, PackedObject, codec};

use crate::Error;
use crate::index::Row;
use crate::key::{Hash, Key};
use crate::layout::pack;
use crate::source::{Opened, Range, SMALL};

/// Bytes of payloads, and of the objects, that are in memory together, unless a single one has more.
const TOGETHER: u64 = 4 << 20;

/// An object of ours, and where it is.
pub(super) struct Stored {
    pub(super) id: ObjectId,
    pub(super) size: u64,
    /// `None`: it is loose.
    pub(super) pack: Option<u32>,
    pub(super) offset: u64,
    pub(super) length: u64,
}

impl Stored {
    pub(super) fn compressed(&self) -> bool {
        self.length != self.size
    }

    fn is_small(&self) -> bool {
        self.size <= SMALL && self.length <= SMALL
    }
}

/// The payload of an object, which has been compared with its ID.
pub(super) enum Payload {
    Small(Vec<u8>),
    Large(Range),
}

/// The first objects, as many as are in memory together; at least 1.
pub(super) fn together(objects: &[Stored]) -> &[Stored] {
    let mut bytes = 0;
    let fits = |stored: &&Stored| {
        bytes += if stored.is_small() { stored.size + stored.length } else { 0 };
        bytes <= TOGETHER
    };
    &objects[..objects.iter().take_while(fits).count().max(1).min(objects.len())]
}

/// Our packs.
pub(super) struct Payloads {
    dir: CapDir,
    current: Option<(u32, Opened)>,
}

impl Payloads {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let dir = CapDir::open(path);
        let dir = dir.map_err(|error| Error::Other(format!("cannot open {}: {error}", path.display())))?;
        Ok(Payloads { dir, current: None })
    }

    /// The payloads of objects, in order; `None` for one that is loose, gone or damaged.
    pub(super) fn read(&mut self, objects: &[Stored]) -> Vec<Option<Payload>> {
        let mut found: Vec<Option<Payload>> = objects.iter().map(|stored| self.payload(stored)).collect();
        let (mut plain, mut zlib) = (Vec::new(), Vec::new());
        for (number, (found, stored)) in found.iter().zip(objects).enumerate() {
            match found {
                Some(Payload::Small(bytes)) if stored.compressed() => {
                    zlib.push((number, PackedObject { id: stored.id, size: stored.size, payload: bytes }));
                }
                Some(Payload::Small(bytes)) => plain.push((number, &bytes[..])),
                _ => {}
            }
        }
        let ids = codec::sha256_many(&plain.iter().map(|(_, bytes)| *bytes).collect::<Vec<_>>());
        let wrong = plain.iter().zip(ids).filter(|((number, _), id)| objects[*number].id != *id);
        let mut damaged: Vec<usize> = wrong.map(|((number, _), _)| *number).collect();
        let streams: Vec<PackedObject<'_>> = zlib.iter().map(|(_, object)| *object).collect();
        // None is larger than what is inflated so.
        let inflated = PackedObject::inflate_many(&streams).unwrap_or_default();
        let sound = inflated.iter().map(Option::is_some).chain(std::iter::repeat(false));
        damaged.extend(zlib.iter().zip(sound).filter(|(_, sound)| !sound).map(|((number, _), _)| *number));
        for number in damaged {
            found[number] = None;
        }
        found
    }

    fn payload(&mut self, stored: &Stored) -> Option<Payload> {
        let number = stored.pack?;
        if self.current.as_ref().is_none_or(|(current, _)| *current != number) {
            self.current = Some((number, Opened::open(&self.dir, &pack(number.into())).ok()?));
        }
        let (_, file) = self.current.as_mut()?;
        let Stored { id, size, offset, length, .. } = *stored;
        file.ask(offset, length).ok()?;
        if stored.is_small() {
            return Some(Payload::Small(file.bytes(offset, length).ok()?.to_vec()));
        }
        let key = Key::new(Hash::Sha256, &id.to_hex())?;
        let mut object = file.object(&Row { key, compressed: stored.compressed(), size, offset, length });
        let mut buffer = vec![0; SMALL as usize];
        while object.read(&mut buffer).ok()? > 0 {}
        Some(Payload::Large(file.range(offset, length)))
    }
}
