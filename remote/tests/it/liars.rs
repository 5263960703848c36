//! Stores that accept a condition and do not heed it.

use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt as _,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// How a store lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    /// The condition is ignored.
    Ignores,
    /// It looks first and writes then: one after the other they see the truth, at once they all win.
    Looks,
    /// What is there is left, and who comes later is told that it was written.
    Flatters,
    /// Nothing is written, and everybody is told that it was.
    Forgets,
}

/// A store that lies.
#[derive(Debug)]
pub(crate) struct Liar(InMemory, Lie);

impl Liar {
    pub(crate) fn new(lie: Lie) -> Self {
        Liar(InMemory::new(), lie)
    }
}

impl fmt::Display for Liar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("liar")
    }
}

#[async_trait]
impl ObjectStore for Liar {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        if options.mode != PutMode::Create {
            return self.0.put_opts(location, payload, options).await;
        }
        let unconditional = PutOptions::default();
        let done = Ok(PutResult { e_tag: None, version: None, extensions: Default::default() });
        match self.1 {
            Lie::Ignores => self.0.put_opts(location, payload, unconditional).await,
            Lie::Looks => {
                let found = self.0.head(location).await;
                tokio::task::yield_now().await;
                match found {
                    Ok(_) => self.0.put_opts(location, payload, options).await,
                    Err(_) => self.0.put_opts(location, payload, unconditional).await,
                }
            }
            Lie::Flatters => self.0.put_opts(location, payload, options).await.or(done),
            Lie::Forgets => done,
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.0.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.0.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.0.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, options).await
    }
}
