//! Random work compared with a map: whatever is done in whichever order, a container holds what the map holds, however
//! it is reached. The tests of the store and those of the host run it over [`Store`]s of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use loosepack::codec::{Compressing, sha256};
use loosepack::io::ReadSource;
use loosepack::store::Adder;
use loosepack::{
    Compression, Content, Error, GcOptions, Job, ObjectId, PackedObject, Part, Placement, RepackOptions, Store,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{noise, setting};

/// Handles on the container, which take turns.
const HANDLES: usize = 3;

/// Opens the container.
pub(crate) type Open<'a> = &'a dyn Fn() -> Box<dyn Store>;

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Add(Bytes),
    /// Loose, durable together.
    AddTogether(Vec<Bytes>, End),
    Pack(Compression),
    PackDirectly(Vec<Bytes>, Compression, End),
    PackAndClean(Compression),
    Clean,
    Delete(Vec<Bytes>),
    /// Delete packed objects but these. Loose ones are too young.
    Collect(Vec<Bytes>),
    Repack(Option<Compression>, Option<u8>),
    Get(Bytes),
    ReadFrom(Bytes, u64),
    ReadMany(Vec<Bytes>),
    List(u32),
    Stats,
    Verify,
    Reindex,
    Fold,
    /// Open the handle of this number again.
    Reopen(usize),
    /// Go on with the handle of this number.
    Switch(usize),
}

/// The end of a writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Commit,
    Drop,
}

/// Few different ones, so that steps meet the same objects again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bytes {
    seed: u64,
    len: usize,
    compressible: bool,
}

impl Bytes {
    fn get(self) -> Vec<u8> {
        if !self.compressible {
            return noise(self.len, self.seed);
        }
        let mut bytes = format!("{}: a text that repeats itself\n", self.seed).repeat(self.len / 20 + 1).into_bytes();
        bytes.truncate(self.len);
        bytes
    }
}

fn bytes() -> impl Strategy<Value = Bytes> {
    let len = prop_oneof![
        12 => prop::sample::select(vec![0, 1, 10, 100, 1000]),
        3 => 0..5000_usize,
        1 => prop::sample::select(vec![65_536, 262_145, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (2 << 20) + 3]),
    ];
    (0..6_u64, len, any::<bool>()).prop_map(|(seed, len, compressible)| Bytes { seed, len, compressible })
}

fn step() -> impl Strategy<Value = Step> {
    let compression = || prop::sample::select(vec![Compression::Never, Compression::Always, Compression::Auto]);
    let end = || prop::sample::select(vec![End::Commit, End::Drop]);
    prop_oneof![
        6 => bytes().prop_map(Step::Add),
        3 => (vec(bytes(), 0..5), end()).prop_map(|(contents, end)| Step::AddTogether(contents, end)),
        3 => compression().prop_map(Step::Pack),
        4 => (vec(bytes(), 0..6), compression(), end()).prop_map(|(b, c, e)| Step::PackDirectly(b, c, e)),
        3 => Just(Step::Clean),
        1 => compression().prop_map(Step::PackAndClean),
        2 => vec(bytes(), 0..6).prop_map(Step::Delete),
        1 => vec(bytes(), 0..20).prop_map(Step::Collect),
        2 => (prop::option::of(compression()), prop::option::of(0..=100_u8)).prop_map(|(c, d)| Step::Repack(c, d)),
        3 => bytes().prop_map(Step::Get),
        2 => (bytes(), 0..2_000_000_u64).prop_map(|(bytes, from)| Step::ReadFrom(bytes, from)),
        2 => vec(bytes(), 0..8).prop_map(Step::ReadMany),
        2 => (1..20_u32).prop_map(Step::List),
        1 => Just(Step::Stats),
        1 => Just(Step::Verify),
        1 => Just(Step::Reindex),
        1 => Just(Step::Fold),
        2 => (0..HANDLES).prop_map(Step::Reopen),
        4 => (0..HANDLES).prop_map(Step::Switch),
    ]
}

/// The zlib stream of an object, if that is a shorter one of at most 1 MiB.
fn zlib(bytes: &[u8]) -> Option<Vec<u8>> {
    let all = 0..u32::try_from(bytes.len()).ok().filter(|len| *len <= 1 << 20)?;
    Compressing::start(Arc::new(bytes.into()), vec![all], 6, Compression::Always).finish().pop()?
}

/// Work of fewer than `length` steps.
pub(crate) fn steps(length: usize) -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..length)
}

/// Runs `number` cases, or `LOOSEPACK_CASES`.
pub(crate) fn cases(number: u64) -> ProptestConfig {
    let cases = u32::try_from(setting("LOOSEPACK_CASES", number)).expect("not that many");
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 2000, ..ProptestConfig::default() }
}

/// Does the steps in a container that is empty, and compares all it holds in the end as well.
pub(crate) fn run(open: Open<'_>, steps: &[Step]) {
    let handles = (0..HANDLES).map(|_| open()).collect();
    let mut world = World { open, handles, current: 0, model: BTreeMap::new() };
    steps.iter().for_each(|step| world.step(step));
    for handle in 0..HANDLES {
        world.current = handle;
        world.model.keys().for_each(|id| world.check(id));
        world.check_many(world.model.keys().copied().collect());
        world.check_stats();
        world.check_list(1000);
    }
}

struct World<'a> {
    open: Open<'a>,
    handles: Vec<Box<dyn Store>>,
    current: usize,
    model: BTreeMap<ObjectId, Vec<u8>>,
}

impl World<'_> {
    fn store(&self) -> &dyn Store {
        &*self.handles[self.current]
    }

    fn keep(&mut self, bytes: Vec<u8>) {
        self.model.insert(sha256(&bytes), bytes);
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Add(bytes) => {
                let bytes = bytes.get();
                assert_eq!(self.store().add(&bytes), Ok(sha256(&bytes)));
                self.keep(bytes);
            }
            Step::AddTogether(contents, end) => {
                let contents = contents.iter().map(|bytes| bytes.get()).collect();
                self.add_all(contents, *end, |store| store.batch().expect("it can be written to"));
            }
            Step::PackDirectly(contents, compression, end) => {
                let contents = contents.iter().map(|bytes| bytes.get()).collect();
                self.add_all(contents, *end, |store| store.pack_writer(*compression).expect("nobody else packs"));
            }
            Step::Pack(compression) => self.finish(|store| store.pack_loose(*compression)),
            Step::PackAndClean(compression) => self.finish(|store| store.pack_and_clean(*compression)),
            Step::Repack(compression, min_dead) => {
                let options =
                    RepackOptions { min_dead: *min_dead, compression: *compression, ..RepackOptions::default() };
                self.finish(|store| store.repack(options));
                let packs = self.store().packs().expect("it counts");
                assert_eq!(packs.iter().map(|pack| pack.objects).sum::<u64>(), self.packed());
            }
            Step::Collect(contents) => self.collect(contents.iter().map(|bytes| sha256(&bytes.get())).collect()),
            Step::Clean => self.finish(|store| store.clean()),
            Step::Verify => self.finish(|store| store.verify(Part::default())),
            Step::Reindex => self.finish(|store| store.reindex()),
            Step::Fold => self.finish(|store| store.fold()),
            Step::Delete(contents) => {
                let ids: Vec<ObjectId> = contents.iter().map(|bytes| sha256(&bytes.get())).collect();
                self.finish(|store| store.delete(ids.clone()));
                ids.iter().for_each(|id| drop(self.model.remove(id)));
                // Other handles may find deleted objects until they reread the index, which this makes them do.
                for store in &self.handles {
                    store.stats().expect("it counts");
                }
            }
            Step::Get(bytes) => self.check(&sha256(&bytes.get())),
            Step::ReadFrom(bytes, from) => self.check_reader(&sha256(&bytes.get()), *from),
            Step::ReadMany(contents) => {
                self.check_many(contents.iter().map(|bytes| sha256(&bytes.get())).collect());
            }
            Step::List(limit) => self.check_list(*limit),
            Step::Stats => self.check_stats(),
            Step::Reopen(number) => self.handles[*number] = (self.open)(),
            Step::Switch(number) => self.current = *number,
        }
    }

    fn packed(&self) -> u64 {
        self.store().stats().expect("it counts").packed_objects
    }

    fn collect(&mut self, keep: Vec<ObjectId>) {
        let would = GcOptions { dry_run: true, ..GcOptions::default() };
        let mut job = self.store().gc(keep.clone(), would).expect("it can be read");
        let would = job.finish().expect("nothing fails").objects;
        drop(job);
        let mut job = self.store().gc(keep.clone(), GcOptions::default()).expect("nobody else packs");
        assert_eq!(job.finish().expect("nothing fails").objects, would);
        drop(job);
        for store in &self.handles {
            store.stats().expect("it counts");
        }
        let ids: Vec<ObjectId> = self.model.keys().copied().collect();
        let found = self.store().contains(&ids).expect("it can be asked");
        let mut gone = 0;
        for (id, found) in ids.iter().zip(found) {
            assert!(found || !keep.contains(id), "what is named is kept");
            if !found {
                self.model.remove(id);
                gone += 1;
            }
        }
        assert_eq!(gone, would);
    }

    fn add_all(&mut self, contents: Vec<Vec<u8>>, end: End, writer: impl Fn(&dyn Store) -> Box<dyn Adder + '_>) {
        let mut writer = writer(self.store());
        let (first, rest) = contents.split_at(contents.len() / 2);
        let first: Vec<&[u8]> = first.iter().map(Vec::as_slice).collect();
        let streams: Vec<Option<Vec<u8>>> = first.iter().map(|bytes| zlib(bytes)).collect();
        let mut ids: Vec<ObjectId> = first.iter().map(|bytes| sha256(bytes)).collect();
        if !first.is_empty() && streams.iter().all(Option::is_some) {
            let objects = first.iter().zip(streams.iter().flatten());
            let objects = objects.map(|(bytes, stream)| PackedObject {
                id: sha256(bytes),
                size: bytes.len() as u64,
                payload: stream,
            });
            assert_eq!(writer.add_packed_many(&objects.collect::<Vec<_>>()), Ok(vec![true; first.len()]));
        } else {
            ids = writer.add_many(&first).expect("it writes");
        }
        for bytes in rest {
            let source = ReadSource::new("a reader", std::io::Cursor::new(bytes.clone()));
            ids.push(writer.add_source(Box::new(source)).expect("it writes"));
        }
        assert!(ids.iter().copied().eq(contents.iter().map(|bytes| sha256(bytes))));
        if end == End::Commit {
            writer.commit().expect("it commits");
        }
        drop(writer);
        // Uncommitted objects may exist all the same: a writer commits when it has gathered many.
        let found = self.store().contains(&ids).expect("it can be asked");
        assert!(end == End::Drop || !found.contains(&false), "what was committed is there");
        for (bytes, found) in contents.into_iter().zip(found) {
            if found {
                self.keep(bytes);
            }
        }
    }

    /// Does a job, which finds no damage.
    fn finish<'a>(&'a self, start: impl Fn(&'a dyn Store) -> loosepack::Result<Box<dyn Job + 'a>>) {
        let progress = start(self.store()).expect("it starts").finish().expect("it is done");
        assert_eq!((progress.problems, progress.unread), (Vec::new(), Vec::new()));
    }

    fn check(&self, id: &ObjectId) {
        let (store, expected) = (self.store(), self.model.get(id));
        match (store.get(id), expected) {
            (Ok(found), Some(expected)) => assert!(found == *expected, "{id} reads wrong"),
            (Err(Error::NotFound(_)), None) => {}
            (found, _) => panic!("{id}: {:?}, expected: {}", found.map(|bytes| bytes.len()), expected.is_some()),
        }
        assert_eq!(store.contains(&[*id]), Ok(vec![expected.is_some()]));
        let infos = store.info_many(&[*id]).expect("it can be asked");
        assert_eq!(infos[0].map(|info| info.size), expected.map(|bytes| bytes.len() as u64));
    }

    fn check_reader(&self, id: &ObjectId, from: u64) {
        let (mut reader, expected) = match (self.store().reader(id), self.model.get(id)) {
            (Ok(reader), Some(expected)) => (reader, expected),
            (Err(Error::NotFound(_)), None) => return,
            (reader, expected) => panic!("{id}: {:?}, expected: {}", reader.err(), expected.is_some()),
        };
        assert_eq!(reader.size(), expected.len() as u64);
        reader.seek(from).expect("it seeks");
        let (mut found, mut piece) = (Vec::new(), vec![0; 70_000]);
        while let read = reader.read(&mut piece).expect("it reads")
            && read > 0
        {
            found.extend_from_slice(&piece[..read]);
        }
        assert!(found == expected[expected.len().min(from as usize)..], "{id} reads wrong from {from}");
    }

    fn check_many(&self, ids: Vec<ObjectId>) {
        let mut batch = self.store().read_many(ids.clone()).expect("many can be read");
        let mut answered = Vec::new();
        while let block = batch.next_block().expect("it reads")
            && !block.items.is_empty()
        {
            for (position, content) in block.into_items() {
                let id = ids[position as usize];
                answered.push(id);
                match (content, self.model.get(&id)) {
                    (Content::Bytes(found), Some(expected)) => assert!(found == *expected, "{id} reads wrong"),
                    (Content::TooLarge(size), Some(expected)) => {
                        assert_eq!(size, expected.len() as u64);
                        assert!(size > 1 << 20, "{id} of {size} bytes fits a batch");
                    }
                    (Content::Missing, None) => {}
                    (content, expected) => panic!("{id}: {content:?}, expected: {}", expected.is_some()),
                }
            }
        }
        let mut distinct = ids;
        distinct.sort_unstable();
        distinct.dedup();
        answered.sort_unstable();
        assert_eq!(answered, distinct, "each id is answered once");
    }

    fn check_list(&self, limit: u32) {
        let mut listed: Vec<ObjectId> = Vec::new();
        while let page = self.store().objects(listed.last(), limit).expect("it lists")
            && !page.is_empty()
        {
            listed.extend(page);
        }
        assert!(listed.iter().eq(self.model.keys()), "the list is that of the model");
    }

    fn check_stats(&self) {
        let stats = self.store().stats().expect("it counts");
        let ids: Vec<ObjectId> = self.model.keys().copied().collect();
        let infos = self.store().info_many(&ids).expect("it can be asked");
        let packed = infos.into_iter().filter_map(|info| match info.expect("it is known").placement {
            Placement::Packed(location) => Some(location.size),
            Placement::Loose => None,
        });
        let packed: Vec<u64> = packed.collect();
        assert_eq!((stats.packed_objects, stats.packed_size), (packed.len() as u64, packed.iter().sum()));
        assert!(stats.loose_objects + stats.packed_objects >= ids.len() as u64, "everything is counted");
    }
}
