//! Starting jobs.

use std::path::PathBuf;
use std::time::Duration;

use loosepack_host::{BackupOptions, Error, GcOptions, Part, RepackOptions};
use napi_derive::napi;

use crate::container::Container;
use crate::convert;
use crate::errors::{self, Failed, Result, of};
use crate::jobs::Job;

/// What to repack.
#[napi(object)]
pub struct Repacking {
    pub min_dead: Option<u8>,
    pub compression: Option<String>,
    pub level: Option<u8>,
    pub dry_run: bool,
}

/// What to verify.
#[napi(object)]
pub struct Verifying {
    pub completed: f64,
    pub shard: u32,
    pub shards: u32,
}

impl Container {
    fn job(
        &self,
        start: impl FnOnce(&loosepack_host::Container) -> loosepack_host::Result<loosepack_host::Job>,
        failed: impl FnOnce(Error) -> napi::Error<Failed>,
    ) -> Result<Job> {
        Ok(Job(self.slots.keep(self.call_or(start, failed)?)))
    }
}

#[napi]
impl Container {
    #[napi(catch_unwind)]
    pub fn pack(&self, compression: String, clean: bool) -> Result<Job> {
        let compression = convert::compression(&compression)?;
        self.job(
            |container| if clean { container.pack_and_clean(compression) } else { container.pack_loose(compression) },
            of,
        )
    }

    #[napi(catch_unwind)]
    pub fn clean(&self) -> Result<Job> {
        self.job(loosepack_host::Container::clean, of)
    }

    #[napi(catch_unwind)]
    pub fn delete(&self, digests: &[u8]) -> Result<Job> {
        let ids = convert::ids(digests)?;
        self.job(|container| container.delete(&ids), of)
    }

    /// `grace`: milliseconds.
    #[napi(catch_unwind)]
    pub fn gc(&self, digests: &[u8], grace: f64, dry_run: bool) -> Result<Job> {
        let keep = convert::ids(digests)?;
        let grace = Duration::try_from_secs_f64(grace / 1000.0).unwrap_or(Duration::MAX);
        self.job(|container| container.gc(&keep, GcOptions { grace, dry_run }), of)
    }

    #[napi(catch_unwind)]
    pub fn repack(&self, options: Repacking) -> Result<Job> {
        let Repacking { min_dead, compression, level, dry_run } = options;
        let compression = compression.as_deref().map(convert::compression).transpose()?;
        self.job(|container| container.repack(RepackOptions { min_dead, compression, level, dry_run }), of)
    }

    #[napi(catch_unwind)]
    pub fn verify(&self, part: Verifying) -> Result<Job> {
        let Verifying { completed, shard, shards } = part;
        let part = Part { completed: convert::whole(completed), shard, shards };
        self.job(|container| container.verify(part), of)
    }

    #[napi(catch_unwind)]
    pub fn reindex(&self) -> Result<Job> {
        self.job(loosepack_host::Container::reindex, of)
    }

    #[napi(catch_unwind)]
    pub fn fold(&self) -> Result<Job> {
        self.job(loosepack_host::Container::fold, of)
    }

    #[napi(catch_unwind)]
    pub fn import_from(&self, directory: String, digests: Option<&[u8]>) -> Result<Job> {
        let directory = PathBuf::from(directory);
        let ids = digests.map(convert::ids).transpose()?;
        self.job(
            |container| container.import(&directory, ids.as_deref()),
            |error| errors::of_directory(error, &directory),
        )
    }

    #[napi(catch_unwind)]
    pub fn repair(&self, directory: String) -> Result<Job> {
        let directory = PathBuf::from(directory);
        self.job(|container| container.repair(&directory), |error| errors::of_directory(error, &directory))
    }

    #[napi(catch_unwind)]
    pub fn backup(&self, directory: String, link: bool, restore: bool) -> Result<Job> {
        let directory = PathBuf::from(directory);
        self.job(
            |container| container.backup(&directory, BackupOptions { link, restore }),
            |error| errors::of_directory(error, &directory),
        )
    }
}
