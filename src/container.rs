//! The container: orders the steps across loose objects, packs and index.

mod create;
mod find;
mod listing;
mod open_packs;
mod read_many;
mod reader;
pub mod to_file;
pub(crate) mod usage;
mod writer;

use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell, RefMut};

pub(crate) use self::create::{check_vacant, share};
pub(crate) use self::find::open_loose;
pub use self::listing::Stats;
use self::open_packs::OpenPacks;
pub use self::read_many::{Block, Content, Found, ObjectBatch};
pub use self::reader::ObjectReader;
pub use self::usage::PackInfo;
pub use self::writer::ObjectWriter;

use crate::dir::Dir;
use crate::disk::Disk;
use crate::disk::small_file;
use crate::error::{Error, Result};
use crate::format::FRAME;
use crate::format::container_json::{Config, ContainerJson, Sharing};
use crate::format::location::Totals;
use crate::format::names::CONTAINER;
use crate::id::ObjectId;
use crate::index::Index;
use crate::loose::{self, LooseBatch, LooseWriter};
use crate::options::{Access, Durability, Options};
use crate::proof::Proof;
use crate::read::Placement;
use crate::source::{Source, read_up_to};

/// A handle on a container: a directory that holds objects.
///
/// Any number of handles, in any number of processes, may be open on one container. A handle belongs to one thread at a
/// time: where the directory is `Send` so is the handle, but it is not `Sync`; threads share one behind a `Mutex`.
///
/// ```compile_fail,E0277
/// fn shared_without_a_lock<T: Sync>() {}
/// shared_without_a_lock::<loosepack::Container<loosepack::dir::cap::CapDir>>();
/// ```
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path();
/// use loosepack::dir::cap::CapDir;
/// use loosepack::{Compression, Config, Container, Job as _, Options};
///
/// let store = Container::create(CapDir::open(path)?, Config::default(), Options::default())?;
/// let id = store.add(b"some bytes")?;
/// store.pack_loose(Compression::Auto)?.finish()?;
/// store.clean()?.finish()?;
/// assert_eq!(store.get(&id)?, b"some bytes");
/// assert_eq!(store.stats()?.packed_objects, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Container<D: Dir> {
    pub(crate) disk: Disk<D>,
    pub(crate) options: Options,
    pub(crate) config: Config,
    id: String,
    /// Opened at its first use when the container was opened as damaged.
    index: RefCell<Option<Index<D>>>,
    packs: RefCell<OpenPacks<D::File>>,
    proof: RefCell<Proof<D>>,
    /// The container itself is durable.
    settled: Cell<bool>,
}

/// Size and place of an object, known without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its size in bytes.
    pub size: u64,
    /// Where it is stored. One that is both loose and packed counts as packed.
    pub placement: Placement,
}

impl<D: Dir> Container<D> {
    /// Opens the container that is in a directory. Writes nothing.
    ///
    /// # Errors
    /// [`Error::NoContainer`], [`Error::UnsupportedFormat`], and [`Error::Corrupt`] when the container's own files are
    /// damaged.
    pub fn open(dir: D, options: Options) -> Result<Self> {
        let container = Self::open_damaged(dir, options)?;
        container.index()?;
        Ok(container)
    }

    /// Opens a container whose index may be damaged or gone, to [`verify`](Container::verify) or
    /// [`reindex`](Container::reindex) it. Whatever else needs the index fails as long as that does not open.
    ///
    /// # Errors
    /// [`Error::NoContainer`], [`Error::UnsupportedFormat`], and [`Error::Corrupt`] when `container.json` is damaged.
    pub fn open_damaged(dir: D, options: Options) -> Result<Self> {
        let bytes = small_file::read(&dir, CONTAINER)?.ok_or(Error::NoContainer)?;
        let damaged = || {
            Error::corrupt(
                CONTAINER,
                "it is malformed: restore it from a copy, or put that of another container in its place",
            )
        };
        let ContainerJson { id, config } = ContainerJson::decode(&bytes)?.ok_or_else(damaged)?;
        let dir = if config.shared == Sharing::Group { dir.sharing() } else { dir };
        let disk = Disk::new(dir, &options);
        let proof = RefCell::new(Proof::new(disk.clone()));
        let packs = RefCell::new(OpenPacks::new(disk.tuning.open_packs));
        Ok(Container { disk, options, config, id, index: RefCell::default(), packs, proof, settled: Cell::default() })
    }

    /// Another handle on the same directory, for a job that outlives this one.
    pub(crate) fn again(&self) -> Self {
        Container {
            disk: self.disk.clone(),
            options: self.options.clone(),
            config: self.config,
            id: self.id.clone(),
            index: RefCell::default(),
            packs: RefCell::new(OpenPacks::new(self.disk.tuning.open_packs)),
            proof: RefCell::new(Proof::new(self.disk.clone())),
            settled: self.settled.clone(),
        }
    }

    /// The index as this handle has last seen it. What was deleted through this handle is not in it.
    fn index(&self) -> Result<RefMut<'_, Index<D>>> {
        let mut index = self.index.borrow_mut();
        if self.disk.take_deleted() || index.is_none() {
            *index = None;
            *index = Some(self.with_room(|| Index::open(&self.disk))?);
        }
        Ok(RefMut::map(index, |index| index.as_mut().expect("opened above")))
    }

    /// Returns the container's own identifier, made when it was created: 32 hexadecimal digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the settings it was created with.
    pub fn config(&self) -> Config {
        self.config
    }

    /// Sums over the entries of the index as it is now.
    pub(crate) fn totals(&self) -> Result<Totals> {
        let mut index = self.index()?;
        index.refresh()?;
        Ok(index.totals())
    }

    /// Fails unless this handle may write. What it writes to is durable from then on.
    pub(crate) fn check_writable(&self) -> Result<()> {
        if self.options.access == Access::ReadOnly {
            return Err(Error::ReadOnly);
        }
        self.disk.flush.check()?;
        self.settle()
    }

    /// Stores bytes as a loose object.
    ///
    /// # Errors
    /// [`Error::ReadOnly`], [`Error::WriterFailed`], [`Error::Io`].
    pub fn add(&self, bytes: &[u8]) -> Result<ObjectId> {
        self.check_writable()?;
        self.with_room(|| loose::add(&self.disk, bytes, |id| self.is_packed(id)))
    }

    /// Stores the bytes of a source as a loose object.
    ///
    /// # Errors
    /// Those of [`Container::add`] and of the source.
    pub fn add_source(&self, source: &mut dyn Source) -> Result<ObjectId> {
        let (mut buffer, tuning) = (Vec::new(), &self.disk.tuning);
        if read_up_to(source, tuning.chunk, tuning.piece, &mut buffer)? {
            return self.add(&buffer);
        }
        self.check_writable()?;
        let mut writer = self.with_room(|| LooseWriter::new(&self.disk))?;
        writer.write_all(buffer, source)?;
        writer.finish(|id| self.is_packed(id))
    }

    /// Returns whether an object is packed, sound and durable. If that cannot be decided, the answer is no and it is
    /// stored once more.
    fn is_packed(&self, id: &ObjectId) -> Result<bool> {
        let Ok(mut index) = self.index() else { return Ok(false) };
        let mut proof = self.proof.borrow_mut();
        Ok(proof.finds(&mut index, id).is_some() && proof.settle(&mut index).map(|()| true)?)
    }

    /// Stores many as loose objects, durable together. Returns their IDs, in order.
    ///
    /// # Errors
    /// Those of [`Container::add`]. Some of the objects may have been stored.
    pub fn add_many<T: AsRef<[u8]>>(&self, contents: &[T]) -> Result<Vec<ObjectId>> {
        let mut batch = self.batch()?;
        let ids = batch.add_many(contents)?;
        batch.commit()?;
        Ok(ids)
    }

    /// Starts adding loose objects that become durable together.
    ///
    /// # Errors
    /// [`Error::ReadOnly`], [`Error::WriterFailed`].
    pub fn batch(&self) -> Result<LooseBatch<D>> {
        self.check_writable()?;
        Ok(LooseBatch::new(&self.disk))
    }

    /// Starts to write a loose object piece by piece.
    ///
    /// # Errors
    /// Those of [`Container::add`].
    pub fn writer(&self) -> Result<ObjectWriter<D>> {
        self.check_writable()?;
        self.with_room(|| ObjectWriter::new(&self.disk))
    }

    /// Returns the bytes of an object.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Corrupt`], [`Error::TooLarge`], [`Error::Io`].
    pub fn get(&self, id: &ObjectId) -> Result<Vec<u8>> {
        self.read_all(&self.find(id)?)
    }

    /// Starts reading an object piece by piece.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Corrupt`], [`Error::Io`].
    pub fn reader(&self, id: &ObjectId) -> Result<ObjectReader<D>> {
        let mut stored = self.find(id)?;
        // A large object is given out before all of it is checked: of where it lies, the index as it is now tells.
        if stored.size > FRAME as u64
            && let Some(location) = stored.location()
            && let Ok(Some(now)) = self.locate_anew(id)
            && now != location
            && let Ok(Some(other)) = self.open_packed(id, now)
        {
            stored = other;
        }
        ObjectReader::new(self.disk.clone(), stored, self.options.verify)
    }

    /// Writes the bytes of an object to a file of a directory. Returns their number. The file appears, and replaces an
    /// earlier one, when all bytes have been written and checked.
    ///
    /// # Errors
    /// Those of [`Container::get`], except that no object is too large.
    pub fn get_to_file<T: Dir>(&self, id: &ObjectId, dir: &T, path: &str) -> Result<u64> {
        crate::container::to_file::to_file(&mut self.reader(id)?, dir, path)
    }

    /// Starts reading many objects, in the order that is fastest for the store. Duplicates are read once.
    ///
    /// # Errors
    /// [`Error::Corrupt`] or [`Error::Io`] of the index.
    pub fn read_many(&self, ids: Vec<ObjectId>) -> Result<ObjectBatch<D, &Self>> {
        ObjectBatch::new(self, ids)
    }

    /// Writes objects to files of a directory, each under its id, in the order that is fastest for the store. Each file
    /// appears, and replaces an earlier one, when all bytes have been written and checked. The results are in the
    /// order of `ids`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] or [`Error::Io`] of the index. What concerns a single object is its own result.
    pub fn get_many_to_files<T: Dir>(&self, ids: &[ObjectId], dir: &T) -> Result<Vec<Result<u64>>> {
        to_file::many(self, ids, dir)
    }

    /// Returns whether each of these objects exists, in order.
    ///
    /// # Errors
    /// [`Error::Corrupt`] or [`Error::Io`].
    pub fn contains(&self, ids: &[ObjectId]) -> Result<Vec<bool>> {
        Ok(self.info_many(ids)?.iter().map(Option::is_some).collect())
    }

    /// Returns size and place of an object.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Corrupt`], [`Error::Io`].
    pub fn info(&self, id: &ObjectId) -> Result<ObjectInfo> {
        let found = self.info_many(&[*id])?.pop().flatten().ok_or(Error::NotFound(*id))?;
        // It may have been packed since the index was read.
        if found.placement == Placement::Loose
            && let Ok(Some(location)) = self.locate_anew(id)
        {
            return Ok(ObjectInfo { size: location.size, placement: Placement::Packed(location) });
        }
        Ok(found)
    }

    /// Returns what an acknowledgement of this handle means. Nothing is durable where the system cannot flush, whatever
    /// was asked for.
    pub fn durability(&self) -> Durability {
        if self.disk.dir.can_flush() { self.options.durability } else { Durability::None }
    }
}
