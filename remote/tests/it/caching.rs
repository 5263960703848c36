//! A cache shows what the remote has, whoever else uses it, and whatever was there before.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use loosepack::Access;
use loosepack_remote::{Cache, Collection, Push, Stores as _, View};
use object_store::memory::InMemory;
use object_store::{ObjectStore as _, ObjectStoreExt as _};

use crate::folder;
use crate::native::{Native, Told, open};
use crate::pushing::{contents, ids, local, made, objects, push, remote, settings};

/// Reads all objects of a view.
fn read(view: &View) -> usize {
    drop(Native.view(view).unwrap());
    let store = open(&view.dir, Access::ReadOnly).unwrap();
    let ids = store.objects(None, usize::MAX).unwrap();
    for id in &ids {
        assert_eq!(loosepack::codec::sha256(&store.get(id).unwrap()), *id);
    }
    ids.len()
}

fn views(cache: &Path) -> usize {
    let remotes = fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path().join("views"));
    remotes
        .filter_map(|views| fs::read_dir(views).ok())
        .flatten()
        .filter(|view| view.as_ref().unwrap().path().is_dir())
        .count()
}

#[test]
fn views_of_several_roots_are_read_at_the_same_time() {
    let there = remote(made());
    let (folder, mine) = (folder(), crate::folder());
    let (cache, pushes) = (Cache::new(folder.path(), settings()), Cache::new(mine.path(), settings()));
    push(local(&contents("a", 20)).path(), &there, &pushes).unwrap();
    let first = cache.view(&there).unwrap();
    push(local(&contents("b", 20)).path(), &there, &pushes).unwrap();
    let (second, same) = (cache.view(&there).unwrap(), cache.view(&there).unwrap());
    assert_eq!(second.dir, same.dir);
    there.fold(&pushes, &Native).unwrap();
    let third = cache.view(&there).unwrap();
    // Nothing of the older ones was fetched before.
    assert_eq!((read(&first), read(&third), read(&second)), (20, 40, 40));
    assert_eq!(views(folder.path()), 3);
    drop((first, second, same, third));
    let last = cache.view(&there).unwrap();
    assert_eq!((read(&last), views(folder.path())), (40, 1));
}

async fn copy(store: &InMemory) -> Arc<InMemory> {
    let copied = Arc::new(InMemory::new());
    for object in store.list(None).try_collect::<Vec<_>>().await.unwrap() {
        let bytes = store.get(&object.location).await.unwrap().bytes().await.unwrap();
        copied.put(&object.location, bytes.into()).await.unwrap();
    }
    copied
}

/// A bucket that was put back to what it was, and goes on from there, has other files of the same names.
#[test]
fn what_is_known_of_another_history_is_forgotten() {
    let store = made();
    let (mine, folder) = (folder(), crate::folder());
    let (cache, pushes) = (Cache::new(folder.path(), settings()), Cache::new(mine.path(), settings()));
    push(local(&contents("a", 20)).path(), &remote(store.clone()), &pushes).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let before = runtime.block_on(copy(&store));
    for (store, name) in [(store, "b"), (before, "c")] {
        let there = remote(store);
        let fresh = crate::folder();
        let fresh = Cache::new(fresh.path(), settings());
        push(local(&contents(name, 20)).path(), &there, &fresh).unwrap();
        let view = cache.view(&there).unwrap();
        assert_eq!(read(&view), 40);
        let store = open(&view.dir, Access::ReadOnly).unwrap();
        let expected: Vec<_> = ids(&contents(name, 20)).into_iter().collect();
        assert_eq!(store.contains(&expected).unwrap(), [true; 20], "{name}");
    }
}

/// Whatever a crash has left of the files of a cache.
#[test]
fn what_a_crash_has_left_is_not_believed() {
    let there = remote(made());
    let (folder, mine) = (folder(), crate::folder());
    let (cache, pushes) = (Cache::new(folder.path(), settings()), Cache::new(mine.path(), settings()));
    push(local(&contents("a", 30)).path(), &there, &pushes).unwrap();
    assert_eq!(read(&cache.view(&there).unwrap()), 30);
    let remote = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.join("files").exists());
    for kind in ["files", "blocks", "views", "root.json"] {
        let path = remote.as_ref().unwrap().join(kind);
        for damage in 0..3 {
            let files = if path.is_dir() {
                fs::read_dir(&path).unwrap().map(|file| file.unwrap().path()).collect()
            } else {
                vec![path.clone()]
            };
            for file in files.into_iter().filter(|file| file.is_file()) {
                let mut bytes = fs::read(&file).unwrap();
                let len = bytes.len();
                match damage {
                    0 => bytes.fill(0),
                    1 => bytes.truncate(len / 2),
                    _ => bytes.extend([1, 2, 3]),
                }
                fs::write(&file, bytes).unwrap();
            }
            assert_eq!(read(&cache.view(&there).unwrap()), 30, "{kind}, {damage}");
        }
    }
    // Files of the remote that are gone are told as that.
    let keep: Vec<_> = Vec::new();
    let other = crate::folder();
    let stale = Cache::new(other.path(), settings()).view(&there).unwrap();
    let collection = Collection {
        remote: &there,
        cache: &pushes,
        stores: &Native,
        keep: Some(&keep),
        young: Duration::ZERO,
        grace: Duration::ZERO,
        orphans: true,
        dry_run: false,
    };
    let collected = collection.run(&mut Told::default()).unwrap();
    assert!(Native.view(&stale).is_err(), "{collected:?} {:?} {:?}", stale.root, there.newest(None));
    assert!(stale.fetcher.failure().unwrap().contains("not there"), "{:?}", stale.fetcher.failure());
    assert_eq!(objects(&there).len(), 0);
}

/// Whoever reads on and on waits seldom, and asks for much at once.
#[test]
fn what_is_read_from_start_to_end_is_few_requests() {
    let there = remote(made());
    let (folder, mine) = (folder(), crate::folder());
    let settings = loosepack_remote::Settings { window: 4096, request: 2048, ..settings() };
    let (cache, pushes) = (Cache::new(folder.path(), settings), Cache::new(mine.path(), settings));
    let dir = local(&(0..40).map(|number| format!("{number}").repeat(1000)).collect::<Vec<_>>());
    let store = open(dir.path(), Access::ReadOnly).unwrap();
    let push = Push { store: &store, dir: dir.path(), remote: &there, cache: &pushes, stores: &Native, batch: 1 << 20 };
    push.run(&mut Told::default()).unwrap();
    let view = cache.view(&there).unwrap();
    let name = format!("packs/{}", view.root.packs[0].number);
    let (file, size) = (fs::File::open(view.dir.join(&name)).unwrap(), view.root.packs[0].size);
    let before = there.requests();
    for start in (0..size).step_by(64) {
        view.fetcher.read(&file, start..start + 64).unwrap();
    }
    let after = there.requests();
    assert!(after.received - before.received == size, "{before:?} {after:?}");
    // One by one they would be a request for each 64 bytes.
    assert!(after.reads - before.reads < size / 1024, "{} requests for {size} bytes", after.reads - before.reads);
}
