//! loosepack: one side for each way of reaching it.

mod actions;
mod ways;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use loosepack::{Compression, Durability, ObjectId, Part, Store};

use self::actions::{
    add_each, add_many, each, finish, pack, pack_files, packed, paths, read_many, read_through, repack,
};
pub(crate) use self::ways::Way;
use super::{COMPONENT, NATIVE, PORTABLE, disk_objectstore};
use crate::Result;
use crate::process::{cold, whole};
use crate::side::{Kind, Side, Tally, ensure, pieces_of, timed};
use crate::step::Step;
use crate::system::program;
use crate::work::Work;

/// The crate `loosepack` in a native directory.
pub fn native() -> Result<Kind> {
    Ok(Kind {
        name: NATIVE,
        version: format!("crate loosepack {}, `CapDir`", env!("CARGO_PKG_VERSION")),
        open: Box::new(|folder, work| Ok(side(ways::Native, folder, None, work))),
    })
}

/// The component in the native host, and the command for cold starts.
pub fn component() -> Result<Kind> {
    let runtime = loosepack_host::Runtime::new()?;
    Ok(Kind {
        name: COMPONENT,
        version: format!("loosepack-host {}", env!("CARGO_PKG_VERSION")),
        open: Box::new(move |folder, work| Ok(side(runtime.clone(), folder, Some(program("loosepack")?), work))),
    })
}

/// The portable component in a runtime that gives it WASI alone.
pub fn portable() -> Result<Kind> {
    let runtime = ways::portable()?;
    Ok(Kind {
        name: PORTABLE,
        version: "loosepack.wasm in wasmtime, WASI alone".into(),
        open: Box::new(move |folder, work| Ok(side(runtime.clone(), folder, None, work))),
    })
}

/// The ways that a program of this machine would choose from.
pub(crate) fn ways() -> Result<Vec<(&'static str, Box<dyn Way>)>> {
    Ok(vec![(NATIVE, Box::new(ways::Native)), (COMPONENT, Box::new(loosepack_host::Runtime::new()?))])
}

fn side(way: impl Way + 'static, folder: &Path, command: Option<PathBuf>, work: &Work) -> Box<dyn Side> {
    Box::new(Loosepack {
        way: Box::new(way),
        folder: folder.into(),
        inputs: work.folder.clone(),
        command,
        ids: Vec::new(),
        packed: None,
        loose: None,
    })
}

struct Loosepack {
    way: Box<dyn Way>,
    folder: PathBuf,
    /// The folder above the files to pack.
    inputs: PathBuf,
    command: Option<PathBuf>,
    ids: Vec<ObjectId>,
    /// The container that the reading steps read.
    packed: Option<Box<dyn Store>>,
    /// The container that loose objects were added to without a flush.
    loose: Option<Box<dyn Store>>,
}

impl Side for Loosepack {
    fn run(&mut self, step: Step, work: &Work) -> Result<Option<Duration>> {
        Ok(Some(match step {
            Step::Direct => {
                let store = self.create("direct", Durability::Full)?;
                let (time, ids) = timed(|| pack(&*store, &work.contents, Compression::Never))?;
                self.ids = ids;
                self.packed = Some(store);
                time
            }
            Step::DirectZlib => {
                let store = self.create("zlib", Durability::Full)?;
                let (time, ids) = timed(|| pack(&*store, &work.contents, Compression::Always))?;
                ensure(ids == self.ids, "ids differ")?;
                time
            }
            Step::ReadMany => self.read_many(Tally::of(&work.contents))?,
            Step::ReadOne => {
                let (store, ids) = packed(&self.packed, &self.ids)?;
                each(store, &ids[..work.some().len()], work)?
            }
            Step::ExistsMany => {
                let (store, ids) = packed(&self.packed, &self.ids)?;
                let (time, found) = timed(|| Ok(store.contains(ids)?))?;
                ensure(found.len() == ids.len() && !found.contains(&false), "objects are missing")?;
                time
            }
            Step::ExistsOne => {
                let (store, ids) = packed(&self.packed, &self.ids)?;
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
                let store = self.create("loose", Durability::None)?;
                let (time, ()) = timed(|| add_each(&*store, work.some()))?;
                self.loose = Some(store);
                time
            }
            Step::LooseSync => {
                let store = self.create("synced", Durability::Full)?;
                timed(|| add_each(&*store, work.few()))?.0
            }
            Step::LooseBatch => {
                let store = self.create("batch", Durability::Full)?;
                let (time, ids) = timed(|| add_many(&*store, work.some()))?;
                ensure(ids == self.ids[..ids.len()] && ids.len() == work.some().len(), "ids differ")?;
                time
            }
            Step::ReadLoose => {
                let (store, ids) = packed(&self.loose, &self.ids)?;
                each(store, &ids[..work.some().len()], work)?
            }
            Step::PackLoose => {
                let store = self.way.open(&self.folder.join("loose"), Durability::Full)?;
                let (time, count) = timed(|| finish(store.pack_loose(Compression::Never)?))?;
                ensure(count == work.some().len() as u64, "objects were not packed")?;
                time
            }
            Step::Clean => {
                let store = self.way.open(&self.folder.join("loose"), Durability::Full)?;
                let (time, count) = timed(|| finish(store.clean()?))?;
                ensure(count == work.some().len() as u64, "files were not removed")?;
                time
            }
            Step::Repack => {
                let (store, ids) = packed(&self.packed, &self.ids)?;
                repack(store, ids)?
            }
            Step::RepackPieces => {
                let store = self.create("pieces", Durability::Full)?;
                let ids = pack(&*store, &pieces_of(&work.large)?, Compression::Never)?;
                repack(&*store, &ids)?
            }
            Step::Text => {
                let store = self.create("text", Durability::Full)?;
                let paths = paths(&work.texts.folder, &work.texts.paths)?;
                let (time, ids) = timed(|| pack_files(&*store, &self.inputs, &paths, Compression::Always))?;
                self.ids = ids;
                self.packed = Some(store);
                time
            }
            Step::TextRead => self.read_many(work.texts_tally())?,
            Step::Large => self.pack_large("large", Compression::Never, work)?,
            Step::LargeZlib => self.pack_large("large-zlib", Compression::Always, work)?,
            Step::LargeRead | Step::LargeZlibRead => {
                let (store, ids) = packed(&self.packed, &self.ids)?;
                let (time, size) = timed(|| read_through(store, &ids[0]))?;
                ensure(size == work.large_size, "bytes are missing")?;
                time
            }
            Step::Verify | Step::TextVerify => {
                let (store, ids) = packed(&self.packed, &self.ids)?;
                let count = ids.iter().collect::<BTreeSet<_>>().len() as u64;
                let (time, found) = timed(|| finish(store.verify(Part::default())?))?;
                ensure(found == count, "objects were not verified")?;
                time
            }
            Step::AddNamed => return self.command(step, "loose", &["--no-sync", "add", "--files-from", "-"], work),
            Step::AddNamedPacked => {
                return self.command(step, "packed", &["add", "--to-pack", "--files-from", "-"], work);
            }
            Step::AddTree => return self.command(step, "tree", &["add", "--to-pack", "-r", "."], work),
            Step::GetAll => return self.command(step, "packed", &["get", "-"], work),
            Step::HasAll => return self.command(step, "packed", &["has", "-"], work),
            Step::ListAll => return self.command(step, "packed", &["ls"], work),
            Step::Import => {
                let Some(source) = disk_objectstore::source(work)? else { return Ok(None) };
                return self.exchange("import", "--from-disk-objectstore", &source, work);
            }
            Step::Export => {
                return self.exchange("export", "--to-disk-objectstore", &self.folder.join("exported"), work);
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

    /// Measures a command on the container of this name.
    fn command(&self, step: Step, name: &str, arguments: &[&str], work: &Work) -> Result<Option<Duration>> {
        let Some(program) = &self.command else { return Ok(None) };
        let folder = self.folder.join(name);
        if !folder.exists() {
            std::fs::create_dir(&folder)?;
            self.way.create(&folder)?;
        }
        let input = match step {
            Step::AddNamed | Step::AddNamedPacked => Some(&*work.names),
            Step::GetAll | Step::HasAll => Some(&*work.ids),
            _ => None,
        };
        let mut command = Command::new(program);
        let (time, printed) = whole(command.arg("-C").arg(folder).args(arguments).current_dir(&work.files), input)?;
        work.check_printed(step, &printed)?;
        Ok(Some(time))
    }

    /// Measures a command that copies all objects from or to a container of disk_objectstore.
    fn exchange(&self, command: &str, option: &str, theirs: &Path, work: &Work) -> Result<Option<Duration>> {
        let Some(program) = &self.command else { return Ok(None) };
        let folder = self.folder.join("exchanged");
        if !folder.exists() {
            self.create("exchanged", Durability::Full)?;
        }
        let mut run = Command::new(program);
        let (time, _) = whole(run.arg("-qC").arg(&folder).arg(command).arg(option).arg(theirs), None)?;
        let stored = self.way.open(&folder, Durability::Full)?.stats()?.packed_objects;
        ensure(stored == work.contents.len() as u64, "objects were not exchanged")?;
        Ok(Some(time))
    }

    fn read_many(&mut self, expected: Tally) -> Result<Duration> {
        let (store, ids) = packed(&self.packed, &self.ids)?;
        let (time, tally) = timed(|| read_many(store, ids))?;
        tally.check(expected)?;
        Ok(time)
    }

    fn pack_large(&mut self, name: &str, compression: Compression, work: &Work) -> Result<Duration> {
        let store = self.create(name, Durability::Full)?;
        let (time, ids) = timed(|| pack_files(&*store, &self.inputs, &["large".into()], compression))?;
        self.ids = ids;
        self.packed = Some(store);
        ensure(self.ids.len() == 1 && work.large.is_file(), "there is one large file")?;
        Ok(time)
    }
}
