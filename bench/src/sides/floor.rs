//! No store at all: the same protocol in as few system calls as it takes, with everything in memory that can be.

mod loose;
mod pack;

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use loosepack::ObjectId;
use sha2::{Digest as _, Sha256};

use self::pack::{Packer, Reader};
use super::FLOOR;
use super::program::{self, Program};
use crate::Result;
use crate::process::cold;
use crate::side::{Kind, Side, Tally, ensure, pieces_of, sha256, timed};
use crate::step::Step;
use crate::system::helper;
use crate::work::Work;

/// Bytes of a large file that are read at once.
const PIECE: usize = 1 << 20;

/// This side.
pub fn kind() -> Result<Kind> {
    Ok(Kind {
        name: FLOOR,
        version: "system calls, SHA-256 by the crate sha2, zlib by zlib-rs, one thread".into(),
        open: Box::new(|folder, _| Ok(Box::new(Floor { folder: folder.into(), ids: Vec::new(), packed: None }))),
    })
}

/// The files that `Packer` and `loose` leave in a folder.
pub struct OnDisk(pub PathBuf);

impl Program for OnDisk {
    fn add(&self, paths: &[String], to_pack: bool) -> Result<Vec<ObjectId>> {
        if !to_pack {
            let folder = loose::prepare(&self.0.join("loose"))?;
            return paths.iter().map(|path| loose::add(&folder, &fs::read(path)?, false)).collect();
        }
        let mut packer = Packer::create(&self.0, false)?;
        paths.iter().try_for_each(|path| packer.add(&fs::read(path)?))?;
        packer.finish()
    }

    fn read(&self, ids: &[ObjectId], each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        match ids {
            [id] => each(&pack::find_on_disk(&self.0, id)?),
            _ => Reader::open(&self.0)?.read_all(ids, |_, content| each(&content)),
        }
    }

    fn contains(&self, ids: &[ObjectId]) -> Result<Vec<bool>> {
        let reader = Reader::open(&self.0)?;
        Ok(ids.iter().map(|id| reader.find(id).is_some()).collect())
    }

    fn list(&self) -> Result<Vec<ObjectId>> {
        Ok(Reader::open(&self.0)?.ids().collect())
    }
}

struct Floor {
    folder: PathBuf,
    ids: Vec<ObjectId>,
    packed: Option<Reader>,
}

impl Side for Floor {
    fn run(&mut self, step: Step, work: &Work) -> Result<Option<Duration>> {
        Ok(Some(match step {
            Step::Direct => {
                let (time, ids) = pack(&self.folder.join("direct"), &work.contents, false)?;
                self.ids = ids;
                self.packed = Some(Reader::open(&self.folder.join("direct"))?);
                time
            }
            Step::DirectZlib => pack(&self.folder.join("zlib"), &work.contents, true)?.0,
            Step::ReadMany => {
                let (time, tally) = timed(|| self.read_all())?;
                tally.check(Tally::of(&work.contents))?;
                time
            }
            Step::ReadOne => {
                let ids = &self.ids[..work.some().len()];
                let (time, tally) = timed(|| tally_each(ids, |id| self.packed()?.get(id)))?;
                tally.check(Tally::of(work.some()))?;
                time
            }
            Step::ExistsMany => self.exists(&self.ids)?,
            Step::ExistsOne => self.exists(&self.ids[..work.some().len()])?,
            Step::Cold => cold(work.some().len(), |number| {
                let mut command = helper()?;
                command.arg(FLOOR).arg(self.folder.join("direct")).args(["get", &self.ids[number].to_string()]);
                Ok((command, work.contents[number].len()))
            })?,
            Step::Loose => {
                let folder = loose::prepare(&self.folder.join("loose"))?;
                timed(|| work.some().iter().try_for_each(|content| loose::add(&folder, content, false).map(drop)))?.0
            }
            Step::LooseSync => {
                let folder = loose::prepare(&self.folder.join("synced"))?;
                timed(|| work.few().iter().try_for_each(|content| loose::add(&folder, content, true).map(drop)))?.0
            }
            Step::LooseBatch => {
                let folder = loose::prepare(&self.folder.join("batch"))?;
                timed(|| loose::add_batch(&folder, work.some()))?.0
            }
            Step::ReadLoose => {
                let folder = self.folder.join("loose");
                let ids = &self.ids[..work.some().len()];
                let (time, tally) = timed(|| tally_each(ids, |id| loose::get(&folder, id)))?;
                tally.check(Tally::of(work.some()))?;
                time
            }
            Step::PackLoose => {
                let (time, count) = timed(|| loose::pack(&self.folder.join("loose"), &self.folder.join("packed")))?;
                ensure(count == work.some().len(), "objects are missing in the pack")?;
                time
            }
            Step::Clean => {
                let (time, count) = timed(|| loose::clean(&self.folder.join("loose"), &self.folder.join("packed")))?;
                ensure(count == work.some().len(), "files were not removed")?;
                time
            }
            Step::Repack => copy_half(self.packed()?, &self.ids, &self.folder.join("repacked"))?,
            Step::RepackPieces => {
                let folder = self.folder.join("pieces");
                let (_, ids) = pack(&folder, &pieces_of(&work.large)?, false)?;
                copy_half(&Reader::open(&folder)?, &ids, &self.folder.join("half"))?
            }
            Step::Text => {
                let folder = self.folder.join("text");
                let run = || {
                    let mut packer = Packer::create(&folder, true)?;
                    for path in &work.texts.paths {
                        packer.add(&fs::read(work.texts.folder.join(path))?)?;
                    }
                    packer.finish()
                };
                let (time, ids) = timed(run)?;
                self.packed = Some(Reader::open(&folder)?);
                self.ids = ids;
                time
            }
            Step::TextRead => {
                let (time, tally) = timed(|| self.read_all())?;
                tally.check(work.texts_tally())?;
                time
            }
            Step::Large => timed(|| copy_and_hash(&work.large, &self.folder.join("large")))?.0,
            Step::LargeRead => {
                let (time, size) = timed(|| hash(&self.folder.join("large")))?;
                ensure(size == work.large_size, "bytes are missing")?;
                time
            }
            Step::LargeZlib | Step::LargeZlibRead | Step::Verify | Step::TextVerify => return Ok(None),
            _ => return program::measure(FLOOR, &self.folder.join("command"), step, work),
        }))
    }
}

impl Floor {
    fn packed(&self) -> Result<&Reader> {
        self.packed.as_ref().ok_or_else(|| "nothing is packed".into())
    }

    fn read_all(&self) -> Result<Tally> {
        let mut tally = Tally::default();
        self.packed()?.read_all(&self.ids, |_, content| {
            tally.count(content.len() as u64);
            Ok(())
        })?;
        Ok(tally)
    }

    fn exists(&self, ids: &[ObjectId]) -> Result<Duration> {
        let packed = self.packed()?;
        let (time, found) = timed(|| Ok(ids.iter().filter(|id| packed.find(id).is_some()).count()))?;
        ensure(found == ids.len(), "objects are missing")?;
        Ok(time)
    }
}

fn pack(folder: &Path, contents: &[Vec<u8>], compress: bool) -> Result<(Duration, Vec<ObjectId>)> {
    timed(|| {
        let mut packer = Packer::create(folder, compress)?;
        contents.iter().try_for_each(|content| packer.add(content))?;
        packer.finish()
    })
}

/// Copies every second object, and checks each.
fn copy_half(from: &Reader, ids: &[ObjectId], to: &Path) -> Result<Duration> {
    let live: Vec<ObjectId> = ids.iter().copied().step_by(2).collect();
    let run = || {
        let mut packer = Packer::create(to, false)?;
        from.read_all(&live, |id, content| packer.push(*id, &content))?;
        packer.finish()
    };
    Ok(timed(run)?.0)
}

fn tally_each(ids: &[ObjectId], mut get: impl FnMut(&ObjectId) -> Result<Vec<u8>>) -> Result<Tally> {
    let mut tally = Tally::default();
    for id in ids {
        tally.count(get(id)?.len() as u64);
    }
    Ok(tally)
}

fn copy_and_hash(from: &Path, to: &Path) -> Result<ObjectId> {
    use std::io::Write as _;
    let mut target = File::create_new(to)?;
    let mut hash = Sha256::new();
    pieces(from, |piece| {
        hash.update(piece);
        Ok(target.write_all(piece)?)
    })?;
    target.sync_all()?;
    Ok(ObjectId::from_bytes(hash.finalize().into()))
}

fn hash(path: &Path) -> Result<u64> {
    let mut hash = Sha256::new();
    let mut size = 0;
    pieces(path, |piece| {
        hash.update(piece);
        size += piece.len() as u64;
        Ok(())
    })?;
    std::hint::black_box(hash.finalize());
    Ok(size)
}

fn pieces(path: &Path, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; PIECE];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            len => each(&buffer[..len])?,
        }
    }
}

/// Fails unless the bytes have this id.
fn verify(id: &ObjectId, content: &[u8]) -> Result<()> {
    ensure(sha256(content) == *id, "an object does not match its id")
}
