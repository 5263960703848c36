//! What was pushed is there, whatever fails, and whoever else pushes, folds or collects at the same time.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use loosepack::{Access, Compression, ObjectId};
use loosepack_remote::{Cache, Push, Pushed, Remote, Result, Settings, Stores};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use tempfile::TempDir;

use crate::faulty::{Fault, Faulty};
use crate::native::{Native, Told, open};
use crate::{bucket, folder, retries};

/// Blocks of a few bytes, so that all files have many.
pub(crate) fn settings() -> Settings {
    Settings { block: 64, gap: 64, request: 256, window: 512, ..Settings::default() }
}

pub(crate) fn remote(store: Arc<dyn ObjectStore>) -> Remote {
    Remote::on("memory", bucket(store), retries()).unwrap()
}

/// A remote in memory.
pub(crate) fn made() -> Arc<InMemory> {
    let (store, folder) = (Arc::new(InMemory::new()), folder());
    remote(store.clone()).init(&Cache::new(folder.path(), settings()), &Native).unwrap();
    store
}

/// A container with objects, every other one packed.
pub(crate) fn local(contents: &[String]) -> TempDir {
    let folder = folder();
    Native.create(folder.path()).unwrap();
    let store = open(folder.path(), Access::ReadWrite).unwrap();
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    for (number, content) in contents.iter().enumerate() {
        if number % 2 == 0 {
            store.add(content.as_bytes()).unwrap();
        } else {
            writer.add(content.as_bytes()).unwrap();
        }
    }
    writer.finish().unwrap();
    folder
}

pub(crate) fn contents(name: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{name} {number} {}", "x".repeat(number * 7 % 90))).collect()
}

/// Pushes, a few objects for each root.
pub(crate) fn push(dir: &Path, remote: &Remote, cache: &Cache) -> Result<Pushed> {
    let store = open(dir, Access::ReadOnly)?;
    let push = Push { store: &store, dir, remote, cache, stores: &Native, batch: 300 };
    push.run(&mut Told::default())
}

/// All objects of a remote, each of which is read and has its ID.
pub(crate) fn objects(remote: &Remote) -> BTreeSet<ObjectId> {
    let cache = folder();
    let view = Cache::new(cache.path(), settings()).view(remote).unwrap();
    let store = Native.view(&view).unwrap();
    let ids = store.objects(None, u32::MAX).unwrap();
    for id in &ids {
        assert_eq!(loosepack::codec::sha256(&store.get(id).unwrap()), *id);
    }
    let mut job = store.verify(loosepack::Part::default()).unwrap();
    loop {
        let step = job.step().unwrap();
        assert_eq!(step.problems, [], "{:?}", view.root);
        if step.finished {
            return ids.into_iter().collect();
        }
    }
}

pub(crate) fn ids(contents: &[String]) -> BTreeSet<ObjectId> {
    contents.iter().map(|content| loosepack::codec::sha256(content.as_bytes())).collect()
}

#[test]
fn a_remote_gets_what_it_lacks_and_nothing_twice() {
    let store = made();
    let (mine, cache) = (contents("mine", 40), folder());
    let (dir, cache) = (local(&mine), Cache::new(cache.path(), settings()));
    let there = remote(store.clone());
    let pushed = push(dir.path(), &there, &cache).unwrap();
    assert_eq!((pushed.objects, pushed.present, pushed.problems), (40, 0, 0));
    assert_eq!(objects(&there), ids(&mine));
    let sent = there.requests().sent;
    let again = push(dir.path(), &there, &cache).unwrap();
    assert_eq!((again.objects, again.present, there.requests().sent), (0, 40, sent));
    // Somebody else has half of them, and others.
    let theirs: Vec<String> = mine.iter().take(20).cloned().chain(contents("theirs", 10)).collect();
    let other = Cache::new(folder().path(), settings());
    let pushed = push(local(&theirs).path(), &remote(store.clone()), &other).unwrap();
    assert_eq!((pushed.objects, pushed.present), (10, 20));
    let all: Vec<String> = mine.into_iter().chain(theirs).collect();
    assert_eq!(objects(&there), ids(&all));
    // Many roots later the index has few files still.
    assert!(there.newest(None).unwrap().runs.len() <= 13);
    there.fold(&cache, &Native).unwrap();
    assert_eq!(there.newest(None).unwrap().runs.len(), 1);
    assert_eq!(objects(&there), ids(&all));
}

#[test]
fn what_is_damaged_is_told_and_the_rest_is_pushed() {
    let mine = contents("mine", 10);
    let (dir, cache) = (local(&mine), folder());
    let damaged = loosepack::codec::sha256(mine[4].as_bytes()).to_string();
    std::fs::write(dir.path().join("loose").join(&damaged[..2]).join(&damaged[2..]), "other").unwrap();
    let (there, cache) = (remote(made()), Cache::new(cache.path(), settings()));
    let store = open(dir.path(), Access::ReadOnly).unwrap();
    let mut told = Told::default();
    let push = Push { store: &store, dir: dir.path(), remote: &there, cache: &cache, stores: &Native, batch: 300 };
    let pushed = push.run(&mut told).unwrap();
    assert_eq!((pushed.objects, pushed.problems, told.problems.len()), (9, 1, 1));
    assert!(told.problems[0].contains(&damaged[2..]), "{:?}", told.problems);
    assert_eq!(objects(&there).len(), 9);
}

/// Each operation of a push fails once, in each way, while another push goes on.
#[test]
fn what_was_acknowledged_is_there_whatever_fails() {
    let (mine, theirs) = (contents("mine", 9), contents("theirs", 5));
    let shared: Vec<String> = contents("shared", 3);
    let with = |own: &[String]| own.iter().chain(&shared).cloned().collect::<Vec<_>>();
    let (dir, other) = (local(&with(&mine)), local(&with(&theirs)));
    let mut cases = 0;
    for fault in Fault::ALL {
        for at in 0.. {
            let store = made();
            let failing = Arc::new(Faulty::new(store.clone(), at, fault));
            let caches = [(); 3].map(|()| folder());
            let [first, second, third] = caches.each_ref().map(|folder| Cache::new(folder.path(), settings()));
            let pushed = std::thread::scope(|scope| {
                let pushing = scope.spawn(|| push(dir.path(), &remote(failing.clone()), &first));
                push(other.path(), &remote(store.clone()), &second).unwrap();
                pushing.join().unwrap()
            });
            let there = remote(store);
            let found = objects(&there);
            let must = if pushed.is_ok() { ids(&[with(&mine), with(&theirs)].concat()) } else { ids(&with(&theirs)) };
            assert!(found.is_superset(&must), "{fault:?} at {at}: {pushed:?}");
            // Whatever was left, it goes on.
            push(dir.path(), &there, &third).unwrap();
            assert_eq!(objects(&there), ids(&[with(&mine), with(&theirs)].concat()), "{fault:?} at {at}");
            cases += 1;
            if failing.operations() <= at {
                break;
            }
        }
    }
    assert!(cases > 100, "{cases} cases");
}
