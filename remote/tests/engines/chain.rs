//! Many writers of one remote, and the proof that none of their commits was lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use loosepack_remote::{Error, File, Retries, Root};
use object_store::ObjectStoreExt as _;

use crate::clients::Place;

/// Commits that are tried again before a writer gives up.
const ATTEMPTS: usize = 50;

/// Commits of all writers.
#[derive(Default)]
pub(crate) struct Commits {
    /// The root of each acknowledged commit, by the pack that it added. A commit that is found only later, because its
    /// answer was lost, has none.
    pub(crate) acknowledged: Vec<(u32, Option<Root>)>,
    /// Failures after which the other gateway was used.
    pub(crate) failures: u32,
}

/// Eight writers at once, each of which commits `rounds` times: one pack each time, numbered from `first` on. A writer
/// uses one of the places, and the next one after a failure, as a load balancer would. `done` counts commits.
pub(crate) async fn write(places: &[Place], first: u32, rounds: u32, done: Arc<AtomicU32>) -> Commits {
    let writers = (0..8).map(|writer| {
        let (places, done) = (places.to_vec(), done.clone());
        tokio::spawn(async move {
            let mut commits = Commits::default();
            let mut place = writer as usize;
            for round in 0..rounds {
                let run = first + writer * rounds + round;
                let root = loop {
                    match commit(&places[place % places.len()], run).await {
                        Ok(root) => break root,
                        Err(error @ (Error::Failed(..) | Error::Unknown(..) | Error::Contended)) => {
                            commits.failures += 1;
                            assert!(commits.failures < ATTEMPTS as u32, "pack {run}: {error:?}");
                            place += 1;
                            tokio::time::sleep(Duration::from_millis(100)).await;
                        }
                        Err(error) => panic!("pack {run}: {error:?}"),
                    }
                };
                commits.acknowledged.push((run, root));
                done.fetch_add(1, Ordering::Relaxed);
            }
            commits
        })
    });
    let mut all = Commits::default();
    for commits in join_all(writers).await {
        let Commits { acknowledged, failures } = commits.unwrap();
        all.acknowledged.extend(acknowledged);
        all.failures += failures;
    }
    all
}

/// Commits a pack unless it is there, as after an answer that was lost.
async fn commit(place: &Place, run: u32) -> Result<Option<Root>, Error> {
    let has = |root: &Root| root.packs.iter().any(|file| file.number == run);
    let bucket = place.bucket();
    let newest = bucket.newest(Retries::default()).await?;
    if has(&newest) {
        return Ok(None);
    }
    let add = |mut root: Root| {
        if !has(&root) {
            root.packs.push(File { number: run, size: 1 });
            root.packs.sort_unstable();
            root.next = root.next.max(run + 1);
        }
        Ok(root)
    };
    bucket.commit(newest, Retries::default(), add).await.map(Some)
}

/// Checks that every acknowledged root is the one of its number, that each root has what the one before it has, and
/// that nothing acknowledged is missing from the last. Returns how many roots there are.
pub(crate) async fn check(place: &Place, commits: &Commits) -> usize {
    let newest = place.bucket().newest(Retries::default()).await.unwrap();
    let mut chain: Vec<Root> = Vec::new();
    for number in 0..=newest.number {
        let path = place.prefix.clone().join("root").join(format!("{number:020}"));
        let bytes = place.store.get(&path).await.unwrap().bytes().await.unwrap();
        let root: Root = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(root.number, number);
        if let Some(before) = chain.last() {
            assert!(before.packs.iter().all(|pack| root.packs.contains(pack)), "root {number} forgets");
            assert!(root.packs.len() <= before.packs.len() + 1, "root {number} is of more than one commit");
        }
        chain.push(root);
    }
    for (run, root) in &commits.acknowledged {
        if let Some(root) = root {
            assert_eq!(chain[root.number as usize], *root, "number {} was acknowledged to two", root.number);
        }
        let times = newest.packs.iter().filter(|file| file.number == *run).count();
        assert_eq!(times, 1, "pack {run} was acknowledged");
    }
    chain.len()
}
