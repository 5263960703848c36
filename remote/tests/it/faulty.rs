//! A store in memory that fails when it is told to.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// What happens to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not done, and fails.
    Refused,
    /// It is done, and the answer does not come.
    Lost,
    /// It is done, and the answer is that somebody else was faster (409), as of a request that was sent twice.
    Conflict,
    /// It is not done, and neither is any after it: the process has ended.
    Stopped,
    /// It is done, and nothing after it.
    LostAndStopped,
}

impl Fault {
    pub(crate) const ALL: [Fault; 5] =
        [Fault::Refused, Fault::Lost, Fault::Conflict, Fault::Stopped, Fault::LostAndStopped];
}

/// A store that fails at one operation. Clones of what it is made of go on without it.
#[derive(Debug)]
pub(crate) struct Faulty {
    inner: Arc<InMemory>,
    done: AtomicU64,
    at: u64,
    fault: Fault,
}

impl Faulty {
    pub(crate) fn new(inner: Arc<InMemory>, at: u64, fault: Fault) -> Self {
        Faulty { inner, done: AtomicU64::new(0), at, fault }
    }

    /// Operations so far.
    pub(crate) fn operations(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    async fn run<T>(&self, location: &Path, operation: impl Future<Output = Result<T>>) -> Result<T> {
        // Others get their turn between any two operations.
        tokio::task::yield_now().await;
        let number = self.done.fetch_add(1, Ordering::Relaxed);
        let error = || Error::Generic { store: "faulty", source: format!("{:?}", self.fault).into() };
        let stops = matches!(self.fault, Fault::Stopped | Fault::LostAndStopped);
        if number > self.at && stops {
            return Err(error());
        }
        if number != self.at {
            return operation.await;
        }
        match self.fault {
            Fault::Refused | Fault::Stopped => Err(error()),
            Fault::Lost | Fault::LostAndStopped => operation.await.and(Err(error())),
            Fault::Conflict => {
                let conflict = Error::AlreadyExists { path: location.to_string(), source: "conflict".into() };
                operation.await.and(Err(conflict))
            }
        }
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.run(location, self.inner.put_opts(location, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.run(location, self.inner.put_multipart_opts(location, options)).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.run(location, self.inner.get_opts(location, options)).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.run(location, self.inner.get_ranges(location, ranges)).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
