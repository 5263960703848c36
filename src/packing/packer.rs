//! The one who holds the packer's place: takes objects, drops those that are packed already, appends the others and
//! commits.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::codec::{Sha256, adler32, deflate};
use crate::compress;
use crate::container::Container;
use crate::dir::Dir;
use crate::error::{Error, Result};
use crate::flush::Flush;
use crate::id::ObjectId;
use crate::index::{IndexWriter, Location};
use crate::layout::FRAME;
use crate::lock::PackerLock;
use crate::options::Compression;
use crate::pack::PackAppender;
use crate::source::{Source, read_up_to};

/// Small objects gathered before the index is asked for all of them at once, in bytes.
const GATHER_BYTES: usize = 1 << 20;
/// The same, in objects.
const GATHER_OBJECTS: usize = 8192;
/// Objects appended before they are committed whether the caller asks or not: what a killed packer loses at most, and
/// what has to be remembered of them.
const COMMIT_OBJECTS: usize = 1 << 17;
/// The same, in bytes.
const COMMIT_BYTES: u64 = 1 << 30;

/// Holds the packer's place.
pub(super) struct Packer<D: Dir> {
    index: IndexWriter<D>,
    packs: PackAppender<D>,
    compression: Compression,
    level: u8,
    gathered: Vec<u8>,
    /// Id and size of each object in `gathered`.
    gathered_objects: Vec<(ObjectId, usize)>,
    /// Appended, but not committed.
    pending: BTreeMap<ObjectId, Location>,
    pending_bytes: u64,
    failed: bool,
    /// Last, so that the place is given up after everything else is closed.
    _lock: PackerLock<D>,
}

impl<D: Dir> Packer<D> {
    /// Take the packer's place of a container.
    pub(super) fn new(container: &Container<D>, compression: Compression) -> Result<Self> {
        container.check_writable()?;
        let (dir, options, config) = (&container.dir, &container.options, container.config);
        let lock = PackerLock::acquire(dir, &options.holder)?;
        let flush = Flush::new(options.durability);
        Ok(Packer {
            index: IndexWriter::open(dir, flush.clone(), options.log_entries)?,
            packs: PackAppender::open(dir.clone(), config.pack_target, flush)?,
            compression,
            level: config.compression_level,
            gathered: Vec::new(),
            gathered_objects: Vec::new(),
            pending: BTreeMap::new(),
            pending_bytes: 0,
            failed: false,
            _lock: lock,
        })
    }

    /// Fails after anything has failed to be written: what is on disk then is not what this packer believes.
    pub(super) fn check(&self) -> Result<()> {
        if self.failed { Err(Error::WriterFailed) } else { Ok(()) }
    }

    /// Do something that writes; a failure is the end of this packer.
    fn writing<T>(&mut self, write: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.check()?;
        write(self).inspect_err(|_| self.failed = true)
    }

    /// Which of these objects are packed already, in their order. Those gathered or appended are not looked at.
    pub(super) fn packed(&mut self, ids: &[ObjectId]) -> Result<Vec<bool>> {
        let found = self.index.index().lookup_many(ids)?;
        Ok(found.iter().map(Option::is_some).collect())
    }

    /// Take an object of at most one frame.
    pub(super) fn add(&mut self, id: ObjectId, content: &[u8]) -> Result<()> {
        self.check()?;
        self.gathered.extend_from_slice(content);
        self.gathered_objects.push((id, content.len()));
        if self.gathered.len() >= GATHER_BYTES || self.gathered_objects.len() >= GATHER_OBJECTS {
            self.writing(Self::append_gathered)?;
        }
        self.commit_if_many()
    }

    fn append_gathered(&mut self) -> Result<()> {
        let ids: Vec<ObjectId> = self.gathered_objects.iter().map(|(id, _)| *id).collect();
        let known = self.packed(&ids)?;
        let mut start = 0;
        for ((id, size), known) in self.gathered_objects.drain(..).zip(known) {
            let content = &self.gathered[start..start + size];
            start += size;
            if known || self.pending.contains_key(&id) {
                continue;
            }
            let stream = compress::compress(content, self.level, self.compression);
            let location = self.packs.append(&id, size as u64, stream.as_deref().unwrap_or(content))?;
            self.pending.insert(id, location);
            self.pending_bytes += location.length;
        }
        self.gathered.clear();
        Ok(())
    }

    /// Take an object of more than one frame: `head`, which has more than [`FRAME`] bytes, and the rest of `source`.
    ///
    /// If it is not the `expected` one, or the source fails, it is dropped and the packer goes on: see
    /// [`Packer::check`].
    pub(super) fn add_large(
        &mut self,
        head: Vec<u8>,
        source: &mut dyn Source,
        expected: Option<&ObjectId>,
    ) -> Result<ObjectId> {
        let stored = self.writing(|packer| {
            packer.append_gathered()?;
            packer.append_large(head, source, expected)
        })?;
        self.commit_if_many()?;
        stored
    }

    /// The outer result is that of writing, the inner one that of reading.
    fn append_large(
        &mut self,
        mut frame: Vec<u8>,
        source: &mut dyn Source,
        expected: Option<&ObjectId>,
    ) -> Result<Result<ObjectId>> {
        let compressed = compress::worth_trying(&frame[..FRAME], self.compression);
        let mut record = self.packs.start_record()?;
        let (mut hash, mut adler, mut size) = (Sha256::default(), 1, 0);
        let mut frame_ends = Vec::new();
        let mut ended = false;
        if compressed {
            self.packs.write(&mut record, &compress::header(self.level))?;
        }
        loop {
            // A byte more than a frame tells whether this is the last.
            if !ended {
                match read_up_to(source, FRAME + 1 - frame.len(), &mut frame) {
                    Ok(end) => ended = end,
                    Err(error) => {
                        self.packs.abandon_record(&record)?;
                        return Ok(Err(error));
                    }
                }
            }
            let len = frame.len().min(FRAME);
            let (bytes, last) = (&frame[..len], ended && frame.len() == len);
            hash.update(bytes);
            size += len as u64;
            if compressed {
                adler = adler32(adler, bytes);
                let mut blocks = deflate(bytes, self.level, last);
                if last && PackAppender::<D>::payload_length(&record) + blocks.len() as u64 + 4 == size {
                    // A payload of the object's own size would pass for the object itself: end it the longer way.
                    blocks = deflate(bytes, self.level, false);
                    blocks.extend([3, 0]);
                }
                self.packs.write(&mut record, &blocks)?;
                frame_ends.push(PackAppender::<D>::payload_length(&record));
            } else {
                self.packs.write(&mut record, bytes)?;
            }
            if last {
                break;
            }
            frame.drain(..len);
        }
        let id = hash.finish();
        let unexpected = expected.is_some_and(|expected| *expected != id);
        if unexpected || self.pending.contains_key(&id) || self.index.index().lookup(&id)?.is_some() {
            self.packs.abandon_record(&record)?;
            return Ok(Ok(id));
        }
        if compressed {
            self.packs.write(&mut record, &adler.to_be_bytes())?;
        }
        let location = self.packs.finish_record(record, &id, size, &frame_ends)?;
        self.pending.insert(id, location);
        self.pending_bytes += location.length;
        Ok(Ok(id))
    }

    fn commit_if_many(&mut self) -> Result<()> {
        if self.pending.len() >= COMMIT_OBJECTS || self.pending_bytes >= COMMIT_BYTES {
            return self.commit();
        }
        Ok(())
    }

    /// Make everything taken so far visible and durable.
    pub(super) fn commit(&mut self) -> Result<()> {
        self.writing(|packer| {
            packer.append_gathered()?;
            if packer.pending.is_empty() {
                return Ok(());
            }
            // The records are durable before an index line speaks of them.
            packer.packs.sync()?;
            packer.index.append(packer.pending.iter())?;
            packer.pending.clear();
            packer.pending_bytes = 0;
            Ok(())
        })
    }
}

/// What a source holds: all of it, when that is at most one frame, else its first bytes, more than a frame.
pub(super) enum Head {
    Whole(Vec<u8>),
    Large(Vec<u8>),
}

pub(super) fn read_head(source: &mut dyn Source) -> Result<Head> {
    let mut bytes = Vec::new();
    let ended = read_up_to(source, FRAME + 1, &mut bytes)?;
    Ok(if ended { Head::Whole(bytes) } else { Head::Large(bytes) })
}
