//! Containers on this machine, outside of a sandbox. What a view shows is fetched whole before it is opened.

use std::fs;
use std::path::Path;

use loosepack::dir::cap::CapDir;
use loosepack::{Access, Config, Container, Durability, Error, Finding, Job, ObjectId, Options, Result, Store};
use loosepack_remote::{Report, Stores, View};

pub(crate) struct Native;

fn options(access: Access) -> Options {
    Options { access, durability: Durability::None, ..Options::default() }
}

fn dir(path: &Path) -> Result<CapDir> {
    CapDir::open(path).map_err(|error| Error::Other(error.to_string()))
}

/// Opens a container, whatever is done with it.
pub(crate) fn open(path: &Path, access: Access) -> Result<Container<CapDir>> {
    Container::open(dir(path)?, options(access))
}

/// Bytes that are fetched at once.
const PIECE: u64 = 1 << 20;

impl Stores for Native {
    fn create(&self, path: &Path) -> Result<()> {
        Container::create(dir(path)?, Config::default(), options(Access::ReadWrite)).map(drop)
    }

    fn open(&self, path: &Path) -> Result<Box<dyn Store>> {
        Ok(Box::new(open(path, Access::ReadWrite)?))
    }

    fn view(&self, view: &View) -> Result<Box<dyn Store>> {
        let runs = view.root.runs.iter().map(|run| format!("index/run-{}.jsonl", run.number));
        let packs = view.root.packs.iter().map(|pack| format!("packs/{}", pack.number));
        for name in runs.chain(packs) {
            // All of it: nobody fetches for whoever reads natively.
            let file = fs::File::open(view.dir.join(&name)).unwrap();
            let size = file.metadata().unwrap().len();
            for start in (0..size).step_by(PIECE as usize) {
                let held = view.fetcher.read(&file, start..(start + PIECE).min(size));
                held.map_err(|error| Error::Other(format!("{name}: {error}")))?;
            }
        }
        Ok(Box::new(open(&view.dir, Access::ReadOnly)?))
    }

    fn copy(&self, from: &Path, ids: Vec<ObjectId>, to: &Path) -> Result<Box<dyn Job>> {
        let (from, to) = (open(from, Access::ReadOnly)?, open(to, Access::ReadWrite)?);
        Ok(Box::new(to.import(&from, Some(ids))?))
    }
}

/// Keeps what it is told.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) problems: Vec<String>,
}

impl Report for Told {
    fn progress(&mut self, done: u64, total: u64, _objects: u64, _bytes: u64) {
        assert!(done <= total);
    }

    fn problem(&mut self, finding: &Finding) {
        self.problems.push(finding.to_string());
    }

    fn note(&mut self, _: &Finding) {}
}
