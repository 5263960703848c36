//! Packs that are open for reading.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;

use crate::dir::{Dir, File};
use crate::disk::regular;
use crate::error::{Code, Context as _, Error, Result};
use crate::format::names;

/// Some packs, by number. The one that was not used for the longest time makes room for another.
pub(super) struct OpenPacks<F> {
    packs: BTreeMap<u32, OpenPack<F>>,
    most: usize,
    /// Counts uses.
    clock: u64,
}

struct OpenPack<F> {
    file: Arc<F>,
    /// Its size when it was last looked at.
    len: u64,
    /// When it was last used.
    used: u64,
}

impl<F: File> OpenPacks<F> {
    /// None yet, and never more than `most`.
    pub(super) fn new(most: usize) -> Self {
        OpenPacks { packs: BTreeMap::new(), most, clock: 0 }
    }

    /// Returns a pack and its size, which is looked at again when the pack ends before byte `end`; `None` when there is
    /// no such pack.
    pub(super) fn get<D: Dir<File = F>>(&mut self, dir: &D, number: u32, end: u64) -> Result<Option<(Arc<F>, u64)>> {
        self.clock += 1;
        if !self.packs.contains_key(&number) {
            let path = names::pack(number);
            let Some((file, found)) = with_room(|| regular::open(dir, &path), || self.shed())? else { return Ok(None) };
            while self.packs.len() >= self.most {
                self.drop_oldest();
            }
            self.packs.insert(number, OpenPack { file: Arc::new(file), len: found.len, used: 0 });
        }
        let pack = self.packs.get_mut(&number).expect("opened above");
        pack.used = self.clock;
        if end > pack.len {
            pack.len = pack.file.metadata().during("examine", &names::pack(number))?.len;
        }
        Ok(Some((pack.file.clone(), pack.len)))
    }

    /// Closes all of them.
    pub(super) fn clear(&mut self) {
        self.packs.clear();
    }

    /// Closes half of them, and keeps no more open from then on: what else this process opens needs room as well.
    /// Returns whether there was any.
    pub(super) fn shed(&mut self) -> bool {
        let open = self.packs.len();
        while self.packs.len() > open / 2 {
            self.drop_oldest();
        }
        self.most = self.most.min((open / 2).max(1));
        open > 0
    }

    fn drop_oldest(&mut self) {
        let oldest = self.packs.iter().min_by_key(|(_, pack)| pack.used).map(|(number, _)| *number);
        oldest.and_then(|number| self.packs.remove(&number));
    }
}

/// Opens something, and tries again as long as the system lets no more files be open and `shed` has closed some.
pub(super) fn with_room<T>(mut open: impl FnMut() -> Result<T>, mut shed: impl FnMut() -> bool) -> Result<T> {
    loop {
        match open() {
            Err(Error::Io(failure)) if failure.code == Code::TooManyFiles && shed() => {}
            result => return result,
        }
    }
}
