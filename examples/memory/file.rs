//! Files in memory, and locks on them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use loosepack::dir::{Kind, Metadata};
use loosepack::{Code, File};

/// An open file. It goes on when its name is removed, or taken by another.
#[derive(Clone)]
pub(crate) struct MemoryFile(Arc<Mutex<Content>>);

struct Content {
    bytes: Vec<u8>,
    modified: u64,
    locked: bool,
}

impl MemoryFile {
    /// An empty file.
    pub(crate) fn new() -> Self {
        MemoryFile(Arc::new(Mutex::new(Content { bytes: Vec::new(), modified: now(), locked: false })))
    }

    /// Locks it against all other handles; `None` when it is locked.
    pub(crate) fn try_lock(&self) -> Option<MemoryLock> {
        let was_locked = std::mem::replace(&mut lock(&self.0).locked, true);
        (!was_locked).then(|| MemoryLock(self.clone()))
    }
}

/// A lock, free again when dropped.
pub(crate) struct MemoryLock(MemoryFile);

impl Drop for MemoryLock {
    fn drop(&mut self) {
        lock(&self.0.0).locked = false;
    }
}

impl Content {
    /// Sizes come from the store, but what is in memory is bounded by it: no room is an error, and no abort.
    fn resize(&mut self, len: u64) -> Result<(), Code> {
        let len = usize::try_from(len).map_err(|_| Code::FileTooLarge)?;
        self.bytes.try_reserve(len.saturating_sub(self.bytes.len())).map_err(|_| Code::NoSpace)?;
        self.bytes.resize(len, 0);
        Ok(())
    }
}

impl File for MemoryFile {
    fn metadata(&self) -> Result<Metadata, Code> {
        let content = lock(&self.0);
        Ok(Metadata { kind: Kind::File, len: content.bytes.len() as u64, modified: content.modified, links: 1 })
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Code> {
        let content = lock(&self.0);
        let start = usize::try_from(offset).map_or(content.bytes.len(), |start| start.min(content.bytes.len()));
        let len = buffer.len().min(content.bytes.len() - start);
        buffer[..len].copy_from_slice(&content.bytes[start..start + len]);
        Ok(len)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize, Code> {
        let mut content = lock(&self.0);
        let end = offset.checked_add(bytes.len() as u64).ok_or(Code::FileTooLarge)?;
        if end > content.bytes.len() as u64 {
            content.resize(end)?;
        }
        // It lies in `bytes` now, so that it fits.
        let end = end as usize;
        content.bytes[end - bytes.len()..end].copy_from_slice(bytes);
        content.modified = now();
        Ok(bytes.len())
    }

    fn set_len(&self, len: u64) -> Result<(), Code> {
        let mut content = lock(&self.0);
        content.resize(len)?;
        content.modified = now();
        Ok(())
    }

    fn sync(&self) -> Result<(), Code> {
        Ok(())
    }
}

/// A panic elsewhere leaves no half-made change: each is one operation on a map or a vector.
pub(crate) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The present, in nanoseconds since 1970-01-01 UTC.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
