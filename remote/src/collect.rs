//! Deleting objects of a remote, and files that are in use no more.
//!
//! A collection announces itself before it looks what there is. Whoever pushes from then on says which objects it counts
//! on; a collection that finds the root changed reads that before it makes the next one. Files are deleted when the root
//! that first lacked them is older than the grace period, by the server's clock (`sweeping`).

mod sweeping;

use std::collections::BTreeSet;
use std::time::Duration;

use loosepack::{ObjectId, Store};

use crate::cache::{Cache, View};
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
    /// Objects stay that came so recently, or are in one file of the index with others that did.
    pub young: Duration,
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
    /// The index, if something was deleted from it.
    index: Option<Index>,
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
        let deleted = self.delete_as(&mine, keep, collected, report);
        if deleted.is_err() && !self.dry_run {
            // Nobody has to mind it any more.
            let _ = self.remote.newest(None).and_then(|newest| self.withdraw(newest, |mark| mark == mine));
        }
        deleted
    }

    /// Ends a collection, if it is one of these.
    fn withdraw(&self, newest: Root, is_it: impl Fn(&str) -> bool) -> Result<()> {
        let is_it = |root: &Root| root.collecting.as_ref().is_some_and(|collecting| is_it(&collecting.mark));
        if is_it(&newest) {
            self.remote.commit(newest, |mut root| {
                if is_it(&root) {
                    end_collecting(&mut root);
                }
                Ok(root)
            })?;
        }
        Ok(())
    }

    fn delete_as(
        &self,
        mine: &str,
        keep: &[ObjectId],
        collected: &mut Collected,
        report: &mut dyn Report,
    ) -> Result<()> {
        if !self.dry_run {
            let newest = self.remote.newest(None)?;
            self.remote.commit(newest, |mut root| {
                end_collecting(&mut root);
                root.collecting = Some(Collecting { mark: mine.into(), since: root.number + 1, kept: Vec::new() });
                Ok(root)
            })?;
        }
        for _ in 0..ATTEMPTS {
            let view = self.cache.view(self.remote)?;
            let mut kept = self.kept(&view.root, mine)?;
            kept.extend(self.young(&view)?);
            let plan = self.plan(&view, |id| keep.binary_search(id).is_ok() || kept.contains(id), report)?;
            let (run, root) = (plan.index.as_ref().filter(|_| !self.dry_run), view.root.clone());
            let run = match run {
                Some(index) => {
                    index.fold(self.stores)?;
                    let newest = root.runs.iter().map(|run| run.newest).max().unwrap_or(0);
                    Some(Run { newest, ..index.upload(self.remote, self.remote.reserve(1)?)? })
                }
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
            if self.commit(root, mine, run, &retired, &plan)? {
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

    /// The objects of files of the index in which some came recently.
    fn young(&self, view: &View) -> Result<BTreeSet<ObjectId>> {
        let mut young = BTreeSet::new();
        if self.young.is_zero() {
            return Ok(young);
        }
        let now = self.date(view.root.number)?.ok_or(Error::NoRemote)?;
        let mut runs = Vec::new();
        for run in &view.root.runs {
            if self.date(run.newest)?.is_some_and(|came| !is_old(came, now, self.young)) {
                runs.push(run.clone());
            }
        }
        if runs.is_empty() {
            return Ok(young);
        }
        let staging = Staging::new(self.cache.folder())?;
        let store = Index::of(view, &runs, staging.path(), self.stores)?.open(self.stores)?;
        loop {
            let page = store.objects(young.last(), PAGE)?;
            if page.is_empty() {
                return Ok(young);
            }
            young.extend(page);
        }
    }

    /// Finds out what is left.
    fn plan(&self, view: &View, stays: impl Fn(&ObjectId) -> bool, report: &mut dyn Report) -> Result<Plan> {
        let staging = Staging::new(self.cache.folder())?;
        let mut plan = Plan {
            index: None,
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
        plan.totals = Totals::of(&stats);
        if plan.deleted > 0 {
            plan.index = Some(index);
        }
        Ok(plan)
    }

    /// Makes the root of what is left; whether what was looked at is still what there is.
    fn commit(
        &self,
        looked: Root,
        mine: &str,
        run: Option<Run>,
        retired: &[(String, u64)],
        plan: &Plan,
    ) -> Result<bool> {
        let mut newest = self.remote.newest(Some(looked.clone()))?;
        loop {
            // Others may have reserved numbers, and nothing else.
            let same = newest.runs == looked.runs && newest.packs == looked.packs;
            if !same || newest.collecting != looked.collecting || newest.deletions != looked.deletions {
                return Ok(false);
            }
            let made = self.remote.commit_upon(newest, |mut root| {
                // Pushes that begin from here on find what is left.
                let since = root.number + 1;
                root.collecting.as_ref().filter(|collecting| collecting.mark == mine).ok_or(Error::Superseded)?;
                end_collecting(&mut root);
                root.garbage.extend(retired.iter().map(|(name, _)| Garbage { name: name.clone(), since }));
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

    fn date(&self, number: u64) -> Result<Option<i64>> {
        self.remote.wait(self.remote.bucket().written(&root::name(number)))
    }

    fn is_old(&self, since: i64, now: i64) -> bool {
        is_old(since, now, self.grace)
    }
}

fn is_old(since: i64, now: i64, age: Duration) -> bool {
    now.saturating_sub(since) >= i64::try_from(age.as_secs()).unwrap_or(i64::MAX)
}

/// Nobody collects any more: what pushes have said meanwhile is garbage.
fn end_collecting(root: &mut Root) {
    let since = root.number + 1;
    let kept = root.collecting.take().map(|collecting| collecting.kept);
    root.garbage.extend(kept.into_iter().flatten().map(|name| Garbage { name, since }));
}

/// The numbers of packs that have objects.
fn live(store: &dyn Store) -> Result<BTreeSet<u32>> {
    Ok(store.packs()?.into_iter().filter(|pack| pack.objects > 0).map(|pack| pack.number).collect())
}

/// The files that a root names and the next one will not, and the bytes of each.
fn retire(root: &Root, plan: &Plan) -> Vec<(String, u64)> {
    let dead = root.packs.iter().filter(|pack| !plan.live.contains(&pack.number));
    let dead = dead.map(|pack| (pack_name(pack.number), pack.size));
    let runs: &[Run] = if plan.index.is_some() { &root.runs } else { &[] };
    dead.chain(runs.iter().map(|run| (run.name(), run.size))).collect()
}
