//! Commits: what was imported becomes durable, and is read back before its source goes.

use std::mem;

use loosepack::ObjectId;
use loosepack::store::Found;

use super::Importing;
use crate::Error;
use crate::key::Key;
use crate::source::SMALL;

/// Objects after which all is committed: what a kill costs at most, and what is remembered.
const COMMIT_OBJECTS: usize = 65_536;
/// The same limit, in bytes.
const COMMIT_BYTES: u64 = 1 << 30;

/// An object that was handed to the adder.
pub(super) struct Pending {
    pub(super) key: Key,
    pub(super) id: ObjectId,
    pub(super) loose: bool,
}

impl Importing<'_, '_, '_> {
    pub(super) fn commit_if_many(&mut self) -> Result<(), Error> {
        if self.pending.len() >= COMMIT_OBJECTS || self.pending_bytes >= COMMIT_BYTES {
            return self.commit();
        }
        Ok(())
    }

    /// Makes durable what was handed over, and reports it. If sources are removed, it is read back first.
    pub(super) fn commit(&mut self) -> Result<(), Error> {
        let committed = self.adding.adder().commit();
        committed.map_err(|error| self.adding.cause(error))?;
        let pending = mem::take(&mut self.pending);
        self.pending_bytes = 0;
        if self.import.remove {
            self.read_back(&pending)?;
        }
        let renamed = pending.iter().filter(|_| self.import.rehash);
        let renamed: Vec<(String, ObjectId)> = renamed.map(|pending| (pending.key.to_string(), pending.id)).collect();
        self.report.committed(&self.counts, &renamed)?;
        if self.import.remove { self.remove_loose(&pending) } else { Ok(()) }
    }

    /// Reads objects from our container, which checks them.
    fn read_back(&mut self, pending: &[Pending]) -> Result<(), Error> {
        let mut batch = self.store.read_many(pending.iter().map(|pending| pending.id).collect())?;
        let mut large = Vec::new();
        loop {
            let block = batch.next_block()?;
            if block.items.is_empty() {
                break;
            }
            for (position, found) in block.items {
                let Some(Pending { key, id, .. }) = pending.get(position as usize) else { continue };
                match found {
                    Found::Bytes(_) => {}
                    Found::TooLarge(_) => large.push(*id),
                    Found::Missing => return Err(unreadable(key, &"it is missing")),
                    Found::Failed(error) => return Err(unreadable(key, &error)),
                }
            }
        }
        drop(batch);
        let mut buffer = vec![0; SMALL as usize];
        for id in large {
            let mut reader = self.store.reader(&id)?;
            while reader.read(&mut buffer)? > 0 {}
        }
        Ok(())
    }
}

fn unreadable(key: &Key, why: &dyn std::fmt::Display) -> Error {
    Error::Other(format!("object {key} cannot be read back after it was stored: {why}; its source stays"))
}
