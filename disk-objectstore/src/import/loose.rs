//! Their loose objects.

use std::mem;

use loosepack::{Code, Dir as _, ObjectId};

use super::commit::Pending;
use super::{Importing, cannot_read};
use crate::Error;
use crate::index::Row;
use crate::key::Key;
use crate::layout::loose_path;
use crate::source::Opened;

/// Loose files that are looked for together.
const LOOSE_TOGETHER: usize = 4096;

impl Importing<'_, '_, '_> {
    /// Imports all loose objects.
    pub(super) fn loose(&mut self) -> Result<(), Error> {
        self.source = None;
        let (place, mut keys) = (self.place, Vec::with_capacity(LOOSE_TOGETHER));
        place.each_loose(self.config.hash, self.config.prefix, |key| {
            keys.push(key);
            if keys.len() < LOOSE_TOGETHER { Ok(()) } else { self.loose_files(&mem::take(&mut keys)) }
        })?;
        self.loose_files(&keys)?;
        self.settle()
    }

    fn loose_files(&mut self, keys: &[Key]) -> Result<(), Error> {
        let mut present = vec![false; keys.len()];
        if self.skip {
            let ids: Vec<ObjectId> = keys.iter().filter_map(Key::id).collect();
            present = self.store.contains(&ids)?;
        }
        for (key, present) in keys.iter().zip(present) {
            self.counts.done += 1;
            if present {
                self.counts.present += 1;
                continue;
            }
            let mut file = match Opened::open(&self.place.dir, &loose_path(key, self.config.prefix)) {
                // Packed and removed meanwhile: the index is read again.
                Err(Code::NotFound) => continue,
                Err(code) => {
                    self.problem(key, &cannot_read(code));
                    continue;
                }
                Ok(file) => file,
            };
            let len = file.len;
            if let Err(problem) =
                self.object(&mut file, &Row { key: *key, compressed: false, size: len, offset: 0, length: len })?
            {
                self.problem(key, &problem);
            }
        }
        self.report.progress(&self.counts);
        Ok(())
    }

    /// Removes the files of loose objects that are durable in our container and have been read back.
    pub(super) fn remove_loose(&self, pending: &[Pending]) -> Result<(), Error> {
        for Pending { key, .. } in pending.iter().filter(|pending| pending.loose) {
            let path = loose_path(key, self.config.prefix);
            match self.place.dir.remove_file(&path) {
                Ok(()) | Err(Code::NotFound) => {}
                Err(code) => return Err(self.place.failed("remove", &path, code)),
            }
        }
        Ok(())
    }
}
