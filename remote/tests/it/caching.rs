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
        drop(view.fetcher.read(&file, start..start + 64).unwrap());
    }
    let after = there.requests();
    assert!(after.received - before.received == size, "{before:?} {after:?}");
    // One by one they would be a request for each 64 bytes.
    assert!(after.reads - before.reads < size / 1024, "{} requests for {size} bytes", after.reads - before.reads);
}

/// Bytes that a folder takes on the disk.
#[cfg(target_os = "linux")]
fn taken(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| match entry.metadata().unwrap() {
            found if found.is_dir() => taken(&entry.path()),
            // Files of views are second names.
            found if entry.path().parent().unwrap().ends_with("files") => found.blocks() * 512,
            _ => 0,
        })
        .sum()
}

/// A cache that is too small for what is read, by two who do not know of each other, with two threads each.
#[cfg(target_os = "linux")]
#[test]
fn a_small_cache_makes_room_and_nobody_reads_what_was_taken_out() {
    use std::os::unix::fs::FileExt as _;

    let there = remote(made());
    let (folder, mine) = (folder(), crate::folder());
    let pushes = Cache::new(mine.path(), settings());
    let (capacity, least) = (64 << 10, 32 << 10);
    let small =
        loosepack_remote::Settings { block: 4096, gap: 0, request: 8192, window: 8192, capacity, least, ..settings() };
    let cache = Cache::new(folder.path(), small);
    for name in ["a", "b", "c", "d"] {
        let objects: Vec<String> = (0..40).map(|number| format!("{name} {number}").repeat(500)).collect();
        let dir = local(&objects);
        let store = open(dir.path(), Access::ReadOnly).unwrap();
        let push =
            Push { store: &store, dir: dir.path(), remote: &there, cache: &pushes, stores: &Native, batch: 1 << 20 };
        push.run(&mut Told::default()).unwrap();
    }
    let whole = pushes.view(&there).unwrap();
    drop(Native.view(&whole).unwrap());
    let names: Vec<String> = whole.root.packs.iter().map(|pack| format!("packs/{}", pack.number)).collect();
    let packs: Vec<Vec<u8>> = names.iter().map(|name| fs::read(whole.dir.join(name)).unwrap()).collect();
    let bytes: u64 = packs.iter().map(|pack| pack.len() as u64).sum();
    assert!(names.len() >= 4 && bytes > 3 * capacity, "{} packs of {bytes} bytes", names.len());

    let before = there.requests().received;
    let views = [cache.view(&there).unwrap(), cache.view(&there).unwrap()];
    std::thread::scope(|scope| {
        for (reader, view) in views.iter().chain(&views).enumerate() {
            let (names, packs) = (&names, &packs);
            scope.spawn(move || {
                let files: Vec<fs::File> =
                    names.iter().map(|name| fs::File::open(view.dir.join(name)).unwrap()).collect();
                let mut chosen = reader as u64;
                for _ in 0..400 {
                    chosen = chosen.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    let pack = (chosen >> 33) as usize % packs.len();
                    let start = (chosen >> 40) % (packs[pack].len() as u64 - 100);
                    let mut found = [0; 100];
                    let held = view.fetcher.read(&files[pack], start..start + 100).unwrap();
                    files[pack].read_exact_at(&mut found, start).unwrap();
                    drop(held);
                    assert_eq!(found, packs[pack][start as usize..][..100]);
                }
            });
        }
    });
    // What was read from start to end does not fit either.
    for (name, pack) in names.iter().zip(&packs) {
        let file = fs::File::open(views[0].dir.join(name)).unwrap();
        for (start, expected) in (0..).step_by(1000).zip(pack.chunks(1000)) {
            let mut found = vec![0; expected.len()];
            let held = views[0].fetcher.read(&file, start..start + expected.len() as u64).unwrap();
            file.read_exact_at(&mut found, start).unwrap();
            drop(held);
            assert_eq!(found, expected);
        }
    }
    let received = there.requests().received - before;
    assert!(received > 2 * bytes, "{received} bytes came for {bytes}: nothing was taken out");
    // Each of the two may bring so much before it looks.
    let taken = taken(folder.path());
    assert!(taken <= capacity + 2 * (least + 3 * 8192), "{taken} bytes are there");
}
