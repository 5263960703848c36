//! The holder of the pack lock: takes objects, drops those that are packed already, appends the others and commits.

mod copy;
mod frames;
mod large;
pub(crate) mod lock;
mod payloads;
pub(crate) mod session;
mod writer;

use alloc::collections::{BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use core::ops::Range;

pub(crate) use self::frames::{Head, read_head};
pub use self::payloads::PackedObject;
use self::session::PackerSession;
pub use self::writer::PackWriter;
use crate::codec::Compressing;
use crate::container::Container;
use crate::dir::Dir;
use crate::error::{Error, Result};
use crate::format::location::Location;
use crate::id::ObjectId;
use crate::index::{IndexWriter, Trust};
use crate::options::Compression;
use crate::pack::PackAppender;
use crate::proof::Proof;
use crate::tuning::Tuning;

/// Holds the pack lock.
pub(crate) struct Packer<D: Dir> {
    index: IndexWriter<D>,
    packs: PackAppender<D>,
    tuning: Arc<Tuning>,
    compression: Compression,
    level: u8,
    gathered: Vec<u8>,
    /// The objects in `gathered`, in their order.
    gathered_objects: Vec<Gathered>,
    /// Batches that are being compressed, oldest first.
    compressing: VecDeque<Batch>,
    /// Appended, but not committed.
    appended: Vec<(ObjectId, Location)>,
    appended_bytes: u64,
    /// Where the index says that some of them are, which they are not.
    replaced: Vec<Location>,
    /// Proves what is packed already.
    proof: Proof<D>,
    /// Appended or being compressed, but not committed.
    taken: BTreeSet<ObjectId>,
    failed: bool,
    /// The index is being written. After a failure it is unknown whether the entries count.
    telling: bool,
    _session: PackerSession<D>,
}

/// A small object that waits to be appended.
struct Gathered {
    id: ObjectId,
    size: usize,
    /// Where it is packed and is to be no longer. Without that, an object that is packed already is dropped.
    from: Option<Location>,
}

/// Small objects that are being compressed.
struct Batch {
    contents: Arc<Vec<u8>>,
    /// Id of each object, and where in `contents` it lies.
    objects: Vec<(ObjectId, Range<u32>)>,
    streams: Compressing,
}

impl<D: Dir> Packer<D> {
    /// Takes the pack lock of a container.
    pub(crate) fn new(container: &Container<D>, compression: Compression) -> Result<Self> {
        let session = PackerSession::open(container)?;
        let (disk, config) = (&session.disk, container.config);
        let mut index = session.index()?;
        let next_pack = index.index().next_pack();
        Ok(Packer {
            index,
            packs: PackAppender::open(disk.clone(), config.pack_target, next_pack)?,
            proof: Proof::new(disk.clone()),
            tuning: disk.tuning.clone(),
            compression,
            level: config.compression_level,
            gathered: Vec::new(),
            gathered_objects: Vec::new(),
            compressing: VecDeque::new(),
            appended: Vec::new(),
            appended_bytes: 0,
            replaced: Vec::new(),
            taken: BTreeSet::new(),
            failed: false,
            telling: false,
            _session: session,
        })
    }

    /// Fails after anything has failed to be written: what is on disk then is not what this packer believes.
    pub(crate) fn check(&self) -> Result<()> {
        if self.failed { Err(Error::WriterFailed) } else { Ok(()) }
    }

    /// Bytes that are asked for first of a source.
    pub(crate) fn piece(&self) -> usize {
        self.tuning.piece
    }

    /// Does something that writes; a failure is the end of this packer.
    fn writing<T>(&mut self, write: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.check()?;
        write(self).inspect_err(|_| self.failed = true)
    }

    /// Which of these objects are packed already, in their order. Those gathered or appended are not looked at.
    pub(crate) fn packed(&mut self, ids: &[ObjectId]) -> Result<Vec<bool>> {
        let found = self.index.index().lookup_many(ids, Trust::Quick)?;
        Ok(found.iter().map(Option::is_some).collect())
    }

    /// Takes an object of at most one frame.
    pub(crate) fn add(&mut self, id: ObjectId, content: &[u8]) -> Result<()> {
        self.gather(id, content, None)
    }

    fn gather(&mut self, id: ObjectId, content: &[u8], from: Option<Location>) -> Result<()> {
        self.check()?;
        self.gathered.extend_from_slice(content);
        self.gathered_objects.push(Gathered { id, size: content.len(), from });
        if self.gathered.len() >= self.tuning.gather_bytes || self.gathered_objects.len() >= self.tuning.gather_objects
        {
            self.writing(Self::append_gathered)?;
        }
        self.commit_if_many()
    }

    /// Returns whether the object is at the location that the index has for it, and is not to be moved `from` there. If
    /// not, it is appended.
    fn stays(&mut self, id: &ObjectId, known: Option<Location>, from: Option<Location>) -> Result<bool> {
        let Some(location) = known else { return Ok(false) };
        let stays = from != known && self.proof.holds(id, location)?;
        if !stays {
            self.replaced.push(location);
        }
        Ok(stays)
    }

    /// Appends what has been gathered, or has it compressed first.
    fn append_gathered(&mut self) -> Result<()> {
        let ids: Vec<ObjectId> = self.gathered_objects.iter().map(|object| object.id).collect();
        let known = self.index.index().lookup_many(&ids, Trust::Quick)?;
        let mut start = 0;
        let mut objects = Vec::with_capacity(ids.len());
        for (Gathered { id, size, from }, known) in mem::take(&mut self.gathered_objects).into_iter().zip(known) {
            let range = start..start + size as u32;
            start = range.end;
            if !self.taken.contains(&id) && !self.stays(&id, known, from)? {
                self.taken.insert(id);
                objects.push((id, range));
            }
        }
        let mut contents = mem::take(&mut self.gathered);
        if self.compression == Compression::Never {
            for (id, range) in objects {
                self.append(id, u64::from(range.end - range.start), &contents[bytes_of(&range)])?;
            }
            contents.clear();
            self.gathered = contents;
            return Ok(());
        }
        let contents = Arc::new(contents);
        let parts = objects.iter().map(|(_, range)| range.clone()).collect();
        let streams = Compressing::start(contents.clone(), parts, self.level, self.compression);
        self.compressing.push_back(Batch { contents, objects, streams });
        self.append_compressed(self.tuning.ahead)
    }

    /// Appends batches in order until at most `most` of them are being compressed.
    fn append_compressed(&mut self, most: usize) -> Result<()> {
        while self.compressing.len() > most
            && let Some(Batch { contents, objects, streams }) = self.compressing.pop_front()
        {
            for ((id, range), stream) in objects.into_iter().zip(streams.finish()) {
                let payload = stream.as_deref().unwrap_or(&contents[bytes_of(&range)]);
                self.append(id, u64::from(range.end - range.start), payload)?;
            }
        }
        Ok(())
    }

    fn append(&mut self, id: ObjectId, size: u64, payload: &[u8]) -> Result<()> {
        let location = self.packs.append(&id, size, payload)?;
        self.note(id, location);
        Ok(())
    }

    fn note(&mut self, id: ObjectId, location: Location) {
        self.appended.push((id, location));
        self.appended_bytes += location.length;
    }

    fn commit_if_many(&mut self) -> Result<()> {
        if self.taken.len() >= self.tuning.commit_objects || self.appended_bytes >= self.tuning.commit_bytes {
            return self.commit();
        }
        Ok(())
    }

    /// Makes everything taken so far visible and durable.
    pub(crate) fn commit(&mut self) -> Result<()> {
        self.writing(|packer| {
            packer.append_gathered()?;
            packer.append_compressed(0)?;
            packer.proof.flush()?;
            if packer.appended.is_empty() {
                return Ok(());
            }
            // The records are durable before an index line speaks of them.
            packer.packs.sync()?;
            packer.telling = true;
            packer.index.put(packer.appended.iter().map(|(id, location)| (id, location)), &packer.replaced)?;
            packer.telling = false;
            packer.packs.keep();
            packer.appended.clear();
            packer.replaced.clear();
            packer.appended_bytes = 0;
            packer.taken.clear();
            Ok(())
        })
    }
}

impl<D: Dir> Drop for Packer<D> {
    fn drop(&mut self) {
        // On a full disk above all, what does not count should not stay.
        if !self.telling {
            self.packs.cut();
        }
    }
}

fn bytes_of(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}
