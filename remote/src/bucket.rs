//! A prefix of a bucket, and the account of what was asked of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{Error as StoreError, GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions};

use crate::{Error, Result};

/// What was asked of a server so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Requests {
    /// Requests that read: GET and HEAD.
    pub reads: u64,
    /// Requests that write or list, which are dearer: PUT and LIST.
    pub writes: u64,
    /// Requests that delete, which are free.
    pub deletes: u64,
    /// Bytes that came.
    pub received: u64,
    /// Bytes that went.
    pub sent: u64,
}

/// A prefix of a bucket. Clones share their account.
#[derive(Debug, Clone)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    account: Arc<Account>,
}

#[derive(Debug, Default)]
struct Account {
    reads: AtomicU64,
    writes: AtomicU64,
    deletes: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
}

fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

impl Bucket {
    /// What is below `prefix`.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: Path) -> Self {
        Bucket { store, prefix, account: Arc::default() }
    }

    /// Returns what was asked of the server so far, by all clones.
    pub fn requests(&self) -> Requests {
        let Account { reads, writes, deletes, received, sent } = &*self.account;
        let [reads, writes, deletes, received, sent] =
            [reads, writes, deletes, received, sent].map(|counter| counter.load(Ordering::Relaxed));
        Requests { reads, writes, deletes, received, sent }
    }

    /// Reads an object of at most `max` bytes; `None` when there is none of this name.
    pub(crate) async fn get(&self, name: &str, max: u64) -> Result<Option<Bytes>> {
        count(&self.account.reads, 1);
        // A server that sends more is not listened to.
        let range = Some(GetRange::Bounded(0..max + 1));
        let found = match self.store.get_opts(&self.path(name), GetOptions { range, ..GetOptions::default() }).await {
            Err(StoreError::NotFound { .. }) => return Ok(None),
            // Of an object without bytes there is no first one to ask for.
            Err(error) => {
                count(&self.account.reads, 1);
                return match self.store.head(&self.path(name)).await {
                    Ok(meta) if meta.size == 0 => Ok(Some(Bytes::new())),
                    _ => Err(failed("read", name, error)),
                };
            }
            Ok(found) => found,
        };
        if found.meta.size > max || found.range.end - found.range.start > max {
            return Err(Error::Corrupt(name.into(), format!("it has more than {max} bytes")));
        }
        let bytes = found.bytes().await.map_err(|error| failed("read", name, error))?;
        count(&self.account.received, bytes.len() as u64);
        Ok(Some(bytes))
    }

    /// Writes an object, whatever is there.
    pub(crate) async fn put(&self, name: &str, content: Bytes) -> Result<()> {
        self.put_by(name, content, PutMode::Overwrite).await.map_err(|error| failed("write", name, error))
    }

    /// Creates an object, if there is none of this name. A failure says nothing of whether it was created.
    pub(crate) async fn create(&self, name: &str, content: Bytes) -> Result<(), StoreError> {
        self.put_by(name, content, PutMode::Create).await
    }

    async fn put_by(&self, name: &str, content: Bytes, mode: PutMode) -> Result<(), StoreError> {
        count(&self.account.writes, 1);
        count(&self.account.sent, content.len() as u64);
        self.store.put_opts(&self.path(name), content.into(), PutOptions { mode, ..PutOptions::default() }).await?;
        Ok(())
    }

    /// Deletes an object, if there is one.
    pub(crate) async fn delete(&self, name: &str) -> Result<()> {
        count(&self.account.deletes, 1);
        match self.store.delete(&self.path(name)).await {
            Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed("delete", name, error)),
        }
    }

    /// Returns the names below a folder: a request for each thousand of them.
    pub(crate) async fn list(&self, folder: &str) -> Result<Vec<String>> {
        let below = self.path(folder);
        let found: Vec<_> =
            self.store.list(Some(&below)).try_collect().await.map_err(|error| failed("list", folder, error))?;
        count(&self.account.writes, 1 + found.len() as u64 / 1000);
        let names = found.iter().filter_map(|meta| meta.location.prefix_match(&below));
        Ok(names.map(|parts| parts.map(|part| part.as_ref().to_string()).collect::<Vec<_>>().join("/")).collect())
    }

    fn path(&self, name: &str) -> Path {
        name.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }
}

/// The error for an operation on an object.
pub(crate) fn failed(operation: &str, name: &str, error: StoreError) -> Error {
    Error::Failed(format!("{operation} {name}"), Box::new(error))
}
