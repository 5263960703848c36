//! loosepack: one side for each way of reaching it.

mod component;
mod native;
mod portable;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use loosepack::{Compression, Durability, ObjectId};

use super::{COMPONENT, NATIVE, PORTABLE};
use crate::Result;
use crate::side::{Kind, Side, Tally, ensure, timed};
use crate::step::Step;
use crate::suites::cold;
use crate::system::program;
use crate::work::Work;

/// What is handed over at once where an interface takes many objects.
const CHUNK: usize = 1000;

/// A way of reaching loosepack.
pub(crate) trait Way {
    /// Make a container in an empty folder.
    fn create(&self, folder: &Path) -> Result<()>;

    /// Open it.
    fn open(&self, folder: &Path, durability: Durability) -> Result<Box<dyn Store>>;
}

/// A container, however it is reached.
pub(crate) trait Store {
    fn add(&mut self, content: &[u8]) -> Result<ObjectId>;
    /// Durable together.
    fn add_many(&mut self, contents: &[Vec<u8>]) -> Result<Vec<ObjectId>>;
    fn pack(&mut self, contents: &[Vec<u8>], compression: Compression) -> Result<Vec<ObjectId>>;
    /// Pack files of the folder that the way was made for.
    fn pack_files(&mut self, paths: &[String], compression: Compression) -> Result<Vec<ObjectId>>;
    fn get(&mut self, id: &ObjectId) -> Result<Vec<u8>>;
    fn read_many(&mut self, ids: &[ObjectId]) -> Result<Tally>;
    /// Read piece by piece; the size.
    fn read_through(&mut self, id: &ObjectId) -> Result<u64>;
    fn contains(&mut self, ids: &[ObjectId]) -> Result<Vec<bool>>;
    fn size(&mut self, id: &ObjectId) -> Result<u64>;
    /// How many objects there were to pack.
    fn pack_loose(&mut self) -> Result<u64>;
    /// How many files there were to remove.
    fn clean(&mut self) -> Result<u64>;
    /// Check everything; how many objects there are. Fails when one of them is damaged.
    fn verify(&mut self) -> Result<u64>;
}

/// The crate `loosepack` in a native directory.
pub fn native() -> Result<Kind> {
    Ok(Kind {
        name: NATIVE,
        version: format!("crate loosepack {}, `CapDir`", env!("CARGO_PKG_VERSION")),
        open: Box::new(|folder, work| Ok(side(native::Native { inputs: work.folder.clone() }, folder, None))),
    })
}

/// The component in the native host, and the command for cold starts.
pub fn component() -> Result<Kind> {
    let runtime = loosepack_host::Runtime::new()?;
    Ok(Kind {
        name: COMPONENT,
        version: format!("loosepack-host {}", env!("CARGO_PKG_VERSION")),
        open: Box::new(move |folder, work| {
            let way = component::Hosted { runtime: runtime.clone(), inputs: work.folder.clone() };
            Ok(side(way, folder, Some(program("loosepack")?)))
        }),
    })
}

/// The portable component in a runtime that gives it WASI alone.
pub fn portable() -> Result<Kind> {
    let runtime = portable::Runtime::new()?;
    Ok(Kind {
        name: PORTABLE,
        version: "loosepack-portable.wasm in wasmtime, WASI alone".into(),
        open: Box::new(move |folder, work| {
            let way = portable::Portable { runtime: runtime.clone(), inputs: work.folder.clone() };
            Ok(side(way, folder, None))
        }),
    })
}

/// The ways that a program of this machine would choose from.
pub(crate) fn ways(inputs: &Path) -> Result<Vec<(&'static str, Box<dyn Way>)>> {
    let runtime = loosepack_host::Runtime::new()?;
    Ok(vec![
        (NATIVE, Box::new(native::Native { inputs: inputs.into() })),
        (COMPONENT, Box::new(component::Hosted { runtime, inputs: inputs.into() })),
    ])
}

fn side(way: impl Way + 'static, folder: &Path, command: Option<PathBuf>) -> Box<dyn Side> {
    Box::new(Loosepack {
        way: Box::new(way),
        folder: folder.into(),
        command,
        ids: Vec::new(),
        packed: None,
        loose: None,
    })
}

struct Loosepack {
    way: Box<dyn Way>,
    folder: PathBuf,
    command: Option<PathBuf>,
    ids: Vec<ObjectId>,
    /// What the reading steps read.
    packed: Option<Box<dyn Store>>,
    /// The container that loose objects were added to without a flush.
    loose: Option<Box<dyn Store>>,
}

impl Side for Loosepack {
    fn run(&mut self, step: Step, work: &Work) -> Result<Option<Duration>> {
        Ok(Some(match step {
            Step::Direct => {
                let mut store = self.create("direct", Durability::Full)?;
                let (time, ids) = timed(|| store.pack(&work.contents, Compression::Never))?;
                self.ids = ids;
                self.packed = Some(store);
                time
            }
            Step::DirectZlib => {
                let mut store = self.create("zlib", Durability::Full)?;
                let (time, ids) = timed(|| store.pack(&work.contents, Compression::Always))?;
                ensure(ids == self.ids, "ids differ")?;
                time
            }
            Step::ReadMany => self.read_many(Tally::of(&work.contents))?,
            Step::ReadOne => {
                let (store, ids) = packed(&mut self.packed, &self.ids)?;
                each(store, &ids[..work.some().len()], work)?
            }
            Step::ExistsMany => {
                let (store, ids) = packed(&mut self.packed, &self.ids)?;
                let (time, found) = timed(|| store.contains(ids))?;
                ensure(found.len() == ids.len() && !found.contains(&false), "objects are missing")?;
                time
            }
            Step::ExistsOne => {
                let (store, ids) = packed(&mut self.packed, &self.ids)?;
                let ids = &ids[..work.some().len()];
                timed(|| ids.chunks(1).try_for_each(|id| ensure(store.contains(id)?[0], "an object is missing")))?.0
            }
            Step::Cold => {
                let Some(command) = &self.command else { return Ok(None) };
                cold(work.some().len(), |number| {
                    let mut command = Command::new(command);
                    command.arg("-C").arg(self.folder.join("direct")).args(["get", &self.ids[number].to_string()]);
                    Ok((command, work.contents[number].len()))
                })?
            }
            Step::Loose => {
                let mut store = self.create("loose", Durability::None)?;
                let (time, ()) = timed(|| add_each(&mut *store, work.some()))?;
                self.loose = Some(store);
                time
            }
            Step::LooseSync => {
                let mut store = self.create("synced", Durability::Full)?;
                timed(|| add_each(&mut *store, work.few()))?.0
            }
            Step::LooseBatch => {
                let mut store = self.create("batch", Durability::Full)?;
                let (time, ids) = timed(|| store.add_many(work.some()))?;
                ensure(ids == self.ids[..ids.len()] && ids.len() == work.some().len(), "ids differ")?;
                time
            }
            Step::ReadLoose => {
                let (store, ids) = packed(&mut self.loose, &self.ids)?;
                each(store, &ids[..work.some().len()], work)?
            }
            Step::PackLoose => {
                let mut store = self.way.open(&self.folder.join("loose"), Durability::Full)?;
                let (time, count) = timed(|| store.pack_loose())?;
                ensure(count == work.some().len() as u64, "objects were not packed")?;
                time
            }
            Step::Clean => {
                let mut store = self.way.open(&self.folder.join("loose"), Durability::Full)?;
                let (time, count) = timed(|| store.clean())?;
                ensure(count == work.some().len() as u64, "files were not removed")?;
                time
            }
            Step::Text => {
                let mut store = self.create("text", Durability::Full)?;
                let paths = paths(&work.texts.folder, &work.texts.paths)?;
                let (time, ids) = timed(|| store.pack_files(&paths, Compression::Always))?;
                self.ids = ids;
                self.packed = Some(store);
                time
            }
            Step::TextRead => self.read_many(work.texts_tally())?,
            Step::Large => self.pack_large("large", Compression::Never, work)?,
            Step::LargeZlib => self.pack_large("large-zlib", Compression::Always, work)?,
            Step::LargeRead | Step::LargeZlibRead => {
                let (store, ids) = packed(&mut self.packed, &self.ids)?;
                let (time, size) = timed(|| store.read_through(&ids[0]))?;
                ensure(size == work.large_size, "bytes are missing")?;
                time
            }
            Step::Verify | Step::TextVerify => {
                let (store, ids) = packed(&mut self.packed, &self.ids)?;
                let count = ids.iter().collect::<BTreeSet<_>>().len() as u64;
                let (time, found) = timed(|| store.verify())?;
                ensure(found == count, "objects were not verified")?;
                time
            }
        }))
    }
}

impl Loosepack {
    fn create(&self, name: &str, durability: Durability) -> Result<Box<dyn Store>> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder)?;
        self.way.create(&folder)?;
        self.way.open(&folder, durability)
    }

    fn read_many(&mut self, expected: Tally) -> Result<Duration> {
        let (store, ids) = packed(&mut self.packed, &self.ids)?;
        let (time, tally) = timed(|| store.read_many(ids))?;
        tally.check(expected)?;
        Ok(time)
    }

    fn pack_large(&mut self, name: &str, compression: Compression, work: &Work) -> Result<Duration> {
        let mut store = self.create(name, Durability::Full)?;
        let (time, ids) = timed(|| store.pack_files(&["large".into()], compression))?;
        self.ids = ids;
        self.packed = Some(store);
        ensure(self.ids.len() == 1 && work.large.is_file(), "there is one large file")?;
        Ok(time)
    }
}

/// Paths below the folder that the sides may read.
fn paths(folder: &Path, paths: &[String]) -> Result<Vec<String>> {
    let name = folder.file_name().and_then(|name| name.to_str()).ok_or("a folder has no name")?;
    Ok(paths.iter().map(|path| format!("{name}/{path}")).collect())
}

fn packed<'a>(
    store: &'a mut Option<Box<dyn Store>>,
    ids: &'a [ObjectId],
) -> Result<(&'a mut dyn Store, &'a [ObjectId])> {
    Ok((&mut **store.as_mut().ok_or("nothing was added")?, ids))
}

fn add_each(store: &mut dyn Store, contents: &[Vec<u8>]) -> Result<()> {
    contents.iter().try_for_each(|content| store.add(content).map(drop))
}

fn each(store: &mut dyn Store, ids: &[ObjectId], work: &Work) -> Result<Duration> {
    let run = || {
        let mut tally = Tally::default();
        for id in ids {
            tally.count(store.get(id)?.len() as u64);
        }
        Ok(tally)
    };
    let (time, tally) = timed(run)?;
    tally.check(Tally::of(work.some()))?;
    Ok(time)
}
