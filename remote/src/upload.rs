//! Uploading files.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use object_store::ObjectStoreExt as _;

use crate::bucket::Bucket;
use crate::{Error, Result};

/// A file of at most this many bytes is one request; a larger one goes in parts of so many.
const PART: u64 = 16 << 20;

/// Parts that a file may have: what S3 allows, and some that are left.
const PARTS: u64 = 9_000;

/// Parts on their way at once: they are in memory.
const PARALLEL: usize = 4;

impl Bucket {
    /// Writes an object with the bytes of a file, whatever is there. `sent` is told of bytes that have arrived.
    pub(crate) async fn upload(&self, name: &str, path: &Path, mut sent: impl FnMut(u64)) -> Result<u64> {
        self.upload_in_parts(name, path, PART, &mut sent).await
    }

    async fn upload_in_parts(&self, name: &str, path: &Path, part: u64, sent: &mut impl FnMut(u64)) -> Result<u64> {
        let mut file = File::open(path).map_err(Error::file("open", path))?;
        let size = file.metadata().map_err(Error::file("examine", path))?.len();
        let part = part.max(size.div_ceil(PARTS));
        let mut read = |left: u64| {
            let mut bytes = vec![0; part.min(left) as usize];
            file.read_exact(&mut bytes).map_err(Error::file("read", path))?;
            Ok::<Bytes, Error>(bytes.into())
        };
        if size <= part {
            self.put(name, read(size)?).await?;
            sent(size);
            return Ok(size);
        }
        let failed = |error| self.failed("write", name, &error);
        // One request begins it, one ends it.
        self.account.writes(2, 0);
        let mut upload = self.store.put_multipart(&self.path(name)).await.map_err(failed)?;
        let mut under_way: FuturesUnordered<BoxFuture<'_, Result<u64, object_store::Error>>> = FuturesUnordered::new();
        let (mut left, mut result) = (size, Ok(()));
        while result.is_ok() && (left > 0 || !under_way.is_empty()) {
            if left > 0 && under_way.len() < PARALLEL {
                match read(left) {
                    Ok(bytes) => {
                        let length = bytes.len() as u64;
                        left -= length;
                        self.account.writes(1, length);
                        let put = upload.put_part(bytes.into());
                        under_way.push(Box::pin(async move { put.await.map(|()| length) }));
                    }
                    Err(error) => result = Err(error),
                }
            } else if let Some(done) = under_way.next().await {
                result = done.map(&mut *sent).map_err(failed);
            }
        }
        drop(under_way);
        if result.is_ok() {
            result = upload.complete().await.map(drop).map_err(failed);
        }
        if result.is_err() {
            // Parts that stay cost money until the bucket's own rules remove them.
            let _ = upload.abort().await;
        }
        result.map(|()| size)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;
    use object_store::path::Path as StorePath;

    use super::*;

    #[tokio::test]
    async fn a_file_arrives_whole_in_whatever_parts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for size in [0, 1, 9, 10, 11, 100, 101] {
            let content: Vec<u8> = (0..size).collect();
            std::fs::write(&path, &content).unwrap();
            let bucket = Bucket::new(Arc::new(InMemory::new()), StorePath::from("x"));
            let mut sent = 0;
            bucket.upload_in_parts("packs/0", &path, 10, &mut |bytes| sent += bytes).await.unwrap();
            assert_eq!(bucket.get("packs/0", 1000).await.unwrap().unwrap(), content);
            assert_eq!((sent, bucket.requests().sent), (u64::from(size), u64::from(size)));
            let parts = if size <= 10 { 1 } else { 2 + u64::from(size).div_ceil(10) };
            assert_eq!(bucket.requests().writes, parts);
        }
        let bucket = Bucket::new(Arc::new(InMemory::new()), StorePath::from("x"));
        let missing = bucket.upload("packs/0", &folder.path().join("none"), |_| {}).await.unwrap_err();
        assert!(missing.to_string().contains("cannot open"), "{missing}");
    }
}
