//! Making one run of several.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use loosepack::{Job, Store};
use serde_json::Value;

use crate::cache::{Cache, View, manifest};
use crate::remote::{Remote, Stores};
use crate::root::{Garbage, RUN_HEADER, Root, Run, run_name};
use crate::staging::Staging;
use crate::{Error, Result};

/// A push makes fewer of more runs than this.
const MANY: usize = 12;

/// Of more runs than this a push makes one: no index may have more than [`RUNS_MAX`](crate::root::RUNS_MAX).
const FULL: usize = 40;

/// What a fold has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Folded {
    /// Runs that it replaced.
    pub runs: usize,
    /// Bytes of the run that it made.
    pub bytes: u64,
}

impl Remote {
    /// Makes one run of all runs of the index: readers ask each of them. Others may push meanwhile. Returns `None` when
    /// there is at most one.
    ///
    /// # Errors
    /// [`Error::Superseded`] when somebody else replaced them meanwhile; failures of the server and of this machine.
    pub fn fold(&self, cache: &Cache, stores: &dyn Stores) -> Result<Option<Folded>> {
        let view = cache.view(self)?;
        self.fold_newest(cache, stores, &view, view.root.runs.len())
    }

    /// Shows the newest root, after folding when it has many runs, the newest of which have grown alike.
    pub(crate) fn view_of_few(&self, cache: &Cache, stores: &dyn Stores) -> Result<View> {
        let view = cache.view(self)?;
        match self.fold_newest(cache, stores, &view, runs_to_fold(&view.root.runs)) {
            Ok(None) => Ok(view),
            // Or somebody else has done it.
            Ok(Some(_)) | Err(Error::Superseded) => cache.view(self),
            Err(error) => Err(error),
        }
    }

    fn fold_newest(&self, cache: &Cache, stores: &dyn Stores, view: &View, count: usize) -> Result<Option<Folded>> {
        if count < 2 {
            return Ok(None);
        }
        let folded = &view.root.runs[..count];
        let staging = Staging::new(cache.folder())?;
        let index = Index::of(view, folded, staging.path(), stores)?;
        index.fold(stores)?;
        let number = self.reserve(1)?;
        let newest = folded.iter().map(|run| run.newest).max().unwrap_or(0);
        let run = Run { newest, ..index.upload(self, number)? };
        let bytes = run.size;
        self.commit(self.newest(Some(view.root.clone()))?, |mut root| {
            // What was uploaded may have been taken for something that nobody needs.
            if root.deletions != view.root.deletions {
                return Err(Error::Superseded);
            }
            replace_runs(&mut root, folded, run.clone())?;
            Ok(root)
        })?;
        Ok(Some(Folded { runs: count, bytes }))
    }
}

/// How many of the newest runs are made one by a push.
fn runs_to_fold(runs: &[Run]) -> usize {
    match runs.len() {
        0..=MANY => 0,
        len if len > FULL => len,
        _ => {
            // As in the index of a directory: each that is left is more than twice as large as all newer ones.
            let mut merged = 0_u64;
            let taken = runs.iter().take_while(|run| {
                let taken = merged == 0 || run.size <= merged.saturating_mul(2);
                merged = merged.saturating_add(run.size);
                taken
            });
            taken.count()
        }
    }
}

/// Puts a run in the place of those that it was made of; [`Error::Superseded`] when they are not there any more.
pub(crate) fn replace_runs(root: &mut Root, old: &[Run], new: Run) -> Result<()> {
    let first = old.first().and_then(|first| root.runs.iter().position(|run| run == first));
    let first = first.filter(|first| root.runs[*first..].starts_with(old)).ok_or(Error::Superseded)?;
    let since = root.number + 1;
    root.garbage.extend(old.iter().map(|run| Garbage { name: run.name(), since }));
    root.runs.splice(first..first + old.len(), [new]);
    Ok(())
}

/// A container on this machine whose index is some runs of a remote, without packs.
pub(crate) struct Index {
    dir: PathBuf,
}

impl Index {
    /// Fetches the runs.
    pub(crate) fn of(view: &View, runs: &[Run], staging: &Path, stores: &dyn Stores) -> Result<Self> {
        let dir = staging.join("index-only");
        fs::create_dir(&dir).map_err(Error::file("create", &dir))?;
        stores.create(&dir)?;
        for run in runs {
            view.copy(&run.name(), &dir.join(run.name()))?;
        }
        let contents =
            [("index/log-0.jsonl", Vec::new()), ("index/manifest.json", manifest(runs, view.root.totals, 1))];
        for (name, content) in contents {
            let path = dir.join(name);
            fs::write(&path, content).map_err(Error::file("write", &path))?;
        }
        Ok(Index { dir })
    }

    pub(crate) fn open(&self, stores: &dyn Stores) -> Result<Box<dyn Store>> {
        Ok(stores.open(&self.dir)?)
    }

    /// Makes one run of the index.
    pub(crate) fn fold(&self, stores: &dyn Stores) -> Result<()> {
        fold(&*self.open(stores)?)
    }

    /// Uploads the one run that there is.
    pub(crate) fn upload(&self, remote: &Remote, number: u32) -> Result<Run> {
        upload_run(remote, &self.dir, number, &mut |_| {})
    }
}

/// Makes one run of the index of a container.
pub(crate) fn fold(store: &dyn Store) -> Result<()> {
    let mut job = store.fold()?;
    run_job(&mut *job)
}

/// Runs a job that finds nothing.
pub(crate) fn run_job(job: &mut dyn Job) -> Result<()> {
    loop {
        let step = job.step()?;
        if let Some(finding) = step.problems.first().or(step.unread.first()) {
            return Err(Error::Corrupt(finding.file.clone(), finding.message.clone()));
        }
        if step.finished {
            return Ok(());
        }
    }
}

/// Uploads the one run of a container under a number. Whoever makes a root with it says when its entries came.
pub(crate) fn upload_run(remote: &Remote, dir: &Path, number: u32, sent: &mut dyn FnMut(u64)) -> Result<Run> {
    let path = dir.join(run_name(only_run(dir)?));
    let mut head = [0; RUN_HEADER];
    let read = File::open(&path).and_then(|mut file| file.read_exact(&mut head));
    read.map_err(Error::file("read", &path))?;
    let head = String::from_utf8_lossy(&head).trim_end().to_string();
    let size = remote.wait(remote.bucket().upload(&run_name(number), &path, sent))?;
    Ok(Run { number, size, head, newest: 0 })
}

/// The number of the one run that the manifest of a container names.
fn only_run(dir: &Path) -> Result<u32> {
    let path = dir.join("index/manifest.json");
    let bytes = fs::read(&path).map_err(Error::file("read", &path))?;
    let manifest: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    match manifest["runs"].as_array().map(Vec::as_slice) {
        Some([run]) => run.as_u64().and_then(|run| run.try_into().ok()),
        _ => None,
    }
    .ok_or_else(|| Error::Corrupt("index/manifest.json".into(), "it names not one run after a fold".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(sizes: &[u64]) -> Vec<Run> {
        let run =
            |(number, size): (usize, &u64)| Run { number: number as u32, size: *size, head: "{}".into(), newest: 0 };
        sizes.iter().enumerate().map(run).collect()
    }

    #[test]
    fn runs_that_have_grown_alike_are_folded_when_they_are_many() {
        assert_eq!(runs_to_fold(&runs(&[1000; MANY])), 0);
        assert_eq!(runs_to_fold(&runs(&[1000; MANY + 1])), MANY + 1);
        let mut sizes = vec![1000; MANY];
        sizes.insert(3, 100_000);
        assert_eq!(runs_to_fold(&runs(&sizes)), 3);
        sizes.extend([1; FULL]);
        assert_eq!(runs_to_fold(&runs(&sizes)), sizes.len());
    }

    #[test]
    fn what_is_replaced_must_be_there_in_its_order() {
        let all = runs(&[1000; 5]);
        let new = Run { number: 9, size: 1000, head: "{}".into(), newest: 0 };
        let mut root = Root { runs: all.clone(), next: 10, ..Root::first("a", "{}") };
        replace_runs(&mut root, &all[1..3], new.clone()).unwrap();
        assert_eq!(root.runs.iter().map(|run| run.number).collect::<Vec<_>>(), [0, 9, 3, 4]);
        assert_eq!(
            root.garbage.iter().map(|garbage| &*garbage.name).collect::<Vec<_>>(),
            ["index/run-1.jsonl", "index/run-2.jsonl"]
        );
        assert!(matches!(replace_runs(&mut root, &all[1..3], new.clone()), Err(Error::Superseded)));
        assert!(matches!(replace_runs(&mut root, &all[3..5], new.clone()), Ok(())));
        assert!(matches!(replace_runs(&mut root, &[], new), Err(Error::Superseded)));
    }
}
