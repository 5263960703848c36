//! Deleting objects of a remote, and files that are in use no more.
//!
//! A collection announces itself before it looks what there is. Whoever pushes from then on says which objects it counts
//! on; a collection that finds the root changed reads that before it makes the next one. Files are deleted when the root
//! that first lacked them is older than the grace period, by the server's clock.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use loosepack::{ObjectId, Store};

use crate::cache::Cache;
use crate::fold::{Index, run_job};
use crate::remote::{Remote, Report, Stores};
use crate::root::{self, Collecting, Garbage, Root, Run, Totals, pack_name};
use crate::roots::mark;
use crate::staging::Staging;
use crate::{Error, Result};

/// Objects that are looked at at once.
const PAGE: u32 = 1 << 16;

/// How often it begins anew because others pushed meanwhile.
const ATTEMPTS: u32 = 16;

/// A list of what a push counts on is refused beyond this size.
const KEPT_MAX: u64 = 1 << 30;

/// Folders of a remote in which there may be files that no root names.
const FOLDERS: [&str; 4] = ["packs", "index", "kept", "probe"];

/// A root of long ago that was replaced by a line has fewer bytes than any root.
const GONE_MAX: u64 = 100;

/// What is collected, and how.
pub struct Collection<'a> {
    /// Of what.
    pub remote: &'a Remote,
    /// What is known of it.
    pub cache: &'a Cache,
    /// How containers are opened.
    pub stores: &'a dyn Stores,
    /// Objects that stay, sorted; all others are deleted. Without it, none is.
    pub keep: Option<&'a [ObjectId]>,
    /// Files are deleted when nobody has needed them for so long.
    pub grace: Duration,
    /// Look for files that no root names, and for roots of long ago, by listings.
    pub orphans: bool,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// What a collection has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    /// Objects that were deleted.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that are in use no more from now on.
    pub retired: u64,
    /// Their bytes.
    pub retired_bytes: u64,
    /// Files that were deleted.
    pub files: u64,
    /// Files that are in use no more, and whose time has not come.
    pub waiting: u64,
}

/// What is left when objects are deleted.
struct Plan {
    run: Option<Index>,
    deleted: u64,
    bytes: u64,
    /// What is left.
    totals: Totals,
    /// Packs with objects that are left.
    live: BTreeSet<u32>,
    _staging: Staging,
}

impl Collection<'_> {
    /// Does it.
    ///
    /// # Errors
    /// [`Error::Superseded`] when another one has begun meanwhile; [`Error::Contended`]; failures of the server and of
    /// this machine.
    pub fn run(&self, report: &mut dyn Report) -> Result<Collected> {
        let mut collected = Collected::default();
        if let Some(keep) = self.keep {
            self.delete(keep, &mut collected, report)?;
        }
        self.remove_garbage(&mut collected)?;
        if self.orphans {
            self.remove_orphans(&mut collected)?;
        }
        Ok(collected)
    }

    /// Deletes objects that are not to be kept, and retires packs that have none left.
    fn delete(&self, keep: &[ObjectId], collected: &mut Collected, report: &mut dyn Report) -> Result<()> {
        let mine = mark()?;
        if !self.dry_run {
            let newest = self.remote.newest(None)?;
            self.remote.commit(newest, |mut root| {
                root.collecting = Some(Collecting { mark: mine.clone(), kept: Vec::new() });
                Ok(root)
            })?;
        }
        for _ in 0..ATTEMPTS {
            let view = self.cache.view(self.remote)?;
            let kept = self.kept(&view.root, &mine)?;
            let plan = self.plan(&view, |id| keep.binary_search(id).is_ok() || kept.contains(id), report)?;
            let (run, root) = (plan.run.as_ref().filter(|_| !self.dry_run), view.root);
            let run = match run {
                Some(index) => Some(index.upload(self.remote, self.remote.reserve(1)?)?),
                None => None,
            };
            let retired = retire(&root, &plan);
            let done = Collected {
                objects: plan.deleted,
                bytes: plan.bytes,
                retired: retired.len() as u64,
                retired_bytes: retired.iter().map(|(_, size)| size).sum(),
                ..*collected
            };
            if self.dry_run {
                *collected = done;
                return Ok(());
            }
            if self.commit(root, &mine, run, &retired, &plan)? {
                *collected = done;
                return Ok(());
            }
        }
        Err(Error::Contended)
    }

    /// The objects that pushes have counted on since this collection began.
    fn kept(&self, root: &Root, mine: &str) -> Result<BTreeSet<ObjectId>> {
        let mut kept = BTreeSet::new();
        if self.dry_run {
            return Ok(kept);
        }
        let collecting = root.collecting.as_ref().filter(|collecting| collecting.mark == mine);
        for name in &collecting.ok_or(Error::Superseded)?.kept {
            let bytes = self.remote.wait(self.remote.bucket().get(name, KEPT_MAX))?;
            let bytes = bytes.ok_or_else(|| Error::Corrupt(name.clone(), "it is not there".into()))?;
            if bytes.len() % 32 != 0 {
                return Err(Error::Corrupt(name.clone(), "it is no list of objects".into()));
            }
            kept.extend(bytes.chunks_exact(32).map(|id| ObjectId::from_bytes(id.try_into().expect("32 bytes"))));
        }
        Ok(kept)
    }

    /// Finds out what is left.
    fn plan(&self, view: &crate::View, stays: impl Fn(&ObjectId) -> bool, report: &mut dyn Report) -> Result<Plan> {
        let staging = Staging::new(self.cache.folder())?;
        let mut plan = Plan {
            run: None,
            deleted: 0,
            bytes: 0,
            totals: Totals::default(),
            live: BTreeSet::new(),
            _staging: staging,
        };
        if view.root.runs.is_empty() {
            return Ok(plan);
        }
        let index = Index::of(view, &view.root.runs, plan._staging.path(), self.stores)?;
        let store = index.open(self.stores)?;
        let (mut after, mut done) = (None, 0);
        loop {
            let page = store.objects(after.as_ref(), PAGE)?;
            let Some(last) = page.last() else { break };
            (after, done) = (Some(*last), done + page.len() as u64);
            let doomed: Vec<ObjectId> = page.into_iter().filter(|id| !stays(id)).collect();
            plan.bytes += store.info_many(&doomed)?.iter().flatten().map(|info| info.size).sum::<u64>();
            plan.deleted += doomed.len() as u64;
            if !doomed.is_empty() {
                run_job(&mut *store.delete(doomed)?)?;
            }
            report.progress(done, view.root.totals.objects.max(done), plan.deleted, plan.bytes);
        }
        plan.live = live(&*store)?;
        let stats = store.stats()?;
        drop(store);
        plan.totals = Totals { objects: stats.packed_objects, size: stats.packed_size, length: stats.packed_length };
        if plan.deleted > 0 {
            index.fold(self.stores)?;
            plan.run = Some(index);
        }
        Ok(plan)
    }

    /// Makes the root of what is left; whether what was looked at is still what there is.
    fn commit(
        &self,
        looked: Root,
        mine: &str,
        run: Option<Run>,
        retired: &[(Garbage, u64)],
        plan: &Plan,
    ) -> Result<bool> {
        let mut newest = self.remote.newest(Some(looked.clone()))?;
        loop {
            // Others may have reserved numbers, and nothing else.
            if newest.runs != looked.runs || newest.packs != looked.packs || newest.collecting != looked.collecting {
                return Ok(false);
            }
            let made = self.remote.commit_upon(newest, |mut root| {
                // Pushes that begin from here on find what is left.
                let collecting = root.collecting.take().filter(|collecting| collecting.mark == mine);
                let since = root.number + 1;
                let kept = collecting.ok_or(Error::Superseded)?.kept;
                root.garbage.extend(kept.into_iter().map(|name| Garbage { name, since }));
                root.garbage.extend(retired.iter().map(|(garbage, _)| Garbage { since, ..garbage.clone() }));
                root.packs.retain(|pack| plan.live.contains(&pack.number));
                if let Some(run) = run.clone() {
                    root.runs = vec![run];
                    root.totals = plan.totals;
                }
                if plan.deleted > 0 || !retired.is_empty() {
                    root.deletions += 1;
                }
                Ok(root)
            });
            match made {
                Err(Error::Contended) => newest = self.remote.newest(None)?,
                made => return made.map(|_| true),
            }
        }
    }

    /// Deletes files that have been garbage for longer than the grace period.
    fn remove_garbage(&self, collected: &mut Collected) -> Result<()> {
        let root = self.remote.newest(None)?;
        let now = self.date(root.number)?.ok_or(Error::NoRemote)?;
        let mut dates: HashMap<u64, Option<i64>> = HashMap::new();
        let mut gone = BTreeSet::new();
        for garbage in &root.garbage {
            let since = match dates.get(&garbage.since) {
                Some(date) => *date,
                None => *dates.entry(garbage.since).or_insert(self.date(garbage.since)?),
            };
            // A root that nobody can date any more is older than whatever was kept.
            if since.is_none_or(|since| self.is_old(since, now)) {
                if !self.dry_run {
                    self.remote.wait(self.remote.bucket().delete(&garbage.name))?;
                }
                gone.insert(garbage.name.clone());
            }
        }
        collected.files += gone.len() as u64;
        collected.waiting = (root.garbage.len() - gone.len()) as u64;
        if !self.dry_run && !gone.is_empty() {
            self.remote.commit(root, |mut root| {
                root.garbage.retain(|garbage| !gone.contains(&garbage.name));
                Ok(root)
            })?;
        }
        Ok(())
    }

    /// Deletes files that no root names, and replaces roots of long ago by lines.
    fn remove_orphans(&self, collected: &mut Collected) -> Result<()> {
        let bucket = self.remote.bucket();
        let mut listed = Vec::new();
        for folder in FOLDERS {
            let found = self.remote.wait(bucket.list(folder))?;
            listed.extend(found.into_iter().map(|file| (format!("{folder}/{}", file.name), file.written)));
        }
        let roots = self.remote.wait(bucket.list("root"))?;
        // Asked for after the listing: what is in it was uploaded for this root, for one before it, or for none yet.
        let root = self.remote.newest(None)?;
        let now = self.date(root.number)?.ok_or(Error::NoRemote)?;
        let named = names(&root);
        for (name, written) in listed {
            if self.is_old(written, now) && !named.contains(&name) {
                if !self.dry_run {
                    self.remote.wait(bucket.delete(&name))?;
                }
                collected.files += 1;
            }
        }
        for listed in roots.iter().filter(|listed| listed.size > GONE_MAX && self.is_old(listed.written, now)) {
            let number =
                listed.name.parse().ok().filter(|number| root::name(*number) == format!("root/{}", listed.name));
            if let Some(number) = number.filter(|number| *number < root.number)
                && !self.dry_run
            {
                self.remote.wait(bucket.forget(number))?;
            }
        }
        Ok(())
    }

    fn date(&self, number: u64) -> Result<Option<i64>> {
        self.remote.wait(self.remote.bucket().written(&root::name(number)))
    }

    fn is_old(&self, since: i64, now: i64) -> bool {
        now.saturating_sub(since) >= i64::try_from(self.grace.as_secs()).unwrap_or(i64::MAX)
    }
}

/// The numbers of packs that have objects.
fn live(store: &dyn Store) -> Result<BTreeSet<u32>> {
    Ok(store.packs()?.into_iter().filter(|pack| pack.objects > 0).map(|pack| pack.number).collect())
}

/// What a root names that it will not name any more, and the bytes of it.
fn retire(root: &Root, plan: &Plan) -> Vec<(Garbage, u64)> {
    let since = root.number + 1;
    let dead = root.packs.iter().filter(|pack| !plan.live.contains(&pack.number));
    let dead = dead.map(|pack| (Garbage { name: pack_name(pack.number), since }, pack.size));
    let runs: &[Run] = if plan.run.is_some() { &root.runs } else { &[] };
    dead.chain(runs.iter().map(|run| (Garbage { name: run.name(), since }, run.size))).collect()
}

/// The names of all files that a root speaks of, and of those that are made for whoever copies the bucket.
fn names(root: &Root) -> BTreeSet<String> {
    let packs = root.packs.iter().map(|pack| pack_name(pack.number));
    let runs = root.runs.iter().map(Run::name);
    let garbage = root.garbage.iter().map(|garbage| garbage.name.clone());
    let kept = root.collecting.iter().flat_map(|collecting| collecting.kept.iter().cloned());
    let copies = ["index/manifest.json", "index/log-0.jsonl"].map(String::from);
    packs.chain(runs).chain(garbage).chain(kept).chain(copies).collect()
}
