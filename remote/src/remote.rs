//! A remote, for threads that wait.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use loosepack::{Finding, Job, ObjectId, Store};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::account::Requests;
use crate::bucket::Bucket;
use crate::cache::{Cache, View, manifest_of};
use crate::root::Root;
use crate::roots::{Retries, mark};
use crate::staging::Staging;
use crate::{Error, Result};

/// Threads that talk to servers: they mostly wait.
const THREADS: usize = 2;

/// A remote: where a container is, or may be made, on object storage. Clones share their account.
#[derive(Clone)]
pub struct Remote {
    url: String,
    /// What tells it from all others, also from one of the same URL at another server.
    place: String,
    bucket: Bucket,
    runtime: Arc<Runtime>,
    retries: Retries,
    /// Whoever changes something: random digits.
    by: String,
}

/// Containers of this machine, in whatever way they are opened.
pub trait Stores {
    /// Makes a container in an empty directory.
    ///
    /// # Errors
    /// Those of making it.
    fn create(&self, dir: &Path) -> loosepack::Result<()>;

    /// Opens a container to be changed.
    ///
    /// # Errors
    /// Those of opening it.
    fn open(&self, dir: &Path) -> loosepack::Result<Box<dyn Store>>;

    /// Opens what a view shows, for reading.
    ///
    /// # Errors
    /// Those of opening it.
    fn view(&self, view: &View) -> loosepack::Result<Box<dyn Store>>;

    /// Starts to copy objects from one container to another.
    ///
    /// # Errors
    /// Those of opening either.
    fn copy(&self, from: &Path, ids: Vec<ObjectId>, to: &Path) -> loosepack::Result<Box<dyn Job>>;
}

/// Is told how far an operation is.
pub trait Report {
    /// So many objects of so many have been looked at, and so many bytes have been sent.
    fn progress(&mut self, done: u64, total: u64, objects: u64, bytes: u64);

    /// Something is damaged, and was left where it is.
    fn problem(&mut self, finding: &Finding);

    /// Something is worth knowing.
    fn note(&mut self, finding: &Finding);
}

impl Remote {
    /// Opens what a URL names, as [`Bucket::at`] does. Nothing is asked of the server yet.
    ///
    /// # Errors
    /// [`Error::Address`]; [`Error::File`] when no thread can be started.
    pub fn open(url: &str) -> Result<Self> {
        Self::on(url, Bucket::at(url)?, Retries::default())
    }

    /// A remote on a bucket that is open already. `url`: its name in a cache.
    ///
    /// # Errors
    /// [`Error::File`] when no thread can be started.
    pub fn on(url: &str, bucket: Bucket, retries: Retries) -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(THREADS).thread_name("remote").enable_all().build();
        let runtime = runtime.map_err(Error::file("start a thread for", Path::new(url)))?;
        let url = url.trim_end_matches('/').to_string();
        let place = format!("{url} {}", bucket.endpoint());
        Ok(Remote { url, place, bucket, runtime: Arc::new(runtime), retries, by: mark()? })
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What tells it from all others.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Returns what was asked of the server so far.
    pub fn requests(&self) -> Requests {
        self.bucket.requests()
    }

    pub(crate) fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    pub(crate) fn handle(&self) -> Handle {
        self.runtime.handle().clone()
    }

    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Makes a remote, after proving that its server keeps what remotes stand on.
    ///
    /// # Errors
    /// [`Error::Untrustworthy`], [`Error::AlreadyExists`], and failures of the server.
    pub fn init(&self, cache: &Cache, stores: &dyn Stores) -> Result<Root> {
        let staging = Staging::new(cache.folder())?;
        let dir = staging.path().join("container");
        fs::create_dir(&dir).map_err(Error::file("create", &dir))?;
        stores.create(&dir)?;
        let path = dir.join("container.json");
        let container = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
        self.wait(async {
            match self.bucket.newest(self.retries).await {
                Err(Error::NoRemote) => {}
                Ok(_) => return Err(Error::AlreadyExists),
                Err(error) => return Err(error),
            }
            self.bucket.prove().await?;
            let root = self.bucket.found(Root::first(&self.by, &container), self.retries).await?;
            // For whoever copies the bucket. A remote is one without them.
            self.bucket.put("container.json", Bytes::from(container)).await?;
            self.bucket.put("index/log-0.jsonl", Bytes::new()).await?;
            self.bucket.put("index/manifest.json", manifest_of(&root).into()).await?;
            Ok(root)
        })
    }

    /// Returns the newest root. `known`: a root that is likely to be it.
    ///
    /// # Errors
    /// [`Error::NoRemote`] and failures of the server.
    pub fn newest(&self, known: Option<Root>) -> Result<Root> {
        Ok(self.newest_of(known)?.0)
    }

    /// Returns the newest root, and whether the one that is known is of the same remote, and was there before it.
    pub(crate) fn newest_of(&self, known: Option<Root>) -> Result<(Root, bool)> {
        self.wait(async {
            match known {
                Some(known) => self.bucket.newer(known, self.retries).await,
                None => Ok((self.bucket.newest(self.retries).await?, false)),
            }
        })
    }

    /// Makes the next root, as [`Bucket::commit`] does.
    pub(crate) fn commit(&self, newest: Root, change: impl FnMut(Root) -> Result<Root>) -> Result<Root> {
        self.commit_trying(newest, self.retries, change)
    }

    /// Makes the next root of this one; [`Error::Contended`] when somebody else has made it.
    pub(crate) fn commit_upon(&self, newest: Root, change: impl FnMut(Root) -> Result<Root>) -> Result<Root> {
        self.commit_trying(newest, Retries { rebases: 0, ..self.retries }, change)
    }

    fn commit_trying(
        &self,
        newest: Root,
        retries: Retries,
        mut change: impl FnMut(Root) -> Result<Root>,
    ) -> Result<Root> {
        let runs = newest.runs.clone();
        let root =
            self.wait(self.bucket.commit(newest, retries, |root| Ok(Root { by: self.by.clone(), ..change(root)? })))?;
        if root.runs != runs {
            // For whoever copies the bucket. What is there may be that of another root, whose files are there as well.
            let _ = self.wait(self.bucket.put("index/manifest.json", manifest_of(&root).into()));
        }
        Ok(root)
    }

    /// Takes numbers of packs and runs that nobody else gets. Returns the first.
    pub(crate) fn reserve(&self, numbers: u32) -> Result<u32> {
        let newest = self.newest(None)?;
        let mut first = 0;
        self.commit(newest, |mut root| {
            first = root.reserve(numbers)?;
            Ok(root)
        })?;
        Ok(first)
    }
}
