//! Clients of S3 servers.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use loosepack_remote::Bucket;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, RetryConfig,
};

/// A prefix of a server's bucket, and how to reach it.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) prefix: Path,
}

impl Place {
    /// Makes a client that gives up soon: these servers are on this machine.
    pub(crate) fn new(environment: Vec<(String, String)>, url: &str) -> Place {
        // The only one; another test may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let backoff = BackoffConfig { init_backoff: Duration::from_millis(50), ..BackoffConfig::default() };
        let retry = RetryConfig { backoff, max_retries: 2, retry_timeout: Duration::from_secs(10) };
        let options =
            ClientOptions::new().with_timeout(Duration::from_secs(10)).with_connect_timeout(Duration::from_secs(2));
        let mut builder = AmazonS3Builder::new().with_url(url).with_client_options(options).with_retry(retry);
        for (name, value) in environment {
            if let Ok(key) = name.to_lowercase().parse() {
                builder = builder.with_config(key, value);
            }
        }
        let (_, path) = url.strip_prefix("s3://").unwrap().split_once('/').unwrap();
        Place { store: Arc::new(builder.build().unwrap()), prefix: Path::from(path) }
    }

    pub(crate) fn bucket(&self) -> Bucket {
        Bucket::new(self.store.clone(), self.prefix.clone())
    }
}

/// A store whose requests go through two gateways by turns.
#[derive(Debug)]
pub(crate) struct ByTurns(pub(crate) [Arc<dyn ObjectStore>; 2], pub(crate) AtomicUsize);

impl ByTurns {
    fn next(&self) -> &dyn ObjectStore {
        &*self.0[self.1.fetch_add(1, Ordering::Relaxed) % 2]
    }
}

impl fmt::Display for ByTurns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("two gateways by turns")
    }
}

#[async_trait]
impl ObjectStore for ByTurns {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.next().put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.next().put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.next().get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.next().get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.next().delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.next().list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.next().list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.next().copy_opts(from, to, options).await
    }
}
