//! `SimDir`: a directory in memory that knows what a power cut leaves of it.
//!
//! Each file keeps its durable bytes and, in order, the writes that no sync has covered; each directory keeps its
//! durable entries and the changes that no sync has covered. [`SimDir::power_cut`] decides which of them survive.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex};

use loosepack::dir::{Entry, Kind, Metadata};
use loosepack::{Code, Dir, File};

use crate::support::Rng;

/// The part of unsynced data that survives a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Survival {
    /// Nothing.
    Nothing,
    /// All of it.
    Everything,
    /// Each write and each change of an entry by itself, as the seed decides; a write may be torn at any byte.
    Torn,
    /// Everything before a moment that the seed decides; the write at that moment may be torn.
    Prefix,
}

/// A handle on a simulated directory. Clones are handles on the same directory.
#[derive(Clone)]
pub(crate) struct SimDir {
    world: Arc<Mutex<World>>,
    /// Where it is in the simulated file system.
    base: String,
    /// Whether this handle has locks of the operating system.
    locks: bool,
    /// Whether this handle can sync everything at once.
    barrier: bool,
}

/// An open file.
pub(crate) struct SimFile {
    world: Arc<Mutex<World>>,
    node: usize,
    path: String,
    writable: bool,
}

/// A lock, freed when dropped.
pub(crate) struct SimLock {
    world: Arc<Mutex<World>>,
    node: usize,
}

const ROOT: usize = 0;

#[derive(Clone)]
struct World {
    nodes: Vec<Node>,
    locked: BTreeSet<usize>,
    clock: u64,
    /// Orders the unsynced changes of all files and directories.
    sequence: u64,
    operations: u64,
    fault: Fault,
    hit: Option<(&'static str, String)>,
    crashed: bool,
    short: Option<Rng>,
    /// Bytes of files that cannot be read.
    lost: Vec<(usize, Range<u64>)>,
    /// Files that have had a second name.
    linked: BTreeSet<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    FailAt(u64, Code),
    FullFrom(u64),
    CrashAt(u64),
}

#[derive(Clone)]
struct Node {
    modified: u64,
    body: Body,
}

#[derive(Clone)]
enum Body {
    File { bytes: Vec<u8>, durable: Vec<u8>, unsynced: Vec<(u64, Write)> },
    Dir { entries: Entries, durable: Entries, unsynced: Vec<(u64, EntryChange)> },
    Symlink,
}

type Entries = BTreeMap<String, usize>;

#[derive(Clone)]
enum Write {
    Bytes(u64, Vec<u8>),
    Len(u64),
}

/// A name, or two of a rename within one directory, and what it stands for from now on.
type EntryChange = Vec<(String, Option<usize>)>;

impl Write {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Write::Bytes(offset, written) => {
                let (start, end) = (*offset as usize, *offset as usize + written.len());
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[start..end].copy_from_slice(written);
            }
            Write::Len(len) => bytes.resize(*len as usize, 0),
        }
    }

    /// The remains of a torn write: its start or, as sectors may be written in any order, its end.
    fn torn(&self, rng: &mut Rng) -> Write {
        match self {
            Write::Bytes(offset, written) => {
                let at = rng.below(written.len() as u64 + 1) as usize;
                if rng.below(3) == 0 {
                    Write::Bytes(*offset + at as u64, written[at..].to_vec())
                } else {
                    Write::Bytes(*offset, written[..at].to_vec())
                }
            }
            Write::Len(len) => Write::Len(*len),
        }
    }
}

impl Node {
    fn oldest_change(&self) -> Option<u64> {
        match &self.body {
            Body::File { unsynced, .. } => unsynced.first().map(|(sequence, _)| *sequence),
            Body::Dir { unsynced, .. } => unsynced.first().map(|(sequence, _)| *sequence),
            Body::Symlink => None,
        }
    }
}

fn apply_change(change: &EntryChange, entries: &mut Entries) {
    for (name, node) in change {
        match node {
            Some(node) => entries.insert(name.clone(), *node),
            None => entries.remove(name),
        };
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or((".", path))
}

impl World {
    /// Every operation passes here first.
    fn step(&mut self, operation: &'static str, path: &str) -> Result<(), Code> {
        if self.crashed {
            return Err(Code::Io);
        }
        let number = self.operations;
        self.operations += 1;
        match self.fault {
            Fault::CrashAt(at) if number >= at => {
                self.crashed = true;
                self.hit = Some((operation, path.into()));
                Err(Code::Io)
            }
            Fault::FailAt(at, code) if number == at => {
                self.hit = Some((operation, path.into()));
                Err(code)
            }
            Fault::FullFrom(from)
                if number >= from && ["create_dir", "create_new", "write_at", "try_lock"].contains(&operation) =>
            {
                self.hit = Some((operation, path.into()));
                Err(Code::NoSpace)
            }
            _ => Ok(()),
        }
    }

    fn resolve(&self, path: &str) -> Result<usize, Code> {
        let mut node = ROOT;
        for name in path.split('/').filter(|name| *name != ".") {
            assert!(!name.is_empty() && name != "..", "{path:?} is no path of the contract");
            node = *self.entries(node)?.get(name).ok_or(Code::NotFound)?;
        }
        Ok(node)
    }

    fn entries(&self, node: usize) -> Result<&Entries, Code> {
        match &self.nodes[node].body {
            Body::Dir { entries, .. } => Ok(entries),
            _ => Err(Code::NotDirectory),
        }
    }

    /// The directory that holds `path`, and what is there under its name.
    fn place(&self, path: &str) -> Result<(usize, Option<usize>), Code> {
        let (parent, name) = split(path);
        let parent = self.resolve(parent)?;
        let found = self.entries(parent)?.get(name).copied();
        Ok((parent, found))
    }

    fn change(&mut self, dir: usize, change: EntryChange) {
        self.sequence += 1;
        let (sequence, now) = (self.sequence, self.clock);
        self.nodes[dir].modified = now;
        if let Body::Dir { entries, unsynced, .. } = &mut self.nodes[dir].body {
            apply_change(&change, entries);
            unsynced.push((sequence, change));
        }
    }

    fn add(&mut self, path: &str, body: Body) -> Result<usize, Code> {
        let (parent, found) = self.place(path)?;
        if found.is_some() {
            return Err(Code::Exists);
        }
        let node = self.nodes.len();
        self.nodes.push(Node { modified: self.clock, body });
        self.change(parent, vec![(split(path).1.into(), Some(node))]);
        Ok(node)
    }

    fn write(&mut self, node: usize, write: Write) {
        self.sequence += 1;
        let (sequence, now) = (self.sequence, self.clock);
        self.nodes[node].modified = now;
        if let Body::File { bytes, unsynced, .. } = &mut self.nodes[node].body {
            write.apply(bytes);
            unsynced.push((sequence, write));
        }
    }

    fn kind(&self, node: usize) -> Kind {
        match &self.nodes[node].body {
            Body::File { .. } => Kind::File,
            Body::Dir { .. } => Kind::Dir,
            Body::Symlink => Kind::Symlink,
        }
    }

    fn metadata(&self, node: usize) -> Metadata {
        let len = match &self.nodes[node].body {
            Body::File { bytes, .. } => bytes.len() as u64,
            Body::Dir { .. } | Body::Symlink => 0,
        };
        let links = if self.linked.contains(&node) { self.names(node) } else { 1 };
        Metadata { kind: self.kind(node), len, modified: self.nodes[node].modified, links }
    }

    /// How many entries lead to a file.
    fn names(&self, node: usize) -> u64 {
        let dirs = self.nodes.iter().filter_map(|dir| match &dir.body {
            Body::Dir { entries, .. } => Some(entries),
            _ => None,
        });
        dirs.flat_map(BTreeMap::values).filter(|found| **found == node).count() as u64
    }

    /// Makes what is pending durable. Of a file, after a failure, forget that it is pending, as Linux does with the
    /// pages it could not write: they stay visible, and no later sync saves them.
    fn settle(&mut self, node: usize, save: bool) {
        match &mut self.nodes[node].body {
            Body::File { durable, unsynced, .. } => {
                let pending = std::mem::take(unsynced);
                pending.iter().filter(|_| save).for_each(|(_, write)| write.apply(durable));
            }
            Body::Dir { durable, unsynced, .. } if save => {
                unsynced.drain(..).for_each(|(_, change)| apply_change(&change, durable));
            }
            _ => {}
        }
    }

    fn open(&self, path: &str, write: bool) -> Result<usize, Code> {
        let node = self.resolve(path)?;
        match &self.nodes[node].body {
            Body::Symlink => Err(Code::Loop),
            Body::Dir { .. } if write => Err(Code::IsDirectory),
            _ => Ok(node),
        }
    }

    /// The directory tree, of which only what can be reached is kept, as a power cut leaves it.
    fn survivors(&self, survival: Survival, rng: &mut Rng) -> World {
        let oldest = self.nodes.iter().filter_map(Node::oldest_change).min().unwrap_or(self.sequence);
        let cut = oldest.saturating_sub(1) + rng.below(self.sequence + 2 - oldest);
        let keep = |rng: &mut Rng, sequence: u64| match survival {
            Survival::Nothing => (false, false),
            Survival::Everything => (true, false),
            Survival::Torn => (rng.below(2) == 0, rng.below(3) == 0),
            Survival::Prefix => (sequence <= cut, sequence == cut && rng.below(2) == 0),
        };
        let mut world =
            World { locked: BTreeSet::new(), fault: Fault::None, hit: None, crashed: false, ..self.clone() };
        for node in &mut world.nodes {
            match &mut node.body {
                Body::File { bytes, durable, unsynced } => {
                    for (sequence, write) in unsynced.drain(..) {
                        match keep(rng, sequence) {
                            (false, _) => {}
                            (true, false) => write.apply(durable),
                            (true, true) => write.torn(rng).apply(durable),
                        }
                    }
                    bytes.clone_from(durable);
                }
                Body::Dir { entries, durable, unsynced } => {
                    for (sequence, change) in unsynced.drain(..) {
                        if keep(rng, sequence).0 {
                            apply_change(&change, durable);
                        }
                    }
                    entries.clone_from(durable);
                }
                Body::Symlink => {}
            }
        }
        world.operations = 0;
        world.collect();
        world
    }

    /// Forgets the nodes that no durable entry leads to.
    fn collect(&mut self) {
        let mut moved = BTreeMap::from([(ROOT, ROOT)]);
        self.linked.clear();
        let mut kept = vec![self.nodes[ROOT].clone()];
        let mut next = 0;
        while next < kept.len() {
            if let Body::Dir { entries, durable, .. } = &mut kept[next].body {
                let mut found = Vec::new();
                for node in entries.values_mut() {
                    let fresh = moved.len();
                    let to = *moved.entry(*node).or_insert(fresh);
                    if to == fresh {
                        found.push(*node);
                    } else {
                        self.linked.insert(to);
                    }
                    *node = to;
                }
                durable.clone_from(entries);
                kept.extend(found.into_iter().map(|node| self.nodes[node].clone()));
            }
            next += 1;
        }
        self.nodes = kept;
    }
}

impl SimDir {
    /// An empty directory, all of it durable.
    pub(crate) fn new() -> Self {
        let empty = Body::Dir { entries: Entries::new(), durable: Entries::new(), unsynced: Vec::new() };
        SimDir::from_world(World {
            nodes: vec![Node { modified: 0, body: empty }],
            locked: BTreeSet::new(),
            clock: 1_700_000_000_000_000_000,
            sequence: 0,
            operations: 0,
            fault: Fault::None,
            hit: None,
            crashed: false,
            short: None,
            lost: Vec::new(),
            linked: BTreeSet::new(),
        })
    }

    fn from_world(world: World) -> Self {
        SimDir { world: Arc::new(Mutex::new(world)), base: ".".into(), locks: true, barrier: true }
    }

    /// A handle on a directory in this one.
    pub(crate) fn inside(&self, path: &str) -> Self {
        SimDir { base: self.full(path), ..self.clone() }
    }

    /// The path from the root of the simulated file system.
    fn full(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    /// A handle on the same directory that has no locks of the operating system.
    pub(crate) fn without_locks(&self) -> Self {
        SimDir { locks: false, ..self.clone() }
    }

    /// A handle on the same directory that cannot sync everything at once.
    pub(crate) fn without_barrier(&self) -> Self {
        SimDir { barrier: false, ..self.clone() }
    }

    /// A copy that goes its own way, unsynced changes included. Nobody holds a lock in it.
    pub(crate) fn fork(&self) -> Self {
        let world = World { locked: BTreeSet::new(), ..self.world.lock().unwrap().clone() };
        SimDir { world: Self::from_world(world).world, ..self.clone() }
    }

    /// The directory after a power cut.
    pub(crate) fn power_cut(&self, survival: Survival, seed: u64) -> Self {
        let world = self.world.lock().unwrap().survivors(survival, &mut Rng::new(seed));
        SimDir { world: Self::from_world(world).world, ..self.clone() }
    }

    /// The directory after its processes were killed while the machine runs on: nothing is lost, nothing is synced.
    pub(crate) fn kill(&self) -> Self {
        let image = self.fork();
        let mut world = image.world.lock().unwrap();
        (world.crashed, world.fault, world.operations) = (false, Fault::None, 0);
        drop(world);
        image
    }

    /// From now on reads and writes do part of what they are asked for, as the seed decides.
    pub(crate) fn short(self, seed: u64) -> Self {
        self.world.lock().unwrap().short = Some(Rng::new(seed));
        self
    }

    /// Lets the device lose bytes of a file: who reads them gets an error.
    pub(crate) fn lose(&self, path: &str, bytes: Range<u64>) {
        let mut world = self.world.lock().unwrap();
        let node = world.resolve(&self.full(path)).unwrap_or_else(|code| panic!("{path}: {code}"));
        world.lost.push((node, bytes));
    }

    /// Operations done so far.
    pub(crate) fn operations(&self) -> u64 {
        self.world.lock().unwrap().operations
    }

    /// Counts operations from 0 again, and lets the one of this number fail.
    pub(crate) fn fail_at(&self, number: u64, code: Code) {
        self.plan(Fault::FailAt(number, code));
    }

    /// Counts operations from 0 again, and lets the disk be full from the one of this number on.
    pub(crate) fn full_from(&self, number: u64) {
        self.plan(Fault::FullFrom(number));
    }

    /// Counts operations from 0 again, and lets this one and all later ones fail.
    pub(crate) fn crash_at(&self, number: u64) {
        self.plan(Fault::CrashAt(number));
    }

    /// Counts operations from 0 again, and lets none fail.
    pub(crate) fn heal(&self) {
        self.plan(Fault::None);
    }

    fn plan(&self, fault: Fault) {
        let mut world = self.world.lock().unwrap();
        (world.fault, world.operations, world.hit) = (fault, 0, None);
    }

    /// The operation that was made to fail, and its file.
    pub(crate) fn hit(&self) -> Option<(&'static str, String)> {
        self.world.lock().unwrap().hit.clone()
    }

    /// Lets time pass.
    pub(crate) fn advance(&self, nanoseconds: u64) {
        self.world.lock().unwrap().clock += nanoseconds;
    }

    /// Sets the clock back.
    pub(crate) fn set_back(&self, nanoseconds: u64) {
        self.world.lock().unwrap().clock -= nanoseconds;
    }

    /// Makes a symbolic link; where it leads does not matter, as nothing follows it.
    pub(crate) fn plant_symlink(&self, path: &str) {
        self.world.lock().unwrap().add(&self.full(path), Body::Symlink).expect("there is room for a link");
    }

    /// Gives a file a second name.
    pub(crate) fn plant_link(&self, from: &str, to: &str) {
        let mut world = self.world.lock().unwrap();
        let (from, to) = (self.full(from), self.full(to));
        let node = world.resolve(&from).unwrap_or_else(|code| panic!("{from}: {code}"));
        let (parent, found) = world.place(&to).expect("the parent exists");
        assert_eq!(found, None, "{to} is taken");
        world.change(parent, vec![(split(&to).1.into(), Some(node))]);
        world.linked.insert(node);
    }

    /// Makes a copy with hard links in place of files, as `cp -al` does, but without empty directories. All of it is
    /// durable.
    pub(crate) fn link_tree(&self, to: &str) {
        for path in self.files() {
            let copy = format!("{to}/{path}");
            for (end, _) in copy.match_indices('/') {
                let _ = self.create_dir(&copy[..end]);
            }
            self.plant_link(&path, &copy);
        }
        self.sync_all().expect("everything can be flushed");
    }

    /// All bytes of a file.
    pub(crate) fn bytes(&self, path: &str) -> Vec<u8> {
        let world = self.world.lock().unwrap();
        let node = world.resolve(&self.full(path)).unwrap_or_else(|code| panic!("{path}: {code}"));
        match &world.nodes[node].body {
            Body::File { bytes, .. } => bytes.clone(),
            _ => panic!("{path} is no file"),
        }
    }

    /// Puts durable bytes in place of those of a file, which is made when absent.
    pub(crate) fn put(&self, path: &str, content: &[u8]) {
        let mut world = self.world.lock().unwrap();
        let body = Body::File { bytes: content.into(), durable: content.into(), unsynced: Vec::new() };
        let path = &*self.full(path);
        match world.resolve(path) {
            Ok(node) => world.nodes[node].body = body,
            Err(_) => {
                world.add(path, body).expect("there is room for a file");
                let parent = world.resolve(split(path).0).expect("the parent exists");
                world.settle(parent, true);
            }
        }
    }

    /// The paths of all files, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let world = self.world.lock().unwrap();
        let mut files = Vec::new();
        let mut dirs = vec![(world.resolve(&self.base).expect("the directory exists"), String::new())];
        while let Some((dir, prefix)) = dirs.pop() {
            for (name, node) in world.entries(dir).expect("only directories are pushed") {
                match &world.nodes[*node].body {
                    Body::Dir { .. } => dirs.push((*node, format!("{prefix}{name}/"))),
                    _ => files.push(format!("{prefix}{name}")),
                }
            }
        }
        files.sort();
        files
    }

    /// Removes a file or a directory with all that is in it.
    pub(crate) fn remove(&self, path: &str) {
        let mut world = self.world.lock().unwrap();
        let path = &*self.full(path);
        let (parent, found) = world.place(path).expect("the parent exists");
        found.unwrap_or_else(|| panic!("there is no {path}"));
        world.change(parent, vec![(split(path).1.into(), None)]);
        world.settle(parent, true);
    }
}

impl Dir for SimDir {
    type File = SimFile;
    type Lock = SimLock;

    fn create_dir(&self, path: &str) -> Result<(), Code> {
        let mut world = self.world.lock().unwrap();
        world.step("create_dir", path)?;
        let empty = Body::Dir { entries: Entries::new(), durable: Entries::new(), unsynced: Vec::new() };
        world.add(&self.full(path), empty).map(drop)
    }

    fn create_new(&self, path: &str) -> Result<SimFile, Code> {
        let mut world = self.world.lock().unwrap();
        world.step("create_new", path)?;
        let node =
            world.add(&self.full(path), Body::File { bytes: Vec::new(), durable: Vec::new(), unsynced: Vec::new() })?;
        Ok(SimFile { world: self.world.clone(), node, path: path.into(), writable: true })
    }

    fn open_read(&self, path: &str) -> Result<SimFile, Code> {
        let mut world = self.world.lock().unwrap();
        world.step("open_read", path)?;
        let node = world.open(&self.full(path), false)?;
        Ok(SimFile { world: self.world.clone(), node, path: path.into(), writable: false })
    }

    fn open_write(&self, path: &str) -> Result<SimFile, Code> {
        let mut world = self.world.lock().unwrap();
        world.step("open_write", path)?;
        let node = world.open(&self.full(path), true)?;
        Ok(SimFile { world: self.world.clone(), node, path: path.into(), writable: true })
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Code> {
        let mut world = self.world.lock().unwrap();
        world.step("rename", to)?;
        let (from, to) = (&*self.full(from), &*self.full(to));
        let (from_dir, node) = world.place(from)?;
        let node = node.ok_or(Code::NotFound)?;
        let (to_dir, replaced) = world.place(to)?;
        assert!(!matches!(world.nodes[node].body, Body::Dir { .. }), "the store renames files only");
        if replaced.is_some_and(|replaced| matches!(world.nodes[replaced].body, Body::Dir { .. })) {
            return Err(Code::IsDirectory);
        }
        let gone = (split(from).1.into(), None);
        let there = (split(to).1.into(), Some(node));
        if from_dir == to_dir {
            world.change(from_dir, vec![gone, there]);
        } else {
            world.change(to_dir, vec![there]);
            world.change(from_dir, vec![gone]);
        }
        Ok(())
    }

    fn remove_file(&self, path: &str) -> Result<(), Code> {
        let mut world = self.world.lock().unwrap();
        world.step("remove_file", path)?;
        let path = &*self.full(path);
        let (parent, node) = world.place(path)?;
        if let Body::Dir { .. } = world.nodes[node.ok_or(Code::NotFound)?].body {
            return Err(Code::IsDirectory);
        }
        world.change(parent, vec![(split(path).1.into(), None)]);
        Ok(())
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, Code> {
        let mut world = self.world.lock().unwrap();
        world.step("list", path)?;
        let node = world.resolve(&self.full(path))?;
        let entries = world.entries(node)?.iter();
        Ok(entries.map(|(name, node)| Entry { name: name.clone(), kind: world.kind(*node) }).collect())
    }

    fn metadata(&self, path: &str) -> Result<Metadata, Code> {
        let mut world = self.world.lock().unwrap();
        world.step("metadata", path)?;
        let node = world.resolve(&self.full(path))?;
        Ok(world.metadata(node))
    }

    fn sync_dir(&self, path: &str) -> Result<(), Code> {
        let mut world = self.world.lock().unwrap();
        let step = world.step("sync_dir", path);
        let node = world.resolve(&self.full(path));
        if let Ok(node) = node
            && !world.crashed
        {
            world.entries(node)?;
            world.settle(node, step.is_ok());
        }
        step.and(node.map(drop))
    }

    fn sync_all(&self) -> Result<(), Code> {
        if !self.barrier {
            return Err(Code::Unsupported);
        }
        let mut world = self.world.lock().unwrap();
        let step = world.step("sync_all", ".");
        if !world.crashed {
            (0..world.nodes.len()).for_each(|node| world.settle(node, step.is_ok()));
        }
        step
    }

    fn try_lock(&self, path: &str) -> Result<SimLock, Code> {
        let mut world = self.world.lock().unwrap();
        world.step("try_lock", path)?;
        if !self.locks {
            return Err(Code::Unsupported);
        }
        let path = &*self.full(path);
        let node = match world.open(path, true) {
            Err(Code::NotFound) => {
                world.add(path, Body::File { bytes: Vec::new(), durable: Vec::new(), unsynced: Vec::new() })?
            }
            found => found?,
        };
        if world.locked.insert(node) { Ok(SimLock { world: self.world.clone(), node }) } else { Err(Code::WouldBlock) }
    }

    fn now(&self) -> u64 {
        self.world.lock().unwrap().clock
    }
}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.world.lock().unwrap().locked.remove(&self.node);
    }
}

impl File for SimFile {
    fn metadata(&self) -> Result<Metadata, Code> {
        let mut world = self.world.lock().unwrap();
        world.step("file metadata", &self.path)?;
        Ok(world.metadata(self.node))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Code> {
        let mut world = self.world.lock().unwrap();
        world.step("read_at", &self.path)?;
        let part = world.short.as_mut().map(|rng| rng.part(buffer.len()));
        let Body::File { bytes, .. } = &world.nodes[self.node].body else { return Err(Code::IsDirectory) };
        let start = bytes.len().min(usize::try_from(offset).unwrap_or(usize::MAX));
        let mut len = buffer.len().min(bytes.len() - start).min(part.unwrap_or(usize::MAX));
        for (_, lost) in world.lost.iter().filter(|(node, _)| *node == self.node) {
            if lost.contains(&offset) && len > 0 {
                return Err(Code::Io);
            }
            if lost.start > offset {
                len = len.min((lost.start - offset) as usize);
            }
        }
        buffer[..len].copy_from_slice(&bytes[start..start + len]);
        Ok(len)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize, Code> {
        let mut world = self.world.lock().unwrap();
        world.step("write_at", &self.path)?;
        assert!(self.writable, "{} was opened for reading", self.path);
        let len = world.short.as_mut().map_or(bytes.len(), |rng| rng.part(bytes.len()));
        world.write(self.node, Write::Bytes(offset, bytes[..len].to_vec()));
        Ok(len)
    }

    fn set_len(&self, len: u64) -> Result<(), Code> {
        let mut world = self.world.lock().unwrap();
        world.step("set_len", &self.path)?;
        assert!(self.writable, "{} was opened for reading", self.path);
        world.write(self.node, Write::Len(len));
        Ok(())
    }

    fn sync(&self) -> Result<(), Code> {
        let mut world = self.world.lock().unwrap();
        let step = world.step("sync", &self.path);
        if !world.crashed {
            world.settle(self.node, step.is_ok());
        }
        step
    }
}
