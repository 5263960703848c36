//! A collection deletes what nobody keeps or counts on, and nothing else, whatever fails and whoever pushes meanwhile.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use loosepack::{Access, Job, ObjectId, Store};
use loosepack_remote::{Cache, Collected, Collection, Error, Push, Remote, Result, Stores, View};
use object_store::ObjectStoreExt as _;
use object_store::memory::InMemory;
use object_store::path::Path as StorePath;
use tempfile::TempDir;

use crate::faulty::{Fault, Faulty};
use crate::folder;
use crate::native::{Native, Told, open};
use crate::pushing::{contents, ids, local, made, objects, push, remote, settings};

const HOUR: Duration = Duration::from_secs(3600);

fn cache() -> (TempDir, Cache) {
    let folder = folder();
    let cache = Cache::new(folder.path(), settings());
    (folder, cache)
}

fn collect(remote: &Remote, stores: &dyn Stores, keep: &BTreeSet<ObjectId>, grace: Duration) -> Result<Collected> {
    let (_folder, cache) = cache();
    let keep: Vec<ObjectId> = keep.iter().copied().collect();
    let keep = Some(&*keep);
    let collection =
        Collection { remote, cache: &cache, stores, keep, young: Duration::ZERO, grace, orphans: true, dry_run: false };
    collection.run(&mut Told::default())
}

/// Does something once, when a container is made, or copied to.
struct During<'a> {
    at: &'static str,
    /// How often it is passed before.
    before: Cell<usize>,
    act: RefCell<Option<Box<dyn FnOnce() + 'a>>>,
}

impl<'a> During<'a> {
    fn new(at: &'static str, act: impl FnOnce() + 'a) -> Self {
        During { at, before: Cell::new(0), act: RefCell::new(Some(Box::new(act))) }
    }

    fn pass(&self, at: &str) {
        if self.at != at {
            return;
        }
        match self.before.get().checked_sub(1) {
            Some(before) => self.before.set(before),
            None => {
                if let Some(act) = self.act.take() {
                    act();
                }
            }
        }
    }
}

impl Stores for During<'_> {
    fn create(&self, path: &Path) -> loosepack::Result<()> {
        self.pass("create");
        Native.create(path)
    }

    fn open(&self, path: &Path) -> loosepack::Result<Box<dyn Store>> {
        Native.open(path)
    }

    fn view(&self, view: &View) -> loosepack::Result<Box<dyn Store>> {
        Native.view(view)
    }

    fn copy(&self, from: &Path, ids: Vec<ObjectId>, to: &Path) -> loosepack::Result<Box<dyn Job>> {
        self.pass("copy");
        Native.copy(from, ids, to)
    }
}

#[test]
fn what_nobody_keeps_goes_and_its_files_when_their_time_has_come() {
    let store = made();
    let there = remote(store.clone());
    let (old, kept) = (contents("old", 30), contents("kept", 4));
    push(local(&old).path(), &there, &cache().1).unwrap();
    push(local(&kept).path(), &there, &cache().1).unwrap();
    let before = there.newest(None).unwrap();
    let collected = collect(&there, &Native, &ids(&kept), HOUR).unwrap();
    assert_eq!((collected.objects, collected.files), (30, 0));
    assert!(collected.retired > 1 && collected.waiting >= collected.retired);
    assert_eq!(objects(&there), ids(&kept));
    let after = there.newest(None).unwrap();
    assert!(after.packs.len() < before.packs.len() && after.deletions > before.deletions);
    assert_eq!((after.totals.objects, &after.collecting), (4, &None));
    // Whoever has the older root can still read it.
    let file = |number: u32| StorePath::from(format!("team/objects/packs/{number}"));
    let gone: Vec<u32> = before
        .packs
        .iter()
        .map(|pack| pack.number)
        .filter(|number| !after.packs.iter().any(|pack| pack.number == *number))
        .collect();
    let is_there = |number: &u32| remote_has(&store, &file(*number));
    assert!(gone.iter().all(is_there));
    // What no root names, as a push leaves it that was killed.
    tokio_run(store.put(&file(999), "orphan".into())).unwrap();
    let collected = collect(&there, &Native, &ids(&kept), Duration::ZERO).unwrap();
    assert_eq!((collected.objects, collected.waiting), (0, 0));
    assert!(collected.files > 1);
    assert!(!gone.iter().any(is_there) && !is_there(&999));
    assert_eq!(objects(&there), ids(&kept));
    assert_eq!(there.newest(None).unwrap().garbage, []);
    // Roots of long ago are lines, and whoever knows one of them finds the newest.
    assert_eq!(there.newest(Some(before)).unwrap(), there.newest(None).unwrap());
    push(local(&old).path(), &there, &cache().1).unwrap();
    assert_eq!(objects(&there), &ids(&kept) | &ids(&old));
}

fn tokio_run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn remote_has(store: &InMemory, path: &StorePath) -> bool {
    tokio_run(store.head(path)).is_ok()
}

#[test]
fn what_a_push_counts_on_while_it_is_collected_stays() {
    let store = made();
    let there = remote(store.clone());
    let (old, kept) = (contents("old", 6), contents("kept", 4));
    push(local(&[old.clone(), kept.clone()].concat()).path(), &there, &cache().1).unwrap();
    for new in [0, 3] {
        let again = [old[..3].to_vec(), contents("new", new)].concat();
        let folder = local(&again);
        let during = During::new("create", || {
            let pushed = push(folder.path(), &remote(store.clone()), &cache().1).unwrap();
            assert_eq!((pushed.objects, pushed.present), (new as u64, 3));
        });
        collect(&there, &during, &ids(&kept), HOUR).unwrap();
        assert_eq!(objects(&there), &ids(&kept) | &ids(&again));
    }
}

#[test]
fn what_a_push_has_counted_on_and_is_collected_then_is_pushed() {
    let store = made();
    let there = remote(store.clone());
    let (old, kept) = (contents("old", 6), contents("kept", 4));
    push(local(&[old.clone(), kept.clone()].concat()).path(), &there, &cache().1).unwrap();
    let again = local(&[old[..3].to_vec(), contents("new", 3)].concat());
    let during = During::new("copy", || {
        collect(&remote(store.clone()), &Native, &ids(&kept), HOUR).unwrap();
    });
    let (store, folder) = (open(again.path(), Access::ReadOnly).unwrap(), folder());
    let cache = Cache::new(folder.path(), settings());
    let push =
        Push { store: &store, dir: again.path(), remote: &there, cache: &cache, stores: &during, batch: 1 << 20 };
    let pushed = push.run(&mut Told::default()).unwrap();
    assert_eq!((pushed.objects, pushed.present), (6, 0));
    assert_eq!(objects(&there), &ids(&[kept.clone(), contents("new", 3)].concat()) | &ids(&old[..3]));
}

/// Batches that were acknowledged before a collection began are part of a push that has not ended.
#[test]
fn what_a_push_has_brought_in_an_earlier_batch_stays() {
    let store = made();
    let there = remote(store.clone());
    let (kept, new) = (contents("kept", 4), contents("new", 40));
    push(local(&kept).path(), &there, &cache().1).unwrap();
    for nth in [1, 2, 4] {
        let here = local(&new);
        let collected = Cell::new(false);
        let during = During::new("copy", || {
            collect(&remote(store.clone()), &Native, &ids(&kept), HOUR).unwrap();
            collected.set(true);
        });
        during.before.set(nth);
        let (source, folder) = (open(here.path(), Access::ReadOnly).unwrap(), crate::folder());
        let cache = Cache::new(folder.path(), settings());
        let push =
            Push { store: &source, dir: here.path(), remote: &there, cache: &cache, stores: &during, batch: 300 };
        let pushed = push.run(&mut Told::default()).unwrap();
        assert!(collected.get(), "{pushed:?}");
        assert_eq!(objects(&there), &ids(&kept) | &ids(&new), "at copy {nth}");
        // For the next time.
        collect(&there, &Native, &ids(&kept), HOUR).unwrap();
    }
}

/// What came recently stays though no list has it.
#[test]
fn what_is_young_stays() {
    let there = remote(made());
    let (old, new) = (contents("old", 6), contents("new", 4));
    push(local(&old).path(), &there, &cache().1).unwrap();
    push(local(&new).path(), &there, &cache().1).unwrap();
    let keep: Vec<ObjectId> = ids(&old[..2]).into_iter().collect();
    let (_folder, cache) = cache();
    let mut collection = Collection {
        remote: &there,
        cache: &cache,
        stores: &Native,
        keep: Some(&keep),
        young: HOUR,
        grace: HOUR,
        orphans: false,
        dry_run: false,
    };
    assert_eq!(collection.run(&mut Told::default()).unwrap().objects, 0);
    collection.young = Duration::ZERO;
    assert_eq!(collection.run(&mut Told::default()).unwrap().objects, 8);
    assert_eq!(objects(&there), ids(&old[..2]));
}

#[test]
fn of_two_collections_the_later_one_goes_on() {
    let store = made();
    let there = remote(store.clone());
    let all = contents("all", 6);
    push(local(&all).path(), &there, &cache().1).unwrap();
    let during = During::new("create", || {
        collect(&remote(store.clone()), &Native, &ids(&all[..4]), HOUR).unwrap();
    });
    let superseded = collect(&there, &during, &ids(&all[4..]), HOUR);
    assert!(matches!(superseded, Err(Error::Superseded)), "{superseded:?}");
    assert_eq!(objects(&there), ids(&all[..4]));
}

/// Each operation of a collection fails once, in each way, while somebody pushes objects that it is to delete.
#[test]
fn nothing_is_lost_whatever_fails_of_a_collection() {
    let (old, kept, new) = (contents("old", 4), contents("kept", 3), contents("new", 2));
    let before = local(&[old.clone(), kept.clone()].concat());
    let again = local(&[old[..2].to_vec(), new.clone()].concat());
    let keep = ids(&kept);
    let must = &keep | &ids(&[old[..2].to_vec(), new].concat());
    let (mut cases, mut collections) = (0, 0);
    for fault in Fault::ALL {
        for at in 0.. {
            let store = made();
            push(before.path(), &remote(store.clone()), &cache().1).unwrap();
            let failing = Arc::new(Faulty::new(store.clone(), at, fault));
            let during = During::new("create", || {
                push(again.path(), &remote(store.clone()), &cache().1).unwrap();
            });
            let collected = collect(&remote(failing.clone()), &during, &keep, HOUR);
            // If it has not come so far.
            during.pass("create");
            drop(during);
            let there = remote(store);
            let found = objects(&there);
            assert!(found.is_superset(&must), "{fault:?} at {at}: {collected:?}");
            match collected {
                Ok(_) => collections += 1,
                Err(
                    Error::Contended | Error::Superseded | Error::Unknown(..) | Error::Failed(..) | Error::Store(_),
                ) => {}
                Err(error) => panic!("{fault:?} at {at}: {error}"),
            }
            collect(&there, &Native, &keep, HOUR).unwrap();
            assert_eq!(objects(&there), keep, "{fault:?} at {at}");
            cases += 1;
            if failing.operations() <= at {
                break;
            }
        }
    }
    assert!(cases > 50 && collections > 0, "{cases} cases, {collections} collections");
}
