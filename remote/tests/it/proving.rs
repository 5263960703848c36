//! Servers that can be relied on are told from those that cannot.

use std::sync::Arc;

use futures_util::TryStreamExt as _;
use loosepack_remote::Error;
use object_store::ObjectStore as _;
use object_store::memory::InMemory;

use crate::bucket;
use crate::faulty::{Fault, Faulty};
use crate::liars::{Liar, Lie};

#[tokio::test]
async fn an_honest_store_is_proved_and_left_as_it_was() {
    let store = Arc::new(InMemory::new());
    bucket(store.clone()).prove().await.unwrap();
    let left: Vec<_> = store.list(None).try_collect().await.unwrap();
    assert_eq!(left, []);
}

#[tokio::test]
async fn liars_are_refused_and_told_what_they_do() {
    let lies =
        [(Lie::Ignores, "8 of 8"), (Lie::Looks, "8 of 8"), (Lie::Flatters, "8 of 8"), (Lie::Forgets, "not there")];
    for (lie, said) in lies {
        let error = bucket(Arc::new(Liar::new(lie))).prove().await.unwrap_err();
        assert!(matches!(error, Error::Untrustworthy(_)), "{lie:?}: {error}");
        assert!(error.to_string().contains(said), "{lie:?}: {error}");
    }
}

/// A failure is no lie: it is told as what it is, and whoever does not fail is proved.
#[tokio::test]
async fn a_failure_is_no_lie() {
    for fault in Fault::ALL {
        for at in 0.. {
            let store = Arc::new(Faulty::new(Arc::default(), at, fault));
            match bucket(store.clone()).prove().await {
                Ok(()) | Err(Error::Failed(..)) => {}
                Err(error) => panic!("{fault:?} at {at}: {error}"),
            }
            if store.operations() <= at {
                break;
            }
        }
    }
}
