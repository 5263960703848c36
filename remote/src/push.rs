//! Pushing: what a remote lacks of a container's objects is added to it.
//!
//! Objects are copied in batches to packs on this machine, checked on the way, under numbers that were reserved. Then
//! packs and the one run of their index are uploaded, and a root that names them is created. A batch that was
//! acknowledged stays; a push that is started again after being killed goes on behind it.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use loosepack::{ObjectId, Placement, Store};

use crate::cache::Cache;
use crate::fold::{fold, upload_run};
use crate::remote::{Remote, Report, Stores};
use crate::root::{File, RUNS_MAX, Root, Run, Totals, pack_name};
use crate::roots::mark;
use crate::staging::Staging;
use crate::{Error, Result};

/// Objects that are looked up at once.
const PAGE: u32 = 1 << 16;

/// How often a batch is looked up anew because objects were deleted meanwhile.
const ATTEMPTS: u32 = 64;

/// How often its root is tried. Of eight who push all the time, one in a thousand needed more than 64.
const COMMITS: u32 = 512;

/// How often all is gone over because garbage was collected meanwhile.
const PASSES: u32 = 8;

/// Bytes that the header of a record and its line end take at most.
const RECORD: u64 = 512;

/// What is pushed, and how.
pub struct Push<'a> {
    /// The container.
    pub store: &'a dyn Store,
    /// Its directory.
    pub dir: &'a Path,
    /// Where its objects go.
    pub remote: &'a Remote,
    /// What is known of the remote, and room for packs that are prepared.
    pub cache: &'a Cache,
    /// How containers are opened.
    pub stores: &'a dyn Stores,
    /// Bytes that become one root, and take so much room in the cache meanwhile.
    pub batch: u64,
}

/// What a push has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Objects that the remote got.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects that it had.
    pub present: u64,
    /// Objects that are damaged here, or could not be read.
    pub problems: u64,
    /// Bytes that were uploaded.
    pub sent: u64,
}

/// Objects that become one root.
#[derive(Default)]
struct Batch {
    /// Objects that the remote lacks.
    lacking: Vec<ObjectId>,
    bytes: u64,
    /// Objects that it has.
    present: Vec<ObjectId>,
}

/// Files that were uploaded.
struct Uploaded {
    packs: Vec<File>,
    run: Run,
    totals: Totals,
    /// The objects in them.
    ids: Vec<ObjectId>,
}

/// What a push must find unchanged at its end, so that what it found or brought before is there still.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ground {
    deletions: u64,
    collecting: Option<String>,
}

impl Ground {
    fn of(root: &Root) -> Self {
        let collecting = root.collecting.as_ref().map(|collecting| collecting.mark.clone());
        Ground { deletions: root.deletions, collecting }
    }
}

impl Push<'_> {
    /// Adds to the remote what it lacks.
    ///
    /// # Errors
    /// Failures of the server, of the container, and of this machine. What was pushed before stays.
    pub fn run(&self, report: &mut dyn Report) -> Result<Pushed> {
        let mut pushed = Pushed::default();
        for pass in 0..PASSES {
            let (present, problems) = (pushed.present, pushed.problems);
            let grounds = self.go_over(&mut pushed, report)?;
            let last = Ground::of(&self.remote.newest(None)?);
            // A collection that has announced itself since a batch was made knows nothing of it.
            if grounds.iter().all(|ground| *ground == last) {
                if pass > 0 {
                    // What an earlier pass has brought is no news.
                    pushed.present = pushed.present.saturating_sub(present).saturating_sub(pushed.objects);
                    pushed.problems = problems;
                }
                return Ok(pushed);
            }
        }
        Err(Error::Deleted)
    }

    /// Adds what the remote lacks, batch by batch. Returns on what ground each of them stands.
    fn go_over(&self, pushed: &mut Pushed, report: &mut dyn Report) -> Result<Vec<Ground>> {
        let stats = self.store.stats()?;
        let total = stats.loose_objects + stats.packed_objects;
        let (mut grounds, mut after, mut done) = (Vec::new(), None, 0);
        loop {
            let view = self.remote.view_of_few(self.cache, self.stores)?;
            let there = self.stores.view(&view)?;
            let mut batch = Batch::default();
            let mut ended = false;
            while !ended && batch.bytes < self.batch && batch.lacking.len() + batch.present.len() < PAGE as usize * 16 {
                let page = self.store.objects(after.as_ref(), PAGE)?;
                ended = page.is_empty();
                let taken = self.take(&mut batch, &page, &*there)?;
                after = page[..taken].last().copied().or(after);
                done += taken as u64;
                report.progress(done, total.max(done), pushed.objects, pushed.sent);
            }
            drop(there);
            grounds.push(self.push(view.root.clone(), batch, pushed, report)?);
            grounds.dedup();
            report.progress(done, total.max(done), pushed.objects, pushed.sent);
            if ended {
                return Ok(grounds);
            }
        }
    }

    /// Takes objects into a batch until it is full. Returns how many.
    fn take(&self, batch: &mut Batch, page: &[ObjectId], there: &dyn Store) -> Result<usize> {
        let found = there.contains(page)?;
        let lacking: Vec<ObjectId> = page.iter().zip(&found).filter(|(_, found)| !**found).map(|(id, _)| *id).collect();
        let mut infos = self.store.info_many(&lacking)?.into_iter();
        for (number, (id, found)) in page.iter().zip(found).enumerate() {
            if batch.bytes >= self.batch {
                return Ok(number);
            }
            if found {
                batch.present.push(*id);
            // One that was deleted meanwhile is not pushed.
            } else if let Some(info) = infos.next().flatten() {
                batch.lacking.push(*id);
                batch.bytes += info.size;
            }
        }
        Ok(page.len())
    }

    /// Pushes a batch that was looked up in a root. Returns on what ground it stands.
    fn push(&self, looked: Root, batch: Batch, pushed: &mut Pushed, report: &mut dyn Report) -> Result<Ground> {
        let (mut looked, mut batch) = (looked, batch);
        for _ in 0..ATTEMPTS {
            let uploaded = match batch.lacking.is_empty() {
                true => None,
                false => self.upload(&batch, pushed, report)?,
            };
            match self.commit(looked, &batch, uploaded.as_ref()) {
                Err(Error::Deleted) => {}
                Err(error) => return Err(error),
                Ok(ground) => {
                    pushed.present += batch.present.len() as u64;
                    if let Some(Uploaded { totals, .. }) = uploaded {
                        pushed.objects += totals.objects;
                        pushed.bytes += totals.size;
                    }
                    return Ok(ground);
                }
            }
            // What was there may be gone.
            let view = self.cache.view(self.remote)?;
            let ids: Vec<ObjectId> = batch.lacking.into_iter().chain(batch.present).collect();
            batch = Batch::default();
            let unbounded = Push { batch: u64::MAX, ..*self };
            unbounded.take(&mut batch, &ids, &*self.stores.view(&view)?)?;
            looked = view.root.clone();
        }
        Err(Error::Deleted)
    }

    /// Copies the objects that the remote lacks to packs, and uploads these. Returns `None` when none could be copied.
    fn upload(&self, batch: &Batch, pushed: &mut Pushed, report: &mut dyn Report) -> Result<Option<Uploaded>> {
        let staging = Staging::new(self.cache.folder())?;
        let dir = staging.path().join("packed");
        fs::create_dir(&dir).map_err(Error::file("create", &dir))?;
        self.stores.create(&dir)?;
        let target = self.stores.open(&dir)?.config()?.pack_target;
        let most = batch.bytes.saturating_add(RECORD * batch.lacking.len() as u64) / target + 2;
        let most = u32::try_from(most).map_err(|_| Error::Corrupt("packs".into(), "these would be too many".into()))?;
        let first = self.remote.reserve(most + 1)?;
        begin_packs_at(&dir, first)?;
        let mut job = self.stores.copy(self.dir, batch.lacking.clone(), &dir)?;
        loop {
            let step = job.step()?;
            step.problems.iter().chain(&step.unread).for_each(|finding| report.problem(finding));
            pushed.problems += (step.problems.len() + step.unread.len()) as u64;
            step.notes.iter().for_each(|finding| report.note(finding));
            if step.finished {
                break;
            }
        }
        drop(job);
        let store = self.stores.open(&dir)?;
        fold(&*store)?;
        let (stats, ids) = (store.stats()?, store.objects(None, u32::MAX)?);
        let used: Vec<u32> = store.packs()?.iter().filter(|pack| pack.objects > 0).map(|pack| pack.number).collect();
        drop(store);
        if stats.packed_objects == 0 {
            return Ok(None);
        }
        let totals = Totals::of(&stats);
        let mut sent = |bytes| pushed.sent += bytes;
        let mut packs = Vec::new();
        for number in used {
            let reserved = (first..first + most).contains(&number);
            reserved.then_some(()).ok_or_else(|| Error::Corrupt(pack_name(number), "nobody has reserved it".into()))?;
            let path = dir.join(pack_name(number));
            let size = self.remote.wait(self.remote.bucket().upload(&pack_name(number), &path, &mut sent))?;
            packs.push(File { number, size });
        }
        let run = upload_run(self.remote, &dir, first + most, &mut sent)?;
        Ok(Some(Uploaded { packs, run, totals, ids }))
    }

    /// Makes a root with what was uploaded. `looked`: the root in which the objects of the batch were looked up.
    ///
    /// [`Error::Deleted`] when objects were deleted since.
    fn commit(&self, looked: Root, batch: &Batch, uploaded: Option<&Uploaded>) -> Result<Ground> {
        let deletions = looked.deletions;
        let (mut kept, mut doubled) = (None, (looked.runs.clone(), Totals::default()));
        let mut newest = self.remote.newest(Some(looked))?;
        for _ in 0..COMMITS {
            if newest.deletions != deletions {
                return Err(Error::Deleted);
            }
            // A collection that begins after this root was the newest finds what is in it.
            let keeps = newest.collecting.is_some() && !(batch.present.is_empty() && batch.lacking.is_empty());
            if uploaded.is_none() && !keeps {
                return Ok(Ground::of(&newest));
            }
            if keeps && kept.is_none() {
                kept = Some(self.keep(batch)?);
            }
            if newest.runs.len() >= RUNS_MAX {
                newest = self.remote.view_of_few(self.cache, self.stores)?.root.clone();
                continue;
            }
            if let Some(Uploaded { ids, .. }) = uploaded
                && newest.runs != doubled.0
            {
                // Others may have brought some of the same objects meanwhile: each counts once.
                let view = self.cache.view(self.remote)?;
                doubled = (view.root.runs.clone(), self.doubled(ids, &*self.stores.view(&view)?)?);
                newest = view.root.clone();
                continue;
            }
            let made = self.remote.commit_upon(newest, |mut root| {
                if let (Some(collecting), Some(kept)) = (&mut root.collecting, &kept) {
                    collecting.kept.push(kept.clone());
                }
                if let Some(uploaded) = uploaded {
                    add(&mut root, uploaded, doubled.1);
                }
                Ok(root)
            });
            match made {
                Err(Error::Contended) => newest = self.remote.newest(None)?,
                made => return made.map(|root| Ground::of(&root)),
            }
        }
        Err(Error::Contended)
    }

    /// Says which objects are brought or counted on, to whoever collects garbage.
    fn keep(&self, Batch { lacking, present, .. }: &Batch) -> Result<String> {
        let name = format!("kept/{}", mark()?);
        let bytes: Vec<u8> = present.iter().chain(lacking).flat_map(|id| *id.as_bytes()).collect();
        self.remote.wait(self.remote.bucket().put(&name, Bytes::from(bytes)))?;
        Ok(name)
    }

    /// What those of the objects add up to that the remote has by now.
    fn doubled(&self, ids: &[ObjectId], there: &dyn Store) -> Result<Totals> {
        let mut totals = Totals::default();
        for info in there.info_many(ids)?.into_iter().flatten() {
            if let Placement::Packed(location) = info.placement {
                totals.objects += 1;
                totals.size += location.size;
                totals.length += location.length;
            }
        }
        Ok(totals)
    }
}

/// Adds what was uploaded to a root. `doubled`: what is in it already.
fn add(root: &mut Root, uploaded: &Uploaded, doubled: Totals) {
    let Uploaded { packs, run, totals, .. } = uploaded;
    root.runs.insert(0, Run { newest: root.number + 1, ..run.clone() });
    root.packs.extend(packs);
    root.packs.sort_unstable();
    let sum = |before: u64, more: u64, twice: u64| before.saturating_add(more).saturating_sub(twice);
    root.totals = Totals {
        objects: sum(root.totals.objects, totals.objects, doubled.objects),
        size: sum(root.totals.size, totals.size, doubled.size),
        length: sum(root.totals.length, totals.length, doubled.length),
    };
}

/// An empty pack of this number makes it the one that is written to first.
fn begin_packs_at(dir: &Path, number: u32) -> Result<()> {
    let path: PathBuf = dir.join(pack_name(number));
    let make = || {
        fs::create_dir_all(dir.join("packs"))?;
        fs::File::create_new(&path).map(drop)
    };
    make().map_err(Error::file("create", &path))
}
