//! The container: orders the steps across loose objects, packs and index.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::ops::{Bound, RangeBounds as _};

use serde_json::{Value, json};

use crate::batch::ObjectBatch;
use crate::codec;
use crate::dir::{Dir, File as _, Kind};
use crate::error::{Code, Context as _, Error, Result};
use crate::flush::Flush;
use crate::id::ObjectId;
use crate::index::{Index, Location, Manifest};
use crate::layout::{self, CONTAINER, Config, DIRECTORIES, FORMAT, INDEX, LOOSE, MANIFEST, PACKS, SHARDS};
use crate::loose::{self, LooseWriter};
use crate::options::{Access, Options};
use crate::reader::{ObjectReader, Placement, Stored};
use crate::small_file;
use crate::source::{Source, read_up_to};

/// Packs kept open for reading by one handle.
const OPEN_PACKS: usize = 16;

/// What a source has at most to be read into memory before it is written.
const PIECE: usize = 256 << 10;

/// A handle on a container: a directory that holds objects.
///
/// Any number of handles, in any number of processes, may be open on one container. A handle belongs to one thread at a
/// time.
pub struct Container<D: Dir> {
    pub(crate) dir: D,
    pub(crate) options: Options,
    pub(crate) config: Config,
    id: String,
    index: RefCell<Index<D>>,
    packs: RefCell<BTreeMap<u32, OpenPack<D::File>>>,
    flush: Flush,
}

struct OpenPack<F> {
    file: Arc<F>,
    len: u64,
}

/// What is known of an object without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its id.
    pub id: ObjectId,
    /// Its size in bytes.
    pub size: u64,
    /// Where it is stored. One that is both loose and packed counts as packed.
    pub placement: Placement,
}

/// Size of a container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Objects in packs.
    pub packed_objects: u64,
    /// Their sizes added up, in bytes, before compression.
    pub packed_size: u64,
    /// Bytes their payloads take in the packs.
    pub packed_length: u64,
    /// Objects that are loose. One that is packed as well counts in both until `clean` removes the loose file.
    pub loose_objects: u64,
    /// Their sizes added up, in bytes.
    pub loose_size: u64,
    /// Number of packs.
    pub packs: u64,
    /// Bytes of all packs, record headers and unreferenced bytes included.
    pub packs_size: u64,
}

impl<D: Dir> Container<D> {
    /// Make a container in an empty directory and open it.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] when the directory holds anything; [`Error::InvalidArgument`] when a setting is out of its
    /// range.
    pub fn create(dir: D, config: Config, options: Options) -> Result<Self> {
        config.check()?;
        if options.access == Access::ReadOnly {
            return Err(Error::ReadOnly);
        }
        if let Some(entry) = dir.list(".").during("list", ".")?.first() {
            return Err(Error::AlreadyExists(if dir.metadata(CONTAINER).is_ok() {
                "there is a container here already".into()
            } else {
                format!("the directory is not empty (it holds {:?}): a container needs one of its own", entry.name)
            }));
        }
        let flush = Flush::new(options.durability);
        for path in DIRECTORIES {
            dir.create_dir(path).during("create", path)?;
        }
        for shard in 0..=u8::MAX {
            let path = layout::shard(shard);
            dir.create_dir(&path).during("create", &path)?;
        }
        let log = layout::log(Manifest::FIRST.log);
        let file = dir.create_new(&log).during("create", &log)?;
        small_file::replace(&dir, MANIFEST, &Manifest::FIRST.to_bytes(), &flush)?;
        flush.file(&file, &log)?;
        // All of it is durable before there is a `container.json`: who finds that finds a whole container.
        for path in [INDEX, LOOSE, "."] {
            flush.dir(&dir, path)?;
        }
        let now = dir.now();
        let id = codec::sha256(format!("{now} {}", options.holder).as_bytes()).to_string()[..32].to_string();
        let text = json!({
            "format": FORMAT,
            "id": id,
            "pack-target": config.pack_target,
            "compression-level": config.compression_level,
        })
        .to_string()
            + "\n";
        small_file::replace(&dir, CONTAINER, text.as_bytes(), &flush)?;
        // COMMIT: of the container. Cut at by `store::crash`.
        flush.dir(&dir, ".")?;
        Self::open(dir, options)
    }

    /// Open the container that is in a directory. Writes nothing.
    ///
    /// # Errors
    /// [`Error::NoContainer`], [`Error::UnsupportedFormat`], and [`Error::Corrupt`] when the container's own files are
    /// damaged.
    pub fn open(dir: D, options: Options) -> Result<Self> {
        let bytes = small_file::read(&dir, CONTAINER)?.ok_or(Error::NoContainer)?;
        let damaged = || Error::corrupt(CONTAINER, "it is not what loosepack writes: restore it from a copy");
        let settings: Value = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        match settings["format"].as_u64().ok_or_else(damaged)? {
            FORMAT => {}
            0 => return Err(damaged()),
            later => return Err(Error::UnsupportedFormat(later)),
        }
        let id = settings["id"].as_str().ok_or_else(damaged)?.to_string();
        let level = settings["compression-level"].as_u64().and_then(|level| u8::try_from(level).ok());
        let config = Config {
            pack_target: settings["pack-target"].as_u64().ok_or_else(damaged)?,
            compression_level: level.ok_or_else(damaged)?,
        };
        config.check().map_err(|_| damaged())?;
        let index = RefCell::new(Index::open(dir.clone())?);
        let (packs, flush) = (RefCell::default(), Flush::new(options.durability));
        Ok(Container { dir, options, config, id, index, packs, flush })
    }

    /// The container's own identifier, made when it was created: 32 hexadecimal digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The settings it was created with.
    pub fn config(&self) -> Config {
        self.config
    }

    /// Fails unless this handle may write.
    pub(crate) fn check_writable(&self) -> Result<()> {
        if self.options.access == Access::ReadOnly {
            return Err(Error::ReadOnly);
        }
        self.flush.check()
    }

    /// Store bytes as a loose object.
    ///
    /// # Errors
    /// [`Error::ReadOnly`], [`Error::WriterFailed`], [`Error::Io`].
    pub fn add(&self, bytes: &[u8]) -> Result<ObjectId> {
        self.check_writable()?;
        loose::add(&self.dir, &self.flush, bytes)
    }

    /// Store what a source gives as a loose object.
    ///
    /// # Errors
    /// Those of [`Container::add`] and of the source.
    pub fn add_source(&self, source: &mut dyn Source) -> Result<ObjectId> {
        let mut buffer = Vec::new();
        if read_up_to(source, PIECE, &mut buffer)? {
            return self.add(&buffer);
        }
        let mut writer = self.writer()?;
        loop {
            writer.write(&buffer)?;
            buffer.clear();
            if read_up_to(source, PIECE, &mut buffer)? {
                writer.write(&buffer)?;
                return writer.finish();
            }
        }
    }

    /// Start writing a loose object piece by piece.
    ///
    /// # Errors
    /// Those of [`Container::add`].
    pub fn writer(&self) -> Result<ObjectWriter<D>> {
        self.check_writable()?;
        LooseWriter::new(&self.dir, &self.flush).map(ObjectWriter)
    }

    /// The bytes of an object.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Corrupt`], [`Error::TooLarge`], [`Error::Io`].
    pub fn get(&self, id: &ObjectId) -> Result<Vec<u8>> {
        self.read_all(&self.find(id)?)
    }

    /// Start reading an object piece by piece.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Corrupt`], [`Error::Io`].
    pub fn reader(&self, id: &ObjectId) -> Result<ObjectReader<D::File>> {
        Ok(ObjectReader::new(self.find(id)?, self.options.verify))
    }

    /// Write the bytes of an object to a file of a directory and return their number. The file appears, and replaces an
    /// earlier one, when all bytes have been written and checked.
    ///
    /// # Errors
    /// Those of [`Container::get`], except that no object is too large.
    pub fn get_to_file<T: Dir>(&self, id: &ObjectId, dir: &T, path: &str) -> Result<u64> {
        crate::export::to_file(&mut self.reader(id)?, dir, path)
    }

    /// Start reading many objects, in the order that is fastest for the store. Duplicates are read once.
    ///
    /// # Errors
    /// [`Error::Corrupt`] or [`Error::Io`] of the index.
    pub fn read_many(&self, ids: Vec<ObjectId>) -> Result<ObjectBatch> {
        ObjectBatch::new(self, ids)
    }

    /// Which of these objects there are, in their order.
    ///
    /// # Errors
    /// [`Error::Corrupt`] or [`Error::Io`].
    pub fn contains(&self, ids: &[ObjectId]) -> Result<Vec<bool>> {
        let packed = self.index.borrow_mut().lookup_many(ids)?;
        let mut found = Vec::with_capacity(ids.len());
        for (id, location) in ids.iter().zip(packed) {
            found.push(location.is_some() || loose::size(&self.dir, id)?.is_some());
        }
        if found.contains(&false) {
            // A packer and a cleaner may have moved them since the index was read. One look at it serves all, now that
            // none of them is found loose.
            let mut index = self.index.borrow_mut();
            index.refresh()?;
            for (present, id) in found.iter_mut().zip(ids).filter(|(present, _)| !**present) {
                *present = index.lookup_certain(id)?.is_some();
            }
        }
        Ok(found)
    }

    /// What is known of an object.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Corrupt`], [`Error::Io`].
    pub fn info(&self, id: &ObjectId) -> Result<ObjectInfo> {
        let packed =
            |location: Location| ObjectInfo { id: *id, size: location.size, placement: Placement::Packed(location) };
        if let Some(location) = self.locate(id)? {
            return Ok(packed(location));
        }
        let loose = loose::size(&self.dir, id)?;
        if let Some(location) = self.locate_anew(id)? {
            return Ok(packed(location));
        }
        let size = loose.ok_or(Error::NotFound(*id))?;
        Ok(ObjectInfo { id: *id, size, placement: Placement::Loose })
    }

    /// A page of the ids of all objects, sorted: at most `limit` ids greater than `after`. An empty page is the end.
    ///
    /// # Errors
    /// [`Error::Corrupt`] or [`Error::Io`].
    pub fn objects(&self, after: Option<&ObjectId>, limit: usize) -> Result<Vec<ObjectId>> {
        let mut page = Vec::new();
        let mut shards = after.map_or(0, ObjectId::shard)..=u8::MAX;
        while page.len() < limit
            && let Some(shard) = shards.next()
        {
            // Loose first, then a fresh index: an object that is packed and cleaned in between is in one of them.
            let loose = loose::list(&self.dir, shard)?;
            let mut index = self.index.borrow_mut();
            index.refresh()?;
            let (room, first) = (limit - page.len(), ObjectId::first_of_shard(shard));
            let start = match after {
                Some(after) if after.shard() == shard => Bound::Excluded(after),
                _ => Bound::Included(&first),
            };
            let mut ids: Vec<ObjectId> =
                loose.into_iter().filter(|id| (start, Bound::Unbounded).contains(&id)).collect();
            ids.truncate(room);
            let next = shard.checked_add(1).map(ObjectId::first_of_shard);
            let packed = index.scan(start, next.as_ref().map_or(Bound::Unbounded, Bound::Excluded), room)?;
            ids.extend(packed.iter().map(|(id, _)| id));
            ids.sort_unstable();
            ids.dedup();
            page.extend(ids);
        }
        page.truncate(limit);
        Ok(page)
    }

    /// Counts and sizes. Walks the loose objects.
    ///
    /// # Errors
    /// [`Error::Corrupt`] or [`Error::Io`].
    pub fn stats(&self) -> Result<Stats> {
        let mut stats = Stats::default();
        for shard in 0..SHARDS {
            for id in loose::list(&self.dir, shard as u8)? {
                // Vanished meanwhile: packed and cleaned.
                if let Some(size) = loose::size(&self.dir, &id)? {
                    stats.loose_objects += 1;
                    stats.loose_size += size;
                }
            }
        }
        let mut index = self.index.borrow_mut();
        index.refresh()?;
        let totals = index.totals();
        (stats.packed_objects, stats.packed_size, stats.packed_length) = (totals.objects, totals.size, totals.length);
        for entry in self.dir.list(PACKS).during("list", PACKS)? {
            if let Some(number) = layout::pack_number(&entry.name).filter(|_| entry.kind == Kind::File) {
                let path = layout::pack(number);
                stats.packs += 1;
                stats.packs_size += self.dir.metadata(&path).during("examine", &path)?.len;
            }
        }
        Ok(stats)
    }

    pub(crate) fn locate(&self, id: &ObjectId) -> Result<Option<Location>> {
        self.index.borrow_mut().lookup(id)
    }

    pub(crate) fn locate_many(&self, ids: &[ObjectId]) -> Result<Vec<Option<Location>>> {
        self.index.borrow_mut().lookup_many(ids)
    }

    fn locate_anew(&self, id: &ObjectId) -> Result<Option<Location>> {
        let mut index = self.index.borrow_mut();
        index.refresh()?;
        index.lookup_certain(id)
    }

    /// All bytes of an object that was found. Where the packed copy is damaged, a loose one may be left, or have been
    /// added again.
    pub(crate) fn read_all(&self, stored: &Stored<D::File>) -> Result<Vec<u8>> {
        let verify = self.options.verify;
        match (stored.read_all(verify), stored.placement) {
            (Err(error @ Error::Corrupt(_)), Placement::Packed(_)) => {
                self.open_loose(&stored.id)?.ok_or(error)?.read_all(verify)
            }
            (result, _) => result,
        }
    }

    /// Find an object wherever it is, or fail with [`Error::NotFound`].
    pub(crate) fn find(&self, id: &ObjectId) -> Result<Stored<D::File>> {
        let packed = self.locate(id).and_then(|found| match found {
            Some(location) => self.open_packed(id, location),
            None => Ok(None),
        });
        match packed {
            Ok(Some(stored)) => return Ok(stored),
            Ok(None) => {}
            Err(error @ Error::Corrupt(_)) => return self.open_loose(id)?.ok_or(error),
            Err(error) => return Err(error),
        }
        if let Some(stored) = self.open_loose(id)? {
            return Ok(stored);
        }
        // A packer and a cleaner may have moved it since the index was read. Afresh, the index is right: a miss now is
        // the end of it.
        let location = self.locate_anew(id)?.ok_or(Error::NotFound(*id))?;
        self.open_packed(id, location)?.ok_or_else(|| {
            let file = layout::pack(location.pack);
            Error::corrupt(file, format!("object {id}: the pack is missing; restore it from a copy"))
        })
    }

    fn open_loose(&self, id: &ObjectId) -> Result<Option<Stored<D::File>>> {
        let found = loose::open(&self.dir, id)?;
        Ok(found.map(|(file, size)| Stored::loose(*id, Arc::new(file), size)))
    }

    /// A packed object; `None` when there is no such pack any more.
    pub(crate) fn open_packed(&self, id: &ObjectId, location: Location) -> Result<Option<Stored<D::File>>> {
        let mut packs = self.packs.borrow_mut();
        if !packs.contains_key(&location.pack) {
            let path = layout::pack(location.pack);
            let file = match self.dir.open_read(&path) {
                Ok(file) => Arc::new(file),
                Err(Code::NotFound) => return Ok(None),
                Err(Code::Loop) => return Err(Error::corrupt(path, "there is a symbolic link in place of the pack")),
                Err(code) => return Err(code).during("open", &path),
            };
            while packs.len() >= OPEN_PACKS {
                packs.pop_first();
            }
            packs.insert(location.pack, OpenPack { file, len: 0 });
        }
        let pack = packs.get_mut(&location.pack).expect("opened above");
        if location.offset + location.length > pack.len {
            let path = layout::pack(location.pack);
            pack.len = pack.file.metadata().during("examine", &path)?.len;
        }
        Stored::packed(*id, pack.file.clone(), location, pack.len).map(Some)
    }
}

/// A loose object that is being written. Dropped before [`ObjectWriter::finish`], it leaves no object.
pub struct ObjectWriter<D: Dir>(LooseWriter<D>);

impl<D: Dir> ObjectWriter<D> {
    /// Append bytes.
    ///
    /// # Errors
    /// [`Error::Io`]; after it every call fails with [`Error::WriterFailed`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write(bytes)
    }

    /// Make what was written an object and return its id.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::WriterFailed`].
    pub fn finish(self) -> Result<ObjectId> {
        self.0.finish()
    }
}
