//! A remote whose bytes are fetched once more before anybody is told that they are damaged.

use std::sync::Arc;

use loosepack::store::{Adder, Block, Found, ReadMany, Reader};
use loosepack::{
    Compression, Config, Durability, Error, GcOptions, Job, ObjectId, ObjectInfo, PackInfo, Part, RepackOptions,
    Result, Stats, Store,
};

use crate::cache::Fetcher;

/// A container that a view shows. What is found damaged is forgotten, fetched again, and read again, once.
pub struct Afresh {
    store: Box<dyn Store>,
    fetcher: Arc<Fetcher>,
}

impl Afresh {
    /// `fetcher`: that of the view that `store` is in.
    pub fn new(store: Box<dyn Store>, fetcher: Arc<Fetcher>) -> Self {
        Afresh { store, fetcher }
    }

    fn twice<T>(&self, read: impl Fn() -> Result<T>) -> Result<T> {
        match read() {
            Err(Error::Corrupt(_)) => {
                self.fetcher.forget();
                read()
            }
            read => read,
        }
    }
}

impl Store for Afresh {
    fn get(&self, id: &ObjectId) -> Result<Vec<u8>> {
        self.twice(|| self.store.get(id))
    }

    fn reader(&self, id: &ObjectId) -> Result<Box<dyn Reader + '_>> {
        self.twice(|| self.store.reader(id))
    }

    fn read_many(&self, ids: Vec<ObjectId>) -> Result<Box<dyn ReadMany + '_>> {
        let many = self.twice(|| self.store.read_many(ids.clone()))?;
        Ok(Box::new(Again { store: self, ids, many }))
    }

    fn contains(&self, ids: &[ObjectId]) -> Result<Vec<bool>> {
        self.twice(|| self.store.contains(ids))
    }

    fn info_many(&self, ids: &[ObjectId]) -> Result<Vec<Option<ObjectInfo>>> {
        self.twice(|| self.store.info_many(ids))
    }

    fn objects(&self, after: Option<&ObjectId>, limit: u32) -> Result<Vec<ObjectId>> {
        self.twice(|| self.store.objects(after, limit))
    }

    crate::through::delegate!(store);
}

/// Many objects that are read. One that is damaged is read again by itself.
struct Again<'a> {
    store: &'a Afresh,
    ids: Vec<ObjectId>,
    many: Box<dyn ReadMany + 'a>,
}

impl ReadMany for Again<'_> {
    fn next_block(&mut self) -> Result<Block> {
        let mut block = self.many.next_block()?;
        for (position, found) in &mut block.items {
            if matches!(found, Found::Failed(Error::Corrupt(_)))
                && let Ok(bytes) = self.store.get(&self.ids[*position as usize])
            {
                let start = block.bytes.len();
                block.bytes.extend_from_slice(&bytes);
                *found = Found::Bytes(start..block.bytes.len());
            }
        }
        Ok(block)
    }
}
