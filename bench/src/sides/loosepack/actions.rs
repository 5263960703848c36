//! What the steps do with a store, and how long it takes.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use loosepack::io::ReadSource;
use loosepack::{Compression, Content, Error, Job, ObjectId, PackInfo, RepackOptions, Store};

use crate::Result;
use crate::side::{Tally, ensure, every_second, timed};
use crate::work::Work;

/// Objects passed at once to an interface that takes many.
const CHUNK: usize = 1000;

/// A file that has more bytes is read piece by piece.
const SMALL: u64 = 1 << 20;

/// Bytes requested from a reader at once.
const PIECE: usize = 256 << 10;

/// Paths below the folder that the sides may read.
pub(super) fn paths(folder: &Path, paths: &[String]) -> Result<Vec<String>> {
    let name = folder.file_name().and_then(|name| name.to_str()).ok_or("a folder has no name")?;
    Ok(paths.iter().map(|path| format!("{name}/{path}")).collect())
}

pub(super) fn packed<'a>(
    store: &'a Option<Box<dyn Store>>,
    ids: &'a [ObjectId],
) -> Result<(&'a dyn Store, &'a [ObjectId])> {
    Ok((&**store.as_ref().ok_or("nothing was added")?, ids))
}

pub(super) fn add_each(store: &dyn Store, contents: &[Vec<u8>]) -> Result<()> {
    contents.iter().try_for_each(|content| Ok(store.add(content).map(drop)?))
}

pub(super) fn add_many(store: &dyn Store, contents: &[Vec<u8>]) -> Result<Vec<ObjectId>> {
    let mut batch = store.batch()?;
    let ids = batch.add_many(&slices(contents))?;
    batch.commit()?;
    Ok(ids)
}

pub(super) fn pack(store: &dyn Store, contents: &[Vec<u8>], compression: Compression) -> Result<Vec<ObjectId>> {
    let mut writer = store.pack_writer(compression)?;
    let mut ids = Vec::with_capacity(contents.len());
    for some in contents.chunks(CHUNK) {
        ids.extend(writer.add_many(&slices(some))?);
    }
    writer.commit()?;
    Ok(ids)
}

/// Deletes every second object and measures what it takes to free their bytes.
pub(super) fn repack(store: &dyn Store, ids: &[ObjectId]) -> Result<Duration> {
    finish(store.delete(every_second(ids))?)?;
    let dead = || Ok::<u64, Error>(store.packs()?.iter().map(PackInfo::dead).sum());
    let before = dead()?;
    let (time, _) = timed(|| finish(store.repack(RepackOptions::default())?))?;
    ensure(before > 0 && dead()? == 0, "dead bytes are left")?;
    Ok(time)
}

pub(super) fn pack_files(
    store: &dyn Store,
    folder: &Path,
    paths: &[String],
    compression: Compression,
) -> Result<Vec<ObjectId>> {
    let mut writer = store.pack_writer(compression)?;
    let mut ids = Vec::with_capacity(paths.len());
    for some in paths.chunks(CHUNK) {
        let mut contents = Vec::with_capacity(some.len());
        for path in some {
            let path = folder.join(path);
            if fs::metadata(&path)?.len() <= SMALL {
                contents.push(fs::read(path)?);
            } else {
                ids.extend(writer.add_many(&slices(&std::mem::take(&mut contents)))?);
                ids.push(writer.add_source(Box::new(ReadSource::new("a file", File::open(path)?)))?);
            }
        }
        ids.extend(writer.add_many(&slices(&contents))?);
    }
    writer.commit()?;
    Ok(ids)
}

fn slices(contents: &[Vec<u8>]) -> Vec<&[u8]> {
    contents.iter().map(Vec::as_slice).collect()
}

pub(super) fn read_many(store: &dyn Store, ids: &[ObjectId]) -> Result<Tally> {
    let mut batch = store.read_many(ids.to_vec())?;
    let mut tally = Tally::default();
    loop {
        let block = batch.next_block()?;
        if block.items.is_empty() {
            return Ok(tally);
        }
        for (position, content) in block.into_items() {
            match content {
                Content::Bytes(bytes) => tally.count(bytes.len() as u64),
                _ => return Err(format!("object {} did not come", ids[position as usize]).into()),
            }
        }
    }
}

pub(super) fn read_through(store: &dyn Store, id: &ObjectId) -> Result<u64> {
    let mut reader = store.reader(id)?;
    let (mut piece, mut size) = (vec![0; PIECE], 0);
    loop {
        match reader.read(&mut piece)? {
            0 => return Ok(size),
            len => size += len as u64,
        }
    }
}

/// Does a job; how many objects it was about. Fails when one of them is damaged.
pub(super) fn finish(mut job: Box<dyn Job + '_>) -> Result<u64> {
    let progress = job.finish()?;
    ensure(progress.problems.is_empty(), "an object is damaged")?;
    Ok(progress.objects)
}

pub(super) fn each(store: &dyn Store, ids: &[ObjectId], work: &Work) -> Result<Duration> {
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
