//! Random work through the component compared with a map. `LOOSEPACK_SEEDS` makes it more, `LOOSEPACK_SEED` another.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use loosepack::codec::sha256;
use loosepack_host::{Compression, Config, Container, Content, Durability, Error, ObjectId, Options, StoreError};

use crate::support::{TempDir, draw, noise, runtime, setting};

#[derive(Debug, Clone, Copy)]
enum Step {
    Add(u64),
    AddPieces(u64),
    DropWriter(u64),
    /// Contents from this one on, so many of them, and what becomes of the writer.
    PackDirectly(u64, u64, End),
    PackLoose(Compression),
    Clean,
    Get(u64),
    List(u32),
    Reopen,
    Switch(usize),
}

#[derive(Debug, Clone, Copy)]
enum End {
    Finish,
    Drop,
    CommitAndDrop,
}

const HANDLES: usize = 3;
/// Few different ones, so that steps meet the same objects again.
const CONTENTS: u64 = 30;

fn content(number: u64) -> Vec<u8> {
    match number % CONTENTS {
        0 => Vec::new(),
        1 => noise((1 << 20) + 1, 1),
        2 => b"some text that repeats itself; ".repeat(50_000),
        number if number.is_multiple_of(2) => noise(37 * number as usize, number),
        number => format!("text {number}; ").repeat(100).into_bytes(),
    }
}

fn step(seed: &mut u64) -> Step {
    let compression = [Compression::Never, Compression::Always, Compression::Auto][draw(seed, 3) as usize];
    let (number, end) = (draw(seed, CONTENTS), [End::Finish, End::Drop, End::CommitAndDrop][draw(seed, 3) as usize]);
    match draw(seed, 20) {
        0..=4 => Step::Add(number),
        5 => Step::AddPieces(number),
        6 => Step::DropWriter(number),
        7..=9 => Step::PackDirectly(number, draw(seed, 8), end),
        10 | 11 => Step::PackLoose(compression),
        12 | 13 => Step::Clean,
        14 | 15 => Step::Get(number),
        16 => Step::List(1 + draw(seed, 9) as u32),
        17 => Step::Reopen,
        _ => Step::Switch(draw(seed, HANDLES as u64) as usize),
    }
}

struct World {
    dir: TempDir,
    handles: Vec<Container>,
    current: usize,
    model: BTreeMap<ObjectId, Vec<u8>>,
}

impl World {
    fn new() -> Self {
        let dir = TempDir::new();
        let config = Config { pack_target: 20_000, ..Config::default() };
        drop(runtime().create(dir.path(), config, options()).unwrap());
        let handles = (0..HANDLES).map(|_| runtime().open_with(dir.path(), options()).unwrap()).collect();
        World { dir, handles, current: 0, model: BTreeMap::new() }
    }

    fn keep(&mut self, number: u64) {
        let content = content(number);
        self.model.insert(sha256(&content), content);
    }

    fn step(&mut self, step: Step) {
        let store = &mut self.handles[self.current];
        match step {
            Step::Add(number) => {
                assert_eq!(store.add(&content(number)).unwrap(), sha256(&content(number)));
                self.keep(number);
            }
            Step::AddPieces(number) => {
                store.add_reader(content(number).as_slice()).unwrap();
                self.keep(number);
            }
            Step::DropWriter(number) => store.writer().unwrap().append(&content(number)).unwrap(),
            Step::PackDirectly(first, count, end) => {
                let mut writer = store.pack_writer(Compression::Auto).unwrap();
                let contents: Vec<Vec<u8>> = (first..first + count).map(content).collect();
                let ids = writer.add_many(&contents).unwrap();
                assert!(ids.iter().zip(&contents).all(|(id, content)| *id == sha256(content)));
                match end {
                    End::Finish => writer.finish().unwrap(),
                    End::CommitAndDrop => {
                        writer.commit().unwrap();
                        drop(writer);
                    }
                    End::Drop => return,
                }
                (first..first + count).for_each(|number| self.keep(number));
            }
            Step::PackLoose(compression) => {
                assert_eq!(store.pack_loose(compression).unwrap().finish().unwrap().problems, []);
            }
            Step::Clean => assert_eq!(store.clean().unwrap().finish().unwrap().problems, []),
            Step::Get(number) => self.check(&sha256(&content(number))),
            Step::List(limit) => {
                let mut listed: Vec<ObjectId> = Vec::new();
                while let page = store.objects(listed.last(), limit).unwrap()
                    && !page.is_empty()
                {
                    listed.extend(page);
                }
                assert!(listed.iter().eq(self.model.keys()), "the list is that of the model");
            }
            Step::Reopen => self.handles[self.current] = runtime().open_with(self.dir.path(), options()).unwrap(),
            Step::Switch(number) => self.current = number,
        }
    }

    fn check(&mut self, id: &ObjectId) {
        let (store, expected) = (&mut self.handles[self.current], self.model.get(id));
        match store.get(id) {
            Ok(found) => assert!(expected == Some(&found), "{id} reads wrong"),
            Err(Error::Store(StoreError::NotFound(_))) => assert!(expected.is_none(), "{id} is gone"),
            Err(error) => panic!("{id}: {error}"),
        }
        assert_eq!(store.contains(&[*id]).unwrap(), [expected.is_some()]);
        assert_eq!(store.info(id).ok().map(|info| info.size), expected.map(|content| content.len() as u64));
    }

    fn check_all(&mut self) {
        let ids: Vec<ObjectId> = self.model.keys().copied().collect();
        for handle in 0..HANDLES {
            self.current = handle;
            ids.iter().for_each(|id| self.check(id));
            self.step(Step::List(7));
            let mut batch = self.handles[handle].read_many(&ids).unwrap();
            let mut answered = 0;
            while let items = batch.next_items().unwrap()
                && !items.is_empty()
            {
                for (id, answer) in items {
                    answered += 1;
                    match answer {
                        Content::Bytes(bytes) => assert!(bytes == self.model[&id], "{id} reads wrong"),
                        Content::TooLarge(size) => assert_eq!(size, self.model[&id].len() as u64),
                        other => panic!("{id}: {other:?}"),
                    }
                }
            }
            assert_eq!(answered, ids.len());
        }
    }
}

fn options() -> Options {
    Options { durability: Durability::None, ..Options::default() }
}

fn holds(steps: &[Step]) -> bool {
    let run = || {
        let mut world = World::new();
        steps.iter().for_each(|step| world.step(*step));
        world.check_all();
    };
    catch_unwind(AssertUnwindSafe(run)).is_ok()
}

#[test]
fn a_container_holds_what_the_model_holds() {
    let first = setting("LOOSEPACK_SEED", 1);
    for seed in first..first + setting("LOOSEPACK_SEEDS", 12) {
        let mut state = seed;
        let mut steps: Vec<Step> = (0..25).map(|_| step(&mut state)).collect();
        if holds(&steps) {
            continue;
        }
        for number in (0..steps.len()).rev() {
            let mut fewer = steps.clone();
            fewer.remove(number);
            if !holds(&fewer) {
                steps = fewer;
            }
        }
        panic!("seed {seed}: the model holds something else after {steps:?}");
    }
}
