//! A cluster of which servers are killed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use loosepack_engines::Cluster;
use loosepack_remote::{Bucket, Retries, Root};

use crate::chain;
use crate::clients::{ByTurns, Place};

/// Commits of each of eight writers, before and while servers are killed.
const QUIET: u32 = 6;
const KILLING: u32 = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cluster_loses_no_acknowledged_commit_when_servers_are_killed() {
    let began = Instant::now();
    let cluster = match tokio::task::block_in_place(Cluster::seaweed) {
        Ok(cluster) => cluster,
        Err(skip) => return println!("{skip}"),
    };
    println!("started after {:?}", began.elapsed());
    let places = [0, 1].map(|gateway| Place::new(cluster.environment(gateway), &cluster.url("cluster")));
    // The racers reach both gateways. Those that lose at the same gateway wait for its lock, which looks again once a
    // second, one racer at a time: a proof takes up to 15 s here, and one has to do.
    let by_turns = ByTurns(places.each_ref().map(|place| place.store.clone()), AtomicUsize::new(0));
    let both = Bucket::new(Arc::new(by_turns), places[0].prefix.clone());
    both.prove().await.unwrap();
    println!("proved after {:?}", began.elapsed());
    both.found(Root::first("test", "{}"), Retries::default()).await.unwrap();
    let mut commits = chain::write(&places, 0, QUIET, Arc::default()).await;
    assert_eq!(commits.failures, 0);
    for place in &places {
        chain::check(place, &commits).await;
    }
    println!("written in peace after {:?}", began.elapsed());

    let done = Arc::new(AtomicU32::new(0));
    let writing = chain::write(&places, 8 * QUIET, KILLING, done.clone());
    let killing = async {
        let reach = async |commits| {
            while done.load(Ordering::Relaxed) < commits {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        reach(8 * KILLING / 4).await;
        tokio::task::block_in_place(|| cluster.kill_volume_server(0));
        println!("volume server killed after {:?}", began.elapsed());
        reach(8 * KILLING / 2).await;
        tokio::task::block_in_place(|| cluster.kill_gateway(0));
        println!("gateway killed after {:?}", began.elapsed());
    };
    let (more, ()) = tokio::join!(writing, killing);
    assert_eq!(done.load(Ordering::Relaxed), 8 * KILLING);
    commits.acknowledged.extend(more.acknowledged);
    let roots = chain::check(&places[1], &commits).await;
    println!("{roots} roots, {} failures, after {:?}", more.failures, began.elapsed());
}
