//! A container that lacks objects which a remote has: they are read from there.

use std::cell::OnceCell;

use loosepack::store::{Adder, Block, Found, ReadMany, Reader};
use loosepack::{
    Compression, Config, Durability, Error, GcOptions, Job, ObjectId, ObjectInfo, PackInfo, Part, RepackOptions,
    Result, Stats, Store,
};

/// The functions of [`Store`] that are those of a field.
macro_rules! delegate {
    ($field:ident) => {
        fn id(&self) -> Result<String> {
            self.$field.id()
        }

        fn config(&self) -> Result<Config> {
            self.$field.config()
        }

        fn durability(&self) -> Result<Durability> {
            self.$field.durability()
        }

        fn add(&self, content: &[u8]) -> Result<ObjectId> {
            self.$field.add(content)
        }

        fn batch(&self) -> Result<Box<dyn Adder + '_>> {
            self.$field.batch()
        }

        fn pack_writer(&self, compression: Compression) -> Result<Box<dyn Adder + '_>> {
            self.$field.pack_writer(compression)
        }

        fn stats(&self) -> Result<Stats> {
            self.$field.stats()
        }

        fn pack_loose(&self, compression: Compression) -> Result<Box<dyn Job + '_>> {
            self.$field.pack_loose(compression)
        }

        fn pack_and_clean(&self, compression: Compression) -> Result<Box<dyn Job + '_>> {
            self.$field.pack_and_clean(compression)
        }

        fn clean(&self) -> Result<Box<dyn Job + '_>> {
            self.$field.clean()
        }

        fn delete(&self, ids: Vec<ObjectId>) -> Result<Box<dyn Job + '_>> {
            self.$field.delete(ids)
        }

        fn gc(&self, keep: Vec<ObjectId>, options: GcOptions) -> Result<Box<dyn Job + '_>> {
            self.$field.gc(keep, options)
        }

        fn packs(&self) -> Result<Vec<PackInfo>> {
            self.$field.packs()
        }

        fn repack(&self, options: RepackOptions) -> Result<Box<dyn Job + '_>> {
            self.$field.repack(options)
        }

        fn fold(&self) -> Result<Box<dyn Job + '_>> {
            self.$field.fold()
        }

        fn verify(&self, part: Part) -> Result<Box<dyn Job + '_>> {
            self.$field.verify(part)
        }

        fn reindex(&self) -> Result<Box<dyn Job + '_>> {
            self.$field.reindex()
        }

        fn force_unlock(&self) -> Result<Option<String>> {
            self.$field.force_unlock()
        }
    };
}

pub(crate) use delegate;

/// Opens a remote, when it is first needed.
pub type OpenRemote<'a> = Box<dyn Fn() -> Result<Box<dyn Store>> + 'a>;

/// A container, and a remote that is asked for objects that are not in it. All that writes, checks or counts is about the
/// container alone.
pub struct Through<'a> {
    here: Box<dyn Store>,
    there: OnceCell<Box<dyn Store>>,
    open: OpenRemote<'a>,
}

impl<'a> Through<'a> {
    /// Reads what `here` lacks from what `open` opens.
    pub fn new(here: Box<dyn Store>, open: OpenRemote<'a>) -> Self {
        Through { here, there: OnceCell::new(), open }
    }

    fn there(&self) -> Result<&dyn Store> {
        if self.there.get().is_none() {
            // Nobody else can have set it: it is not shared among threads.
            let _ = self.there.set((self.open)()?);
        }
        Ok(&**self.there.get().expect("it was just set"))
    }

    /// Does something with each of the objects that were not found here, and puts the answers in their places.
    fn with_absent<T>(
        &self,
        ids: &[ObjectId],
        mut answers: Vec<T>,
        is_absent: impl Fn(&T) -> bool,
        ask: impl FnOnce(&dyn Store, &[ObjectId]) -> Result<Vec<T>>,
    ) -> Result<Vec<T>> {
        let absent: Vec<usize> = (0..answers.len()).filter(|number| is_absent(&answers[*number])).collect();
        if absent.is_empty() {
            return Ok(answers);
        }
        let wanted: Vec<ObjectId> = absent.iter().map(|number| ids[*number]).collect();
        for (number, answer) in absent.into_iter().zip(ask(self.there()?, &wanted)?) {
            answers[number] = answer;
        }
        Ok(answers)
    }
}

impl Store for Through<'_> {
    fn get(&self, id: &ObjectId) -> Result<Vec<u8>> {
        match self.here.get(id) {
            Err(Error::NotFound(_)) => self.there()?.get(id),
            got => got,
        }
    }

    fn reader(&self, id: &ObjectId) -> Result<Box<dyn Reader + '_>> {
        match self.here.reader(id) {
            Err(Error::NotFound(_)) => self.there()?.reader(id),
            reader => reader,
        }
    }

    fn read_many(&self, ids: Vec<ObjectId>) -> Result<Box<dyn ReadMany + '_>> {
        let here = Some(self.here.read_many(ids.clone())?);
        Ok(Box::new(Both { store: self, ids, here, absent: Vec::new(), there: None }))
    }

    fn contains(&self, ids: &[ObjectId]) -> Result<Vec<bool>> {
        let found = self.here.contains(ids)?;
        self.with_absent(ids, found, |found| !found, |there, ids| there.contains(ids))
    }

    fn info_many(&self, ids: &[ObjectId]) -> Result<Vec<Option<ObjectInfo>>> {
        let infos = self.here.info_many(ids)?;
        self.with_absent(ids, infos, Option::is_none, |there, ids| there.info_many(ids))
    }

    fn objects(&self, after: Option<&ObjectId>, limit: u32) -> Result<Vec<ObjectId>> {
        let mut ids = self.here.objects(after, limit)?;
        ids.extend(self.there()?.objects(after, limit)?);
        ids.sort_unstable();
        ids.dedup();
        // Behind the last of a page that was cut short, the other side has more.
        ids.truncate(limit as usize);
        Ok(ids)
    }

    delegate!(here);
}

/// Objects of the container, and then those that it does not have.
struct Both<'a> {
    store: &'a Through<'a>,
    ids: Vec<ObjectId>,
    here: Option<Box<dyn ReadMany + 'a>>,
    /// Positions in `ids`.
    absent: Vec<u32>,
    there: Option<Box<dyn ReadMany + 'a>>,
}

impl ReadMany for Both<'_> {
    fn next_block(&mut self) -> Result<Block> {
        while let Some(here) = &mut self.here {
            let mut block = here.next_block()?;
            if block.items.is_empty() {
                self.here = None;
                break;
            }
            block.items.retain(|(position, found)| {
                let absent = matches!(found, Found::Missing);
                self.absent.extend(absent.then_some(*position));
                !absent
            });
            if !block.items.is_empty() {
                return Ok(block);
            }
        }
        if self.absent.is_empty() {
            return Ok(Block::default());
        }
        let there = match &mut self.there {
            Some(there) => there,
            None => {
                let wanted = self.absent.iter().map(|position| self.ids[*position as usize]).collect();
                self.there.insert(self.store.there()?.read_many(wanted)?)
            }
        };
        let mut block = there.next_block()?;
        for (position, _) in &mut block.items {
            *position = self.absent[*position as usize];
        }
        Ok(block)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use loosepack::dir::cap::CapDir;
    use loosepack::{Container, Options};

    use super::*;

    fn container(contents: &[&str]) -> (tempfile::TempDir, Box<dyn Store>) {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { durability: Durability::None, ..Options::default() };
        let container = Container::create(CapDir::open(folder.path()).unwrap(), Config::default(), options).unwrap();
        for content in contents {
            container.add(content.as_bytes()).unwrap();
        }
        (folder, Box::new(container))
    }

    fn id(content: &str) -> ObjectId {
        loosepack::codec::sha256(content.as_bytes())
    }

    #[test]
    fn what_is_not_here_is_read_from_there() {
        let (_here, here) = container(&["a", "b", "both"]);
        let folder = std::rc::Rc::new(OnceCell::new());
        let made = folder.clone();
        let store = Through::new(
            here,
            Box::new(move || {
                let (kept, there) = container(&["c", "both", "d"]);
                made.set(kept).expect("it is opened once");
                Ok(there)
            }),
        );
        assert_eq!(store.get(&id("a")).unwrap(), b"a");
        assert_eq!(store.contains(&[id("a"), id("b")]).unwrap(), [true, true]);
        assert!(folder.get().is_none(), "the remote was asked for what is here");
        assert_eq!(store.get(&id("c")).unwrap(), b"c");
        assert_eq!(store.get(&id("x")), Err(Error::NotFound(id("x"))));
        let asked = ["x", "d", "a", "c", "a", "both", "y"].map(id);
        assert_eq!(store.contains(&asked).unwrap(), [false, true, true, true, true, true, false]);
        let sizes: Vec<bool> = store.info_many(&asked).unwrap().iter().map(Option::is_some).collect();
        assert_eq!(sizes, [false, true, true, true, true, true, false]);
        let mut many = store.read_many(asked.to_vec()).unwrap();
        let mut found = BTreeSet::new();
        loop {
            let block = many.next_block().unwrap();
            if block.items.is_empty() {
                break;
            }
            found.extend(block.into_items().map(|(position, content)| (position, format!("{content:?}"))));
        }
        let positions: Vec<u32> = found.iter().map(|(position, _)| *position).collect();
        assert_eq!(positions, [0, 1, 2, 3, 5, 6]);
        for (position, content) in found {
            let missing = [0, 6].contains(&position);
            assert_eq!(content == "Missing", missing, "{position}: {content}");
        }
        let mut all: Vec<ObjectId> = ["a", "b", "both", "c", "d"].map(id).to_vec();
        all.sort_unstable();
        let mut listed = Vec::new();
        loop {
            let page = store.objects(listed.last(), 2).unwrap();
            if page.is_empty() {
                break;
            }
            listed.extend(page);
        }
        assert_eq!(listed, all);
    }
}
