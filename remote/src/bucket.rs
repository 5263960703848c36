//! A prefix of a bucket, and the account of what was asked of it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{
    Error as StoreError, GetOptions, GetRange, GetResult, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions,
};

use crate::account::{Account, Requests};
use crate::{Error, Result};

/// A prefix of a bucket. Clones share their account.
#[derive(Clone)]
pub struct Bucket {
    pub(crate) store: Arc<dyn ObjectStore>,
    prefix: Path,
    pub(crate) account: Arc<Account>,
    secrets: Arc<[String]>,
    /// The server, where the URL does not say it.
    endpoint: Arc<str>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Stores show how they are configured, which is nobody's to see.
        f.debug_struct("Bucket").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// An object of a bucket, as listings tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its name below the folder that was listed.
    pub(crate) name: String,
    /// When it was written, in seconds since 1970 by the server's clock.
    pub(crate) written: i64,
    pub(crate) size: u64,
}

impl Bucket {
    /// What is below `prefix`.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: Path) -> Self {
        Bucket { store, prefix, account: Arc::default(), secrets: Arc::default(), endpoint: "".into() }
    }

    /// Returns the same bucket. No error of it contains one of these texts.
    pub fn hiding(self, secrets: Vec<String>) -> Self {
        Bucket { secrets: secrets.into(), ..self }
    }

    /// Returns the same bucket, at a server that its URL does not name.
    pub(crate) fn at_endpoint(self, endpoint: &str) -> Self {
        Bucket { endpoint: endpoint.into(), ..self }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns what was asked of the server so far, by all clones.
    pub fn requests(&self) -> Requests {
        self.account.requests()
    }

    /// Reads an object of at most `max` bytes; `None` when there is none of this name.
    pub(crate) async fn get(&self, name: &str, max: u64) -> Result<Option<Bytes>> {
        Ok(self.get_dated(name, max).await?.map(|(bytes, _)| bytes))
    }

    /// Reads an object of at most `max` bytes, and when it was written, in seconds by the server's clock.
    pub(crate) async fn get_dated(&self, name: &str, max: u64) -> Result<Option<(Bytes, i64)>> {
        self.account.reads(1);
        // A server that sends more is not listened to.
        let range = Some(GetRange::Bounded(0..max + 1));
        let found = match self.store.get_opts(&self.path(name), GetOptions { range, ..GetOptions::default() }).await {
            Err(StoreError::NotFound { .. }) => return Ok(None),
            // Of an object without bytes there is no first one to ask for.
            Err(error) => {
                self.account.reads(1);
                return match self.store.head(&self.path(name)).await {
                    Ok(meta) if meta.size == 0 => Ok(Some((Bytes::new(), meta.last_modified.timestamp()))),
                    _ => Err(self.failed("read", name, &error)),
                };
            }
            Ok(found) => found,
        };
        if found.meta.size > max || found.range.end - found.range.start > max {
            return Err(Error::Corrupt(name.into(), format!("it has more than {max} bytes")));
        }
        let written = found.meta.last_modified.timestamp();
        let bytes = self.limited(name, found, max).await?;
        Ok(Some((bytes, written)))
    }

    /// Returns when an object was written, in seconds by the server's clock; `None` when there is none of this name.
    pub(crate) async fn written(&self, name: &str) -> Result<Option<i64>> {
        self.account.reads(1);
        match self.store.head(&self.path(name)).await {
            Ok(meta) => Ok(Some(meta.last_modified.timestamp())),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("examine", name, &error)),
        }
    }

    /// Reads bytes of an object that has them.
    pub(crate) async fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes> {
        self.account.reads(1);
        let wanted = range.end - range.start;
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let found = match self.store.get_opts(&self.path(name), options).await {
            Ok(found) => found,
            Err(StoreError::NotFound { .. }) => {
                return Err(Error::Corrupt(name.into(), "the remote names it, and it is not there".into()));
            }
            Err(error) => return Err(self.failed("read", name, &error)),
        };
        let bytes = self.limited(name, found, wanted).await?;
        if bytes.len() as u64 != wanted {
            return Err(Error::Corrupt(name.into(), "it is shorter than the remote says".into()));
        }
        Ok(bytes)
    }

    /// Reads what comes, which must not be more than `max` bytes.
    async fn limited(&self, name: &str, found: GetResult, max: u64) -> Result<Bytes> {
        let (mut bytes, mut parts) = (BytesMut::new(), found.into_stream());
        while let Some(part) = parts.try_next().await.map_err(|error| self.failed("read", name, &error))? {
            self.account.received(part.len() as u64);
            if (bytes.len() + part.len()) as u64 > max {
                return Err(Error::Corrupt(name.into(), format!("more than {max} bytes came")));
            }
            bytes.extend_from_slice(&part);
        }
        Ok(bytes.freeze())
    }

    /// Writes an object, whatever is there.
    pub(crate) async fn put(&self, name: &str, content: Bytes) -> Result<()> {
        self.put_by(name, content, PutMode::Overwrite).await.map_err(|error| self.failed("write", name, &error))
    }

    /// Creates an object, if there is none of this name. A failure says nothing of whether it was created.
    pub(crate) async fn create(&self, name: &str, content: Bytes) -> Result<(), StoreError> {
        self.put_by(name, content, PutMode::Create).await
    }

    async fn put_by(&self, name: &str, content: Bytes, mode: PutMode) -> Result<(), StoreError> {
        self.account.writes(1, content.len() as u64);
        self.store.put_opts(&self.path(name), content.into(), PutOptions { mode, ..PutOptions::default() }).await?;
        Ok(())
    }

    /// Deletes an object, if there is one.
    pub(crate) async fn delete(&self, name: &str) -> Result<()> {
        self.account.deletes(1);
        match self.store.delete(&self.path(name)).await {
            Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("delete", name, &error)),
        }
    }

    /// Returns what is below a folder: a request for each thousand of them.
    pub(crate) async fn list(&self, folder: &str) -> Result<Vec<Listed>> {
        let below = self.path(folder);
        let found: Vec<_> = self
            .store
            .list(Some(&below))
            .map(|meta| {
                let meta = meta?;
                let parts = meta.location.prefix_match(&below);
                let name = parts.map(|parts| parts.map(|part| part.as_ref().to_string()).collect::<Vec<_>>().join("/"));
                let (written, size) = (meta.last_modified.timestamp(), meta.size);
                Ok(name.map(|name| Listed { name, written, size }))
            })
            .try_collect()
            .await
            .map_err(|error| self.failed("list", folder, &error))?;
        self.account.writes(1 + found.len() as u64 / 1000, 0);
        Ok(found.into_iter().flatten().collect())
    }

    pub(crate) fn path(&self, name: &str) -> Path {
        name.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }

    /// The error for an operation on an object.
    pub(crate) fn failed(&self, operation: &str, name: &str, error: &StoreError) -> Error {
        Error::Failed(format!("{operation} {name}"), self.problem(error))
    }

    /// What a server said, or what kept it from saying something.
    pub(crate) fn problem(&self, error: &StoreError) -> String {
        redacted(&error.to_string(), &self.secrets)
    }
}

/// A text without secrets that are known.
pub(crate) fn redacted(text: &str, secrets: &[String]) -> String {
    secrets.iter().fold(text.to_string(), |text, secret| text.replace(&**secret, "[hidden]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_in_no_error() {
        let bucket = Bucket::new(Arc::new(object_store::memory::InMemory::new()), Path::from("x"));
        let bucket = bucket.hiding(vec!["topsecret".into()]);
        let said = StoreError::Generic { store: "S3", source: "<Key>topsecret</Key> is unknown".into() };
        let error = bucket.failed("read", "root/latest", &said);
        assert!(error.to_string().contains("<Key>[hidden]</Key>"), "{error}");
        assert!(!format!("{error:?} {bucket:?}").contains("topsecret"));
    }
}
