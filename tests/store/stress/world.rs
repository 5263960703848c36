//! A container that grows by random steps, and what it holds.

use std::collections::{BTreeMap, BTreeSet};

use loosepack::{Compression, Config, Container, Durability, ObjectId, Options, Tuning};

use crate::sim::SimDir;
use crate::support::{Rng, clean, id, noise, run, text, tiny};

pub(super) struct World {
    pub(super) dir: SimDir,
    options: Options,
    /// Handles that were opened at different times and go on being used.
    handles: Vec<Container<SimDir>>,
    /// All objects it holds.
    pub(super) contents: BTreeMap<ObjectId, Vec<u8>>,
    /// Frames are crossed as well, which takes large objects.
    large: bool,
}

/// Usual sizes, tiny ones, and others.
fn tuning(rng: &mut Rng) -> Tuning {
    let mut up_to = |most: u64| 1 + rng.below(most);
    let drawn = Tuning {
        chunk: up_to(2000) as usize,
        piece: up_to(900) as usize,
        window: 300 + up_to(4000) as usize,
        window_records: up_to(9) as usize,
        walk_again: 16,
        unreadable: up_to(100),
        gap: up_to(300),
        together: up_to(3000),
        batch_bytes: up_to(3000),
        fetch_bytes: up_to(3000),
        batch_objects: up_to(9) as usize,
        open_packs: up_to(3) as usize,
        ahead: up_to(4) as usize,
        pack_buffer: up_to(3000) as usize,
        gather_bytes: up_to(3000) as usize,
        gather_objects: up_to(9) as usize,
        commit_bytes: up_to(20_000),
        commit_objects: up_to(40) as usize,
        loose_objects: up_to(20) as usize,
        clean_bytes: up_to(2000),
        flush_together: up_to(9) as usize,
        log_entries: up_to(60) as usize,
        rebuild: up_to(4) as usize,
        guess: up_to(64),
        dense: up_to(3) - 1,
        cold_lookups: up_to(9) as u32,
        cold_fences: 2 + up_to(4),
        cold_guesses: up_to(3) as u32 - 1,
        cold_cost: up_to(4),
        fences: up_to(9),
        filters: up_to(8),
        filter_cost: up_to(4),
        list_bytes: up_to(200) as usize,
        step_bytes: up_to(5000),
        step_objects: up_to(20) as usize,
        step_entries: up_to(50) as usize,
        remembered: up_to(30) as usize,
        met_bytes: up_to(4000) as usize,
    };
    match rng.below(6) {
        0 | 1 => Tuning::default(),
        2 => Tuning { walk_again: 16, ..tiny() },
        3 => Tuning { walk_again: 16, ..Tuning::SMALLEST },
        _ => drawn,
    }
}

fn compression(rng: &mut Rng) -> Compression {
    [Compression::Never, Compression::Always, Compression::Auto][rng.below(3) as usize]
}

impl World {
    pub(super) fn build(rng: &mut Rng) -> Self {
        let tuning = tuning(rng);
        let options = Options { durability: Durability::None, tuning, ..Options::default() };
        let targets = [1, 700, 5000, 60_000, 4 << 30];
        let (pack_target, compression_level) = (targets[rng.below(5) as usize], 1 + rng.below(9) as u8);
        let config = Config { pack_target, compression_level, ..Config::default() };
        let dir = SimDir::new();
        let dir = if rng.below(4) == 0 { dir.short(rng.next()) } else { dir };
        let first = Container::create(dir.clone(), config, options.clone()).unwrap();
        let large = rng.below(5) == 0 && tuning.chunk > 100;
        let mut world = World { dir, options, handles: vec![first], contents: BTreeMap::new(), large };
        for _ in 0..2 + rng.below(10) {
            world.step(rng);
            if rng.below(6) == 0 {
                world.handles.push(world.open());
            }
        }
        world.handles.push(world.open());
        world
    }

    pub(super) fn open(&self) -> Container<SimDir> {
        Container::open(self.dir.clone(), self.options.clone()).unwrap()
    }

    pub(super) fn open_damaged(&self) -> Container<SimDir> {
        Container::open_damaged(self.dir.clone(), self.options.clone()).unwrap()
    }

    /// A handle that was opened before what happened last.
    pub(super) fn old_handle(&self, rng: &mut Rng) -> &Container<SimDir> {
        &self.handles[rng.below(self.handles.len() as u64) as usize]
    }

    /// Returns whether an object has a sound loose copy.
    pub(super) fn has_loose(&self, id: &ObjectId) -> bool {
        let path = loose(id);
        self.dir.files().contains(&path) && self.dir.bytes(&path) == self.contents[id]
    }

    /// An object, or one that is there already.
    fn object(&self, rng: &mut Rng) -> Vec<u8> {
        if rng.below(12) == 0 && !self.contents.is_empty() {
            return self.contents.values().nth(rng.below(self.contents.len() as u64) as usize).unwrap().clone();
        }
        const FRAME: usize = 1 << 20;
        let len = match rng.below(60) {
            0 if self.large => {
                [FRAME - 1, FRAME, FRAME + 1, 2 * FRAME, 2 * FRAME + 1, 3 * FRAME][rng.below(6) as usize]
            }
            0..10 => rng.below(20) as usize,
            10..50 => rng.below(900) as usize,
            _ => rng.below(9000) as usize,
        };
        let (seed, split) = (rng.next(), len / 3);
        match rng.below(3) {
            0 => noise(len, seed),
            1 => text(len, seed),
            _ => [text(split, seed), noise(len - split, seed)].concat(),
        }
    }

    fn objects(&self, rng: &mut Rng) -> Vec<Vec<u8>> {
        (0..1 + rng.below(25)).map(|_| self.object(rng)).collect()
    }

    fn keep(&mut self, contents: Vec<Vec<u8>>) {
        self.contents.extend(contents.into_iter().map(|content| (id(&content), content)));
    }

    /// Keeps those of a writer that was dropped: what it committed of its own accord stays.
    fn keep_committed(&mut self, mut contents: Vec<Vec<u8>>) {
        let store = self.open();
        contents.retain(|content| store.contains(&[id(content)]) == Ok(vec![true]));
        self.keep(contents);
    }

    fn step(&mut self, rng: &mut Rng) {
        let store = self.open();
        match rng.below(9) {
            0..3 => self.add_to_packs(&store, rng),
            3 => self.add_batch(&store, rng),
            4 => self.add_one(&store, rng),
            5 => {
                let batch = self.objects(rng);
                store.add_many(&batch).unwrap();
                self.keep(batch);
            }
            6 => assert_eq!(run(store.pack_loose(compression(rng)).unwrap()).unwrap().1, []),
            7 => drop(clean(&store).unwrap()),
            _ => self.kill_a_packer(rng),
        }
    }

    fn add_to_packs(&mut self, store: &Container<SimDir>, rng: &mut Rng) {
        let batch = self.objects(rng);
        let mut writer = store.pack_writer(compression(rng)).unwrap();
        match rng.below(3) {
            0 => assert_eq!(writer.add_many(&batch).unwrap().len(), batch.len()),
            1 => batch.iter().for_each(|content| assert_eq!(writer.add(content), Ok(id(content)))),
            _ => batch.iter().for_each(|content| {
                assert_eq!(writer.add_source(&mut &content[..]), Ok(id(content)));
            }),
        }
        self.end(batch, rng, move || writer.finish().unwrap());
    }

    /// Adds objects loose, together.
    fn add_batch(&mut self, store: &Container<SimDir>, rng: &mut Rng) {
        let batch = self.objects(rng);
        let mut writer = store.batch().unwrap();
        for content in &batch {
            let added = if rng.below(2) == 0 { writer.add(content) } else { writer.add_source(&mut &content[..]) };
            assert_eq!(added, Ok(id(content)));
        }
        self.end(batch, rng, move || writer.commit().unwrap());
    }

    /// Lets a writer commit the objects of a batch, or give it up: what it committed of its own accord stays.
    fn end(&mut self, batch: Vec<Vec<u8>>, rng: &mut Rng, commit: impl FnOnce()) {
        if rng.below(6) == 0 {
            // With the writer, which is in it.
            drop(commit);
            self.keep_committed(batch);
        } else {
            commit();
            self.keep(batch);
        }
    }

    fn add_one(&mut self, store: &Container<SimDir>, rng: &mut Rng) {
        let content = self.object(rng);
        match rng.below(3) {
            0 => assert_eq!(store.add(&content), Ok(id(&content))),
            1 => assert_eq!(store.add_source(&mut &content[..]), Ok(id(&content))),
            _ => {
                let mut writer = store.writer().unwrap();
                content.chunks(1 + rng.below(400) as usize).for_each(|piece| writer.write(piece).unwrap());
                if rng.below(6) == 0 {
                    drop(writer);
                    return self.keep_committed(vec![content]);
                }
                assert_eq!(writer.finish(), Ok(id(&content)));
            }
        }
        self.keep(vec![content]);
    }

    /// Leaves part of a record at the end of the last pack.
    fn kill_a_packer(&self, rng: &mut Rng) {
        let packs = self.dir.files().into_iter().filter_map(|path| path.strip_prefix("packs/")?.parse::<u32>().ok());
        let Some(last) = packs.max() else { return };
        let (content, path) = (self.object(rng), format!("packs/{last}"));
        let (id, len) = (id(&content), content.len());
        let header = format!("{{\"id\":\"{id}\",\"size\":{len},\"length\":{len},\"enc\":\"none\"}}\n");
        let header = if rng.below(2) == 0 { header.into_bytes() } else { vec![0; 148] };
        let mut record = [header, content].concat();
        record.truncate(rng.below(record.len() as u64) as usize);
        self.dir.put(&path, &[self.dir.bytes(&path), record].concat());
    }

    /// The objects that read now.
    pub(super) fn readable(&self) -> BTreeSet<ObjectId> {
        let store = self.open();
        self.contents.keys().copied().filter(|id| store.get(id).is_ok()).collect()
    }

    /// Takes in objects that nobody committed, and that were found in the packs.
    pub(super) fn take_in_orphans(&mut self, store: &Container<SimDir>) {
        let mut last = None;
        while let page = store.objects(last.as_ref(), 100).unwrap()
            && !page.is_empty()
        {
            last = page.last().copied();
            let orphans = page.into_iter().filter(|found| !self.contents.contains_key(found));
            let orphans = orphans.map(|found| store.get(&found).unwrap()).collect();
            self.keep(orphans);
        }
    }
}

/// The path of an object's loose file.
pub(super) fn loose(id: &ObjectId) -> String {
    let hex = id.to_string();
    format!("loose/{}/{}", &hex[..2], &hex[2..])
}
