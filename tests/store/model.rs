//! Random work compared with a map: whatever is done in whichever order, the container holds what the map holds.

use std::collections::BTreeMap;

use loosepack::dir::cap::CapDir;
use loosepack::{
    Compression, Config, Container, Content, Dir, Durability, Error, ObjectId, Options, Placement, Tuning,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::sim::SimDir;
use crate::support::{clean, folding, id, noise, pack, text, tiny};

#[derive(Debug, Clone)]
enum Step {
    Add(Bytes),
    Write(Bytes, usize),
    DropWriter(Bytes),
    Pack(Compression),
    PackDirectly(Vec<Bytes>, Compression, End),
    Clean,
    Get(Bytes),
    ReadMany(Vec<Bytes>),
    List(usize),
    Stats,
    /// Open the handle of this number again.
    Reopen(usize),
    /// Go on with the handle of this number.
    Switch(usize),
}

/// What becomes of a pack writer.
#[derive(Debug, Clone, Copy)]
enum End {
    Finish,
    Drop,
    CommitAndDrop,
}

/// Few different ones, so that steps meet the same objects again.
#[derive(Debug, Clone, Copy)]
struct Bytes {
    seed: u64,
    len: usize,
    compressible: bool,
}

impl Bytes {
    fn get(self) -> Vec<u8> {
        if self.compressible { text(self.len, self.seed) } else { noise(self.len, self.seed) }
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

fn compression() -> impl Strategy<Value = Compression> {
    prop::sample::select(vec![Compression::Never, Compression::Always, Compression::Auto])
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop::sample::select(vec![End::Finish, End::Drop, End::CommitAndDrop]);
    prop_oneof![
        6 => bytes().prop_map(Step::Add),
        2 => (bytes(), 1..70_000_usize).prop_map(|(bytes, piece)| Step::Write(bytes, piece)),
        1 => bytes().prop_map(Step::DropWriter),
        3 => compression().prop_map(Step::Pack),
        4 => (vec(bytes(), 0..6), compression(), end).prop_map(|(b, c, e)| Step::PackDirectly(b, c, e)),
        3 => Just(Step::Clean),
        3 => bytes().prop_map(Step::Get),
        2 => vec(bytes(), 0..8).prop_map(Step::ReadMany),
        2 => (1..20_usize).prop_map(Step::List),
        1 => Just(Step::Stats),
        2 => (0..HANDLES).prop_map(Step::Reopen),
        4 => (0..HANDLES).prop_map(Step::Switch),
    ]
}

const HANDLES: usize = 3;

/// Sizes of all kinds. A log is folded always, often and never.
fn tunings() -> impl Strategy<Value = Tuning> {
    prop::sample::select(vec![folding(1), folding(5), Tuning::default(), tiny(), Tuning::SMALLEST])
}

struct World<D: Dir> {
    dir: D,
    options: Options,
    handles: Vec<Container<D>>,
    current: usize,
    model: BTreeMap<ObjectId, Vec<u8>>,
}

impl<D: Dir> World<D> {
    fn new(dir: D, pack_target: u64, options: Options) -> Self {
        let config = Config { pack_target, ..Config::default() };
        Container::create(dir.clone(), config, options.clone()).expect("a container can be made");
        let mut world = World { dir, options, handles: Vec::new(), current: 0, model: BTreeMap::new() };
        world.handles = (0..HANDLES).map(|_| world.open()).collect();
        world
    }

    fn open(&self) -> Container<D> {
        Container::open(self.dir.clone(), self.options.clone()).expect("the container opens")
    }

    fn store(&self) -> &Container<D> {
        &self.handles[self.current]
    }

    fn keep(&mut self, bytes: Vec<u8>) {
        self.model.insert(id(&bytes), bytes);
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Add(bytes) => {
                let bytes = bytes.get();
                assert_eq!(self.store().add(&bytes), Ok(id(&bytes)));
                self.keep(bytes);
            }
            Step::Write(bytes, piece) => {
                let bytes = bytes.get();
                let mut writer = self.store().writer().expect("a writer can be made");
                bytes.chunks(*piece).for_each(|piece| writer.write(piece).expect("it writes"));
                assert_eq!(writer.finish(), Ok(id(&bytes)));
                self.keep(bytes);
            }
            Step::DropWriter(bytes) => {
                let mut writer = self.store().writer().expect("a writer can be made");
                writer.write(&bytes.get()).expect("it writes");
            }
            Step::Pack(compression) => assert_eq!(pack(self.store(), *compression), Ok(vec![])),
            Step::PackDirectly(contents, compression, end) => {
                let mut contents: Vec<Vec<u8>> = contents.iter().map(|bytes| bytes.get()).collect();
                let mut writer = self.store().pack_writer(*compression).expect("the packer's place is free");
                for bytes in &contents {
                    assert_eq!(writer.add(bytes), Ok(id(bytes)));
                }
                match end {
                    End::Finish => writer.finish().expect("it commits"),
                    End::CommitAndDrop => writer.commit().expect("it commits"),
                    // What it committed of its own accord stays.
                    End::Drop => {
                        drop(writer);
                        let store = &self.handles[self.current];
                        contents.retain(|bytes| store.contains(&[id(bytes)]) == Ok(vec![true]));
                        let bounded = self.options.tuning.commit_objects < Tuning::default().commit_objects;
                        assert!(bounded || contents.iter().all(|bytes| self.model.contains_key(&id(bytes))));
                    }
                }
                contents.into_iter().for_each(|bytes| self.keep(bytes));
            }
            Step::Clean => {
                clean(self.store()).expect("it cleans");
            }
            Step::Get(bytes) => self.check(&id(&bytes.get())),
            Step::ReadMany(contents) => {
                let ids: Vec<ObjectId> = contents.iter().map(|bytes| id(&bytes.get())).collect();
                let mut batch = self.store().read_many(ids).expect("many can be read");
                while let answers = batch.next_items()
                    && !answers.is_empty()
                {
                    for (id, answer) in answers {
                        match (answer, self.model.get(&id)) {
                            (Content::Bytes(found), Some(expected)) => assert!(found == *expected, "{id} reads wrong"),
                            (Content::TooLarge(size), Some(expected)) => {
                                assert_eq!(size, expected.len() as u64);
                                assert!(size > 1 << 20, "{id} of {size} bytes fits a batch");
                            }
                            (Content::Missing, None) => {}
                            (answer, expected) => panic!("{id}: {answer:?}, expected: {}", expected.is_some()),
                        }
                    }
                }
            }
            Step::List(limit) => {
                let mut listed: Vec<ObjectId> = Vec::new();
                while let page = self.store().objects(listed.last(), *limit).expect("it lists")
                    && !page.is_empty()
                {
                    listed.extend(page);
                }
                assert!(listed.iter().eq(self.model.keys()), "the list is that of the model");
            }
            Step::Stats => self.check_stats(),
            Step::Reopen(number) => self.handles[*number] = self.open(),
            Step::Switch(number) => self.current = *number,
        }
    }

    fn check(&self, id: &ObjectId) {
        let store = self.store();
        let expected = self.model.get(id);
        match (store.get(id), expected) {
            (Ok(found), Some(expected)) => assert!(found == *expected, "{id} reads wrong"),
            (Err(Error::NotFound(_)), None) => {}
            (found, _) => panic!("{id}: {:?}, expected: {}", found.map(|bytes| bytes.len()), expected.is_some()),
        }
        assert_eq!(store.contains(&[*id]), Ok(vec![expected.is_some()]));
        assert_eq!(store.info(id).ok().map(|info| info.size), expected.map(|bytes| bytes.len() as u64));
    }

    fn check_stats(&self) {
        let stats = self.store().stats().expect("it counts");
        let packed: Vec<u64> = self
            .model
            .keys()
            .filter_map(|id| match self.store().info(id).expect("it is known").placement {
                Placement::Packed(location) => Some(location.size),
                Placement::Loose => None,
            })
            .collect();
        assert_eq!((stats.packed_objects, stats.packed_size), (packed.len() as u64, packed.iter().sum()));
        let distinct = self.model.len() as u64;
        assert!(stats.loose_objects + stats.packed_objects >= distinct, "everything is counted");
    }

    fn check_all(&mut self) {
        for handle in 0..HANDLES {
            self.current = handle;
            self.model.keys().for_each(|id| self.check(id));
            self.check_stats();
            self.step(&Step::List(1000));
        }
    }
}

fn run<D: Dir>(dir: D, pack_target: u64, options: Options, steps: &[Step]) -> World<D> {
    let mut world = World::new(dir, pack_target, options);
    steps.iter().for_each(|step| world.step(step));
    world.check_all();
    world
}

fn cases(number: u32) -> ProptestConfig {
    ProptestConfig { cases: number, failure_persistence: None, max_shrink_iters: 2000, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn a_simulated_directory_holds_what_the_model_holds(
        steps in vec(step(), 1..40),
        pack_target in prop::sample::select(vec![1_u64, 300, 5000, 4 << 30]),
        tuning in tunings(),
        short in any::<bool>(),
        locks in any::<bool>(),
    ) {
        let dir = if short { SimDir::new().short(9) } else { SimDir::new() };
        let dir = if locks { dir } else { dir.without_locks() };
        let options = Options { tuning, ..Options::default() };
        let world = run(dir.clone(), pack_target, options, &steps);
        drop(world);
        let left: Vec<String> = dir.files().into_iter().filter(|path| path.starts_with("incoming/")).collect();
        prop_assert_eq!(left, Vec::<String>::new(), "nobody leaves anything in `incoming`");
    }
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn a_real_directory_holds_what_the_model_holds(
        steps in vec(step(), 1..25),
        pack_target in prop::sample::select(vec![300_u64, 4 << 30]),
        tuning in tunings(),
    ) {
        let temporary = tempfile::tempdir().expect("there is room for a temporary directory");
        let dir = CapDir::open(temporary.path()).expect("it can be opened");
        // What is synced makes no difference here but in time.
        let options = Options { durability: Durability::None, tuning, ..Options::default() };
        run(dir, pack_target, options, &steps);
    }
}
