//! A container, as the Python layer builds on it.

use std::path::PathBuf;
use std::sync::Arc;

use loosepack_host::{
    Access, BackupOptions, Config, Container, Durability, Error, GcOptions, ObjectId, ObjectInfo, Options, Part,
    Placement, RepackOptions, Result, Sharing, StoreError,
};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};

use crate::convert;
use crate::errors;
use crate::files::{self, PythonFile};
use crate::handles::{Handles, Use};
use crate::jobs::{self, Job, Task};
use crate::process;
use crate::reading::{Batch, Reader, read_large};
use crate::writing::{self, Loose, LooseWriter, PackWriter};

/// Bytes of an object from which on the handle that returned it is closed: its component keeps the memory.
const LARGE: usize = 16 << 20;

/// What Python gets of an object's place: its size, and of a packed one its pack, offset and length.
type Info = (u64, Option<(u32, u64, u64)>);

/// Makes a container in an empty directory, which exists.
#[pyfunction]
pub(crate) fn create(
    py: Python<'_>,
    path: PathBuf,
    pack_target: &Bound<'_, PyAny>,
    compression_level: &Bound<'_, PyAny>,
    shared: bool,
    durable: bool,
) -> PyResult<()> {
    let pack_target = convert::number(pack_target, "pack_target")?;
    let compression_level = convert::number(compression_level, "compression_level")?;
    let shared = if shared { Sharing::Group } else { Sharing::Umask };
    let config = Config { pack_target, compression_level, shared };
    let runtime = process::runtime(py).map_err(|error| errors::of(py, error))?;
    let options = Options { durability: durability(durable), ..Options::default() };
    let created = py.detach(|| runtime.create(&path, config, options).map(drop));
    created.map_err(|error| errors::of_container(py, error, &path))
}

fn durability(durable: bool) -> Durability {
    if durable { Durability::Full } else { Durability::None }
}

/// A container. Any number of threads may use it at once.
#[pyclass(frozen, subclass)]
pub(crate) struct Store {
    handles: Arc<Handles>,
}

impl Store {
    /// Calls the store, detached.
    fn call<T: Send>(
        &self,
        py: Python<'_>,
        usage: Use,
        call: impl FnOnce(&Container) -> Result<T> + Send,
    ) -> PyResult<T> {
        let mut lease = self.handles.take(py, usage)?;
        let result = py.detach(|| call(&lease));
        lease.note(result).map_err(|error| errors::of(py, error))
    }

    fn start(&self, py: Python<'_>, task: Task) -> PyResult<Job> {
        Job::start(py, &self.handles, task)
    }
}

#[pymethods]
impl Store {
    #[new]
    #[pyo3(signature = (path, *, read_only, durable, verify, damaged))]
    fn open(
        py: Python<'_>,
        path: PathBuf,
        read_only: bool,
        durable: bool,
        verify: bool,
        damaged: bool,
    ) -> PyResult<Self> {
        let access = if read_only { Access::ReadOnly } else { Access::ReadWrite };
        let options = Options {
            access,
            durability: durability(durable),
            verify,
            holder: format!("Python, process {}", std::process::id()),
            ..Options::default()
        };
        let handles = Handles::new(path, options, damaged);
        drop(handles.take(py, Use::Reading)?);
        Ok(Store { handles })
    }

    /// Closes it. Readers that are open can be read to their end.
    fn close(&self, py: Python<'_>) {
        self.handles.close(py);
    }

    /// Closes what is open and idle. It goes on: later calls open what they need.
    fn _release(&self, py: Python<'_>) {
        self.handles.release(py);
    }

    /// Whether it was closed.
    #[getter]
    fn closed(&self, py: Python<'_>) -> bool {
        self.handles.is_closed(py)
    }

    /// Its directory.
    #[getter]
    fn path(&self) -> &PathBuf {
        self.handles.path()
    }

    /// The container's own identifier: 32 hex digits.
    #[getter]
    fn id(&self, py: Python<'_>) -> PyResult<String> {
        self.call(py, Use::Reading, Container::id)
    }

    fn _config(&self, py: Python<'_>) -> PyResult<(u64, u8, bool)> {
        let config = self.call(py, Use::Reading, Container::config)?;
        Ok((config.pack_target, config.compression_level, config.shared == Sharing::Group))
    }

    /// Returns the bytes of an object.
    ///
    /// Raises `NotFound` when there is none, `InvalidId` for an invalid ID, `Corrupt` when it is damaged.
    fn get<'py>(&self, py: Python<'py>, id: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyBytes>> {
        let id = convert::id(id)?;
        let mut lease = self.handles.take(py, Use::Reading)?;
        let got = py.detach(|| lease.get(&id));
        match lease.note(got) {
            Ok(content) => {
                if content.len() >= LARGE {
                    lease.discard();
                }
                Ok(PyBytes::new(py, &content))
            }
            Err(Error::Store(StoreError::TooLarge(_))) => read_large(py, &mut lease, &id),
            Err(error) => Err(errors::of(py, error)),
        }
    }

    fn __getitem__<'py>(&self, py: Python<'py>, id: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyBytes>> {
        self.get(py, id)
    }

    /// An invalid ID is not contained.
    fn __contains__(&self, py: Python<'_>, id: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Ok(text) = id.cast::<PyString>() else { return Ok(false) };
        let Some(id) = ObjectId::from_hex(text.to_string_lossy().as_bytes()) else { return Ok(false) };
        let found = self.call(py, Use::Reading, |container| container.contains(&[id]))?;
        Ok(found == [true])
    }

    /// Returns whether each of these objects exists, in order. Raises `InvalidId` for an invalid ID.
    fn has(&self, py: Python<'_>, ids: &Bound<'_, PyAny>) -> PyResult<Vec<bool>> {
        let ids = convert::ids(ids)?;
        self.call(py, Use::Reading, |container| container.contains(&ids))
    }

    fn _info(&self, py: Python<'_>, ids: &Bound<'_, PyAny>) -> PyResult<Vec<Option<Info>>> {
        let ids = convert::ids(ids)?;
        let info = |info: ObjectInfo| match info.placement {
            Placement::Loose => (info.size, None),
            Placement::Packed(place) => (info.size, Some((place.pack, place.offset, place.length))),
        };
        self.call(py, Use::Reading, |container| {
            Ok(container.info_many(&ids)?.into_iter().map(|found| found.map(info)).collect())
        })
    }

    /// A page of IDs, sorted. The end is an empty page.
    fn _objects<'py>(
        &self,
        py: Python<'py>,
        after: Option<&Bound<'py, PyString>>,
        limit: u32,
    ) -> PyResult<Vec<Bound<'py, PyString>>> {
        let after = after.map(convert::id).transpose()?;
        let ids = self.call(py, Use::Reading, |container| container.objects(after.as_ref(), limit))?;
        Ok(convert::texts(py, &ids))
    }

    fn _stats(&self, py: Python<'_>) -> PyResult<[u64; 12]> {
        let stats = self.call(py, Use::Reading, Container::stats)?;
        Ok([
            stats.loose_objects,
            stats.loose_size,
            stats.loose_packed,
            stats.packed_objects,
            stats.packed_size,
            stats.packed_length,
            stats.packs,
            stats.packs_size,
            stats.packs_dead,
            stats.index_size,
            stats.unfinished,
            stats.unfinished_size,
        ])
    }

    fn _packs(&self, py: Python<'_>) -> PyResult<Vec<(u32, u64, u64, u64)>> {
        let packs = self.call(py, Use::Reading, Container::packs)?;
        Ok(packs.into_iter().map(|pack| (pack.number, pack.size, pack.objects, pack.live)).collect())
    }

    fn _reader(&self, py: Python<'_>, id: &Bound<'_, PyString>) -> PyResult<Reader> {
        let id = convert::id(id)?;
        let mut lease = self.handles.take(py, Use::Reading)?;
        let opened = py.detach(|| lease.reader(&id));
        let reader = lease.note(opened).map_err(|error| errors::of(py, error))?;
        Ok(Reader::new(reader, lease.share()))
    }

    fn _read_many(&self, py: Python<'_>, ids: &Bound<'_, PyAny>, skip_missing: bool) -> PyResult<Batch> {
        let ids = convert::ids(ids)?;
        Batch::start(py, self.handles.take(py, Use::Reading)?, ids, skip_missing)
    }

    fn _add<'py>(&self, py: Python<'py>, content: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
        let content = convert::bytes(content)?;
        let bytes = content.as_bytes();
        let id = self.call(py, Use::Working, |container| Loose(container).one(bytes))?;
        Ok(convert::text(py, &id))
    }

    fn _add_many<'py>(&self, py: Python<'py>, list: &Bound<'py, PyList>) -> PyResult<Vec<Bound<'py, PyString>>> {
        let contents = writing::contents(list)?;
        let slices = writing::slices(&contents);
        let ids = self.call(py, Use::Working, |container| writing::add_loose(container, &slices))?;
        Ok(convert::texts(py, &ids))
    }

    fn _add_file<'py>(&self, py: Python<'py>, file: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
        use files::Take as _;
        let (file, raised) = PythonFile::new(file);
        let mut lease = self.handles.take(py, Use::Working)?;
        let added = py.detach(|| Loose(&lease).source(Box::new(file)));
        let id = lease.note(added).map_err(|error| raised.or(py, error))?;
        Ok(convert::text(py, &id))
    }

    fn _add_paths<'py>(&self, py: Python<'py>, paths: Vec<PathBuf>) -> PyResult<Vec<Bound<'py, PyString>>> {
        let mut lease = self.handles.take(py, Use::Working)?;
        let mut at = None;
        let added = py.detach(|| files::add_all(&paths, &mut Loose(&lease), &mut at));
        let ids = lease.note(added).map_err(|error| files::exception(py, error, at))?;
        Ok(convert::texts(py, &ids))
    }

    fn _writer(&self, py: Python<'_>) -> PyResult<LooseWriter> {
        let mut lease = self.handles.take(py, Use::Working)?;
        let opened = py.detach(|| lease.writer());
        let writer = lease.note(opened).map_err(|error| errors::of(py, error))?;
        Ok(LooseWriter::new(lease, writer))
    }

    fn _pack_writer(&self, py: Python<'_>, compression: &str) -> PyResult<PackWriter> {
        let compression = convert::compression(py, compression)?;
        let mut lease = self.handles.take(py, Use::Working)?;
        let opened = py.detach(|| lease.pack_writer(compression));
        let writer = lease.note(opened).map_err(|error| errors::of(py, error))?;
        Ok(PackWriter::new(lease, writer))
    }

    fn _pack(&self, py: Python<'_>, compression: &str, clean: bool) -> PyResult<Job> {
        let compression = convert::compression(py, compression)?;
        self.start(py, Task::Pack { compression, clean })
    }

    fn _clean(&self, py: Python<'_>) -> PyResult<Job> {
        self.start(py, Task::Clean)
    }

    fn _delete(&self, py: Python<'_>, ids: &Bound<'_, PyAny>) -> PyResult<Job> {
        let ids = convert::ids(ids)?;
        self.start(py, Task::Delete(ids))
    }

    fn _gc(&self, py: Python<'_>, keep: &Bound<'_, PyAny>, grace: f64, dry_run: bool) -> PyResult<Job> {
        let (keep, grace) = (convert::ids(keep)?, jobs::seconds(py, grace)?);
        self.start(py, Task::Gc(keep, GcOptions { grace, dry_run }))
    }

    fn _repack(
        &self,
        py: Python<'_>,
        min_dead: Option<&Bound<'_, PyAny>>,
        compression: Option<&str>,
        level: Option<&Bound<'_, PyAny>>,
        dry_run: bool,
    ) -> PyResult<Job> {
        let min_dead = min_dead.map(|value| convert::number(value, "min_dead")).transpose()?;
        let level = level.map(|value| convert::number(value, "level")).transpose()?;
        let compression = compression.map(|text| convert::compression(py, text)).transpose()?;
        self.start(py, Task::Repack(RepackOptions { min_dead, compression, level, dry_run }))
    }

    fn _verify(
        &self,
        py: Python<'_>,
        completed: &Bound<'_, PyAny>,
        shard: &Bound<'_, PyAny>,
        shards: &Bound<'_, PyAny>,
    ) -> PyResult<Job> {
        let completed = convert::number(completed, "completed")?;
        let (shard, shards) = (convert::number(shard, "shard")?, convert::number(shards, "shards")?);
        self.start(py, Task::Verify(Part { completed, shard, shards }))
    }

    fn _reindex(&self, py: Python<'_>) -> PyResult<Job> {
        self.start(py, Task::Reindex)
    }

    fn _fold(&self, py: Python<'_>) -> PyResult<Job> {
        self.start(py, Task::Fold)
    }

    fn _import(&self, py: Python<'_>, source: PathBuf, ids: Option<&Bound<'_, PyAny>>) -> PyResult<Job> {
        let ids = ids.map(convert::ids).transpose()?;
        self.start(py, Task::Import(source, ids))
    }

    fn _repair(&self, py: Python<'_>, source: PathBuf) -> PyResult<Job> {
        self.start(py, Task::Repair(source))
    }

    fn _backup(&self, py: Python<'_>, target: PathBuf, link: bool, restore: bool) -> PyResult<Job> {
        self.start(py, Task::Backup(target, BackupOptions { link, restore }))
    }

    fn _unlock(&self, py: Python<'_>) -> PyResult<Option<String>> {
        self.call(py, Use::Working, Container::force_unlock)
    }
}
