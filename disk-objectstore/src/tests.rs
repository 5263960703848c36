//! Containers of theirs as they are and as nobody would make them, imported and exported natively.

mod exporting;
mod importing;
mod moving;
mod theirs;

use std::path::Path;

use loosepack::dir::cap::CapDir;
use loosepack::{Compression, Config, Container, Finding, Job, ObjectId, Part};

use crate::{Counts, Error, Import, Report, Stopped};

type Ours = Container<CapDir>;

/// Keeps what is reported.
#[derive(Default)]
struct Kept {
    problems: Vec<Finding>,
    notes: Vec<Finding>,
    renamed: Vec<(String, ObjectId)>,
    /// Called at each progress: first when packed objects have been read, and loose ones not yet.
    then: Option<Box<dyn FnMut()>>,
    /// Commits after which it wants no more.
    most: Option<usize>,
}

impl Report for Kept {
    fn progress(&mut self, counts: &Counts) {
        assert!(counts.done <= counts.total, "{counts:?}");
        if let Some(then) = &mut self.then {
            then();
        }
    }

    fn problem(&mut self, finding: &Finding) {
        self.problems.push(finding.clone());
    }

    fn note(&mut self, finding: &Finding) {
        self.notes.push(finding.clone());
    }

    fn committed(&mut self, _: &Counts, renamed: &[(String, ObjectId)]) -> Result<(), Stopped> {
        self.renamed.extend_from_slice(renamed);
        match &mut self.most {
            Some(0) => Err(Stopped),
            Some(most) => {
                *most -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

fn ours(folder: &Path) -> Ours {
    Container::create(CapDir::open(folder).unwrap(), Config::default(), Default::default()).unwrap()
}

fn reopened(folder: &Path) -> Ours {
    Container::open(CapDir::open(folder).unwrap(), Default::default()).unwrap()
}

fn import_with(store: &Ours, import: &Import<'_>, kept: &mut Kept) -> Result<Counts, Error> {
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    let counts = crate::import(store, &mut writer, import, kept);
    // As a process that ends without a word.
    drop(writer);
    counts
}

/// Imports without removing anything.
fn import(store: &Ours, dir: &Path) -> (Counts, Kept) {
    let mut kept = Kept::default();
    let counts = import_with(store, &Import { dir, rehash: false, compress: false, remove: false }, &mut kept).unwrap();
    assert_eq!(counts.problems, kept.problems.len() as u64);
    (counts, kept)
}

/// Each content is there, and all there is is sound.
fn holds(store: &Ours, contents: &[Vec<u8>]) {
    for content in contents {
        let id = loosepack::codec::sha256(content);
        assert!(store.get(&id).as_ref() == Ok(content), "{id}, {} bytes", content.len());
    }
    assert_eq!(store.verify(Part::default()).unwrap().finish().unwrap().problems, []);
}

fn finish(job: loosepack::Result<impl Job>) {
    assert_eq!(job.unwrap().finish().unwrap().problems, []);
}
