//! Each operation of two writers fails once, in each way.

use std::sync::Arc;

use futures_util::future::join;
use loosepack_remote::{Bucket, Error, Root};
use object_store::memory::InMemory;

use crate::faulty::{Fault, Faulty};
use crate::rooting::{packs, with_pack};
use crate::{bucket, retries};

const COMMITS: u32 = 3;

/// Makes some roots. Returns which were acknowledged, and which may or may not have been made.
async fn write(bucket: &Bucket, writer: u32) -> (Vec<u32>, Vec<u32>) {
    let (mut made, mut unknown) = (Vec::new(), Vec::new());
    for turn in 0..COMMITS {
        let number = writer * COMMITS + turn;
        let committed = match bucket.newest(retries()).await {
            Ok(root) => bucket.commit(root, retries(), |root| Ok(with_pack(root, number))).await,
            Err(error) => Err(error),
        };
        match committed {
            Ok(_) => made.push(number),
            Err(Error::Unknown(..)) => unknown.push(number),
            Err(Error::Failed(..)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    (made, unknown)
}

#[tokio::test]
async fn what_was_acknowledged_is_there_once_whatever_fails() {
    let (mut cases, mut lost_answers) = (0, 0);
    for fault in Fault::ALL {
        for at in 0.. {
            let store = Arc::new(InMemory::new());
            bucket(store.clone()).found(Root::first("a", "{}"), retries()).await.unwrap();
            let failing = Arc::new(Faulty::new(store.clone(), at, fault));
            let other = bucket(Arc::new(Faulty::new(store.clone(), u64::MAX, fault)));
            let mine = bucket(failing.clone());
            let ((mut made, unknown), (theirs, none)) = join(write(&mine, 0), write(&other, 1)).await;
            assert_eq!((theirs.len(), none.len()), (COMMITS as usize, 0), "{fault:?} at {at}");
            made.extend(theirs);
            let root = bucket(store).newest(retries()).await.unwrap();
            let found = packs(&root);
            for number in &made {
                assert_eq!(found.iter().filter(|pack| *pack == number).count(), 1, "{fault:?} at {at}: {found:?}");
            }
            for number in &found {
                let known = made.contains(number) || unknown.contains(number);
                assert!(known, "{fault:?} at {at}: {number} was not acknowledged, and is there");
            }
            // Clients try to read again by themselves; here nobody does, and the operation fails that has met it.
            if !matches!(fault, Fault::Stopped | Fault::LostAndStopped) {
                assert!(made.len() + 1 >= 2 * COMMITS as usize, "{fault:?} at {at}: one failure is not the end");
            }
            cases += 1;
            lost_answers += unknown.len();
            if failing.operations() <= at {
                break;
            }
        }
    }
    assert!(cases > 50 && lost_answers > 0, "{cases} cases, {lost_answers} unknown");
}

/// The first root of two who make it at once is that of one of them.
#[tokio::test]
async fn a_remote_is_founded_once_whatever_fails() {
    for fault in Fault::ALL {
        for at in 0..6 {
            let store = Arc::new(InMemory::new());
            let mine = bucket(Arc::new(Faulty::new(store.clone(), at, fault)));
            let other = bucket(Arc::new(Faulty::new(store.clone(), u64::MAX, fault)));
            let founded = join(
                mine.found(Root::first("mine", "{}"), retries()),
                other.found(Root::first("other", "{}"), retries()),
            )
            .await;
            let root = bucket(store).newest(retries()).await.unwrap();
            let (mine, other) = (founded.0.is_ok(), founded.1.is_ok());
            assert!(!(mine && other), "{fault:?} at {at}: both made it");
            assert!(!mine || root.by == "mine", "{fault:?} at {at}: {}", root.by);
            assert!(!other || root.by == "other", "{fault:?} at {at}: {}", root.by);
        }
    }
}
