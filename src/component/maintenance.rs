//! The interface `maintenance`.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::time::Duration;

use super::Component;
use super::container::Handle;
use super::convert::{Result, bytes, ids};
use super::sources::with_source;
use super::wit::maintenance::{self as wit, Guest, GuestJob, GuestKeepList, GuestPackWriter};
use crate::dir::wasi::WasiDir;
use crate::{Error, GcOptions, Job, KeepList, PackInfo, PackWriter, PackedObject, Part, RepackOptions};

impl Guest for Component {
    type PackWriter = Writer;
    type Job = Steps;
    type KeepList = Keep;

    fn pack_loose(container: wit::ContainerBorrow<'_>, compression: wit::Compression) -> Result<wit::Job> {
        Ok(Steps::hand_out(container.get::<Handle>().0.pack_loose(compression.into())?))
    }

    fn pack_and_clean(container: wit::ContainerBorrow<'_>, compression: wit::Compression) -> Result<wit::Job> {
        Ok(Steps::hand_out(container.get::<Handle>().0.pack_and_clean(compression.into())?))
    }

    fn clean(container: wit::ContainerBorrow<'_>) -> Result<wit::Job> {
        Ok(Steps::hand_out(container.get::<Handle>().0.clean()?))
    }

    fn delete(container: wit::ContainerBorrow<'_>, objects: Vec<u8>) -> Result<wit::Job> {
        Ok(Steps::hand_out(container.get::<Handle>().0.delete(ids(&objects)?)?))
    }

    fn gc(container: wit::ContainerBorrow<'_>, keep: wit::KeepList, options: wit::GcOptions) -> Result<wit::Job> {
        let keep = keep.into_inner::<Keep>().0.into_inner();
        let options = GcOptions { grace: Duration::from_nanos(options.grace), dry_run: options.dry_run };
        Ok(Steps::hand_out(container.get::<Handle>().0.gc(keep, options)?))
    }

    fn packs(container: wit::ContainerBorrow<'_>) -> Result<Vec<wit::PackInfo>> {
        let packs = container.get::<Handle>().0.packs()?.into_iter();
        let info = |PackInfo { number, size, objects, live }| wit::PackInfo { number, size, objects, live };
        Ok(packs.map(info).collect())
    }

    fn repack(container: wit::ContainerBorrow<'_>, options: wit::RepackOptions) -> Result<wit::Job> {
        let wit::RepackOptions { min_dead, compression, level, dry_run } = options;
        let options = RepackOptions { min_dead, compression: compression.map(Into::into), level, dry_run };
        Ok(Steps::hand_out(container.get::<Handle>().0.repack(options)?))
    }

    fn verify(container: wit::ContainerBorrow<'_>, part: wit::Part) -> Result<wit::Job> {
        Ok(Steps::hand_out(container.get::<Handle>().0.verify(part.into())?))
    }

    fn reindex(container: wit::ContainerBorrow<'_>) -> Result<wit::Job> {
        Ok(Steps::hand_out(container.get::<Handle>().0.reindex()?))
    }

    fn fold(container: wit::ContainerBorrow<'_>) -> Result<wit::Job> {
        Ok(Steps::hand_out(container.get::<Handle>().0.fold()?))
    }

    fn force_unlock(container: wit::ContainerBorrow<'_>) -> Result<Option<String>> {
        Ok(container.get::<Handle>().0.force_unlock()?)
    }
}

/// The resource `keep-list`.
pub(super) struct Keep(RefCell<KeepList>);

impl GuestKeepList for Keep {
    fn new() -> Self {
        Keep(RefCell::default())
    }

    fn add(&self, objects: Vec<u8>) -> Result<()> {
        self.0.borrow_mut().add(&ids(&objects)?);
        Ok(())
    }
}

/// The resource `pack-writer`.
pub(super) struct Writer(RefCell<PackWriter<WasiDir>>);

impl GuestPackWriter for Writer {
    fn open(container: wit::ContainerBorrow<'_>, compression: wit::Compression) -> Result<wit::PackWriter> {
        let writer = container.get::<Handle>().0.pack_writer(compression.into())?;
        Ok(wit::PackWriter::new(Writer(RefCell::new(writer))))
    }

    fn add(&self, content: Vec<u8>) -> Result<String> {
        Ok(self.0.borrow_mut().add(&content)?.to_text())
    }

    fn add_many(&self, contents: Vec<Vec<u8>>) -> Result<Vec<u8>> {
        Ok(bytes(&self.0.borrow_mut().add_many(&contents)?))
    }

    fn add_packed_many(&self, ids: Vec<u8>, objects: Vec<wit::PackedObject>) -> Result<Vec<bool>> {
        let ids = self::ids(&ids)?;
        if ids.len() != objects.len() {
            let problem = format!("{} IDs were given for {} objects", ids.len(), objects.len());
            return Err(Error::InvalidArgument(problem).into());
        }
        let objects = ids.into_iter().zip(&objects);
        let objects: Vec<PackedObject<'_>> = objects
            .map(|(id, wit::PackedObject { size, payload })| PackedObject { id, size: *size, payload })
            .collect();
        Ok(self.0.borrow_mut().add_packed_many(&objects)?)
    }

    fn add_streams(&self, streams: Vec<wit::LazyStream>) -> Result<Vec<Result<String>>> {
        let mut writer = self.0.borrow_mut();
        let mut results = Vec::with_capacity(streams.len());
        for stream in streams {
            let added = with_source(&stream, |source| writer.add_source(source));
            // A pack that failed concerns all of them.
            if let (Err(error), Err(_)) = (&added, writer.check()) {
                return Err(error.clone().into());
            }
            results.push(added.map(|id| id.to_text()).map_err(Into::into));
        }
        Ok(results)
    }

    fn commit(&self) -> Result<()> {
        Ok(self.0.borrow_mut().commit()?)
    }

    fn finish(this: wit::PackWriter) -> Result<()> {
        let Writer(writer) = this.into_inner();
        Ok(writer.into_inner().finish()?)
    }
}

/// The resource `job`.
pub(super) struct Steps(RefCell<Box<dyn Job>>);

impl Steps {
    pub(super) fn hand_out(job: impl Job + 'static) -> wit::Job {
        wit::Job::new(Steps(RefCell::new(Box::new(job))))
    }
}

impl GuestJob for Steps {
    fn step(&self) -> Result<wit::Progress> {
        let progress = self.0.borrow_mut().step()?;
        Ok(wit::Progress {
            finished: progress.finished,
            done: progress.done,
            total: progress.total,
            objects: progress.objects,
            bytes: progress.bytes,
            problems: progress.problems.into_iter().map(Into::into).collect(),
            notes: progress.notes.into_iter().map(Into::into).collect(),
            unread: progress.unread.into_iter().map(Into::into).collect(),
        })
    }
}

impl From<wit::Part> for Part {
    fn from(wit::Part { completed, shard, shards }: wit::Part) -> Self {
        Part { completed, shard, shards }
    }
}
