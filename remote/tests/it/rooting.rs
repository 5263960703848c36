//! The newest root is found, whatever the hint says, and the next one made.

use std::sync::Arc;

use futures_util::future::join_all;
use loosepack_remote::{Bucket, Error, File, Root, Run};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};

use crate::faulty::{Fault, Faulty};
use crate::{bucket, retries};

/// A change that can be told: one pack more.
pub(crate) fn with_pack(mut root: Root, number: u32) -> Root {
    root.packs.push(File { number, size: 1 });
    root.packs.sort_unstable();
    root.next = root.next.max(number + 1);
    root
}

pub(crate) fn packs(root: &Root) -> Vec<u32> {
    root.packs.iter().map(|pack| pack.number).collect()
}

async fn founded(store: Arc<dyn ObjectStore>, roots: u32) -> Bucket {
    let bucket = bucket(store);
    let mut root = bucket.found(Root::first("a", "{}"), retries()).await.unwrap();
    for number in 0..roots {
        root = bucket.commit(root, retries(), |root| Ok(with_pack(root, number))).await.unwrap();
    }
    bucket
}

#[tokio::test]
async fn roots_follow_each_other() {
    let store = Arc::new(InMemory::new());
    let bucket = bucket(store.clone());
    assert!(matches!(bucket.newest(retries()).await, Err(Error::NoRemote)));
    founded(store.clone(), 5).await;
    let newest = bucket.newest(retries()).await.unwrap();
    assert_eq!((newest.number, &*newest.by, packs(&newest)), (5, "a", vec![0, 1, 2, 3, 4]));
    assert!(matches!(bucket.found(Root::first("b", "{}"), retries()).await, Err(Error::AlreadyExists)));
    // Another prefix is another remote.
    let other = Bucket::new(store, Path::from("team"));
    assert!(matches!(other.newest(retries()).await, Err(Error::NoRemote)));
}

#[tokio::test]
async fn a_hint_is_not_believed() {
    let store = Arc::new(InMemory::new());
    let bucket = founded(store.clone(), 5).await;
    let latest = Path::from("team/objects/root/latest");
    for hint in [
        "0\n",
        "3",
        "5",
        "6",
        "99",
        "5 0123456789abcdef0123456789abcdef\n",
        "18446744073709551615",
        "-1",
        "",
        "x",
        "\u{0}",
        &"1".repeat(100),
    ] {
        store.put(&latest, hint.to_string().into()).await.unwrap();
        for ahead in [0, 1, 2, 50] {
            let retries = loosepack_remote::Retries { ahead, ..retries() };
            assert_eq!(bucket.newest(retries).await.unwrap().number, 5, "{hint:?}, {ahead} ahead");
        }
    }
    store.delete(&latest).await.unwrap();
    assert_eq!(bucket.newest(retries()).await.unwrap().number, 5);
    // Old roots may go.
    for number in 0..5 {
        store.delete(&Path::from(format!("team/objects/root/{number:020}"))).await.unwrap();
    }
    assert_eq!(bucket.newest(retries()).await.unwrap().number, 5);
    assert!(matches!(bucket.found(Root::first("b", "{}"), retries()).await, Err(Error::AlreadyExists)));
}

/// A root that nobody can read was made, and was the last.
#[tokio::test]
async fn a_root_that_cannot_be_believed_is_not_made() {
    let bucket = founded(Arc::new(InMemory::new()), 2).await;
    let root = bucket.newest(retries()).await.unwrap();
    type Change = fn(&mut Root);
    let changes: [Change; 3] = [
        |root| root.runs.push(Run { number: root.next, size: 300, head: "{}".into(), newest: 0 }),
        |root| root.packs.extend([File { number: 1, size: 1 }, File { number: 0, size: 1 }]),
        |root| {
            root.next = 1 << 20;
            root.packs = (0..1 << 20).map(|number| File { number, size: u64::MAX }).collect();
        },
    ];
    for change in changes {
        let refused = bucket.commit(root.clone(), retries(), |mut root| {
            change(&mut root);
            Ok(root)
        });
        assert!(matches!(refused.await, Err(Error::Corrupt(..))));
    }
    assert_eq!(bucket.commit(root, retries(), Ok).await.unwrap().number, 3);
}

#[tokio::test]
async fn requests_are_few_and_counted() {
    let store = Arc::new(InMemory::new());
    let made = founded(store.clone(), 3).await;
    let before = made.requests();
    // The hint, the root, and the one that is not there.
    made.newest(retries()).await.unwrap();
    let after = made.requests();
    assert_eq!((after.reads - before.reads, after.writes - before.writes), (3, 0));
    assert!(after.received > before.received && after.sent == before.sent);
    let root = made.newest(retries()).await.unwrap();
    let before = made.requests();
    // The root, and the hint.
    made.commit(root, retries(), |root| Ok(with_pack(root, 9))).await.unwrap();
    let after = made.requests();
    assert_eq!((after.reads - before.reads, after.writes - before.writes), (0, 2));
}

#[tokio::test]
async fn what_is_no_root_is_told_and_nothing_is_put_beside_it() {
    let store = Arc::new(InMemory::new());
    let bucket = founded(store.clone(), 2).await;
    let root = bucket.newest(retries()).await.unwrap();
    let next = Path::from("team/objects/root/00000000000000000003");
    for content in ["{}".to_string(), String::new(), "x".repeat(17 << 20)] {
        store.put(&next, content.into()).await.unwrap();
        let refused = bucket.newest(retries()).await.unwrap_err();
        assert!(matches!(&refused, Error::Corrupt(name, _) if name.ends_with('3')), "{refused}");
        let refused = bucket.commit(root.clone(), retries(), Ok).await.unwrap_err();
        assert!(matches!(refused, Error::Corrupt(..)), "{refused}");
    }
}

#[tokio::test]
async fn a_change_that_fails_makes_no_root() {
    let store = Arc::new(InMemory::new());
    let bucket = founded(store, 2).await;
    let root = bucket.newest(retries()).await.unwrap();
    let failed = bucket.commit(root, retries(), |_| Err(Error::NoRemote)).await;
    assert!(matches!(failed, Err(Error::NoRemote)));
    assert_eq!(bucket.newest(retries()).await.unwrap().number, 2);
}

#[tokio::test]
async fn many_writers_lose_nothing() {
    let store = Arc::new(InMemory::new());
    founded(store.clone(), 0).await;
    let writers = (0..8).map(|writer| {
        // Operations of all writers take turns.
        let bucket = bucket(Arc::new(Faulty::new(store.clone(), u64::MAX, Fault::Refused)));
        async move {
            for turn in 0..10 {
                let root = bucket.newest(retries()).await.unwrap();
                let change = |root| Ok(with_pack(root, writer * 10 + turn));
                bucket.commit(root, retries(), change).await.unwrap();
            }
        }
    });
    join_all(writers).await;
    let newest = bucket(store).newest(retries()).await.unwrap();
    assert_eq!((newest.number, packs(&newest)), (80, (0..80).collect()));
}
