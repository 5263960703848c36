//! Servers of one process, and the one that `LOOSEPACK_TEST_S3` names.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use loosepack_engines::{Engine, Proxy, Skip};
use loosepack_remote::{Retries, Root};

use crate::chain;
use crate::clients::Place;

/// One for all tests; it ends with the process.
fn seaweed() -> Result<&'static Engine, Skip> {
    static ENGINE: OnceLock<Result<Engine, Skip>> = OnceLock::new();
    ENGINE.get_or_init(Engine::seaweed).as_ref().map_err(Clone::clone)
}

/// Proves a server, and lets eight writers commit.
async fn prove_and_write(engine: &Engine, prefix: &str, rounds: u32) {
    let place = Place::new(engine.environment(), &engine.url(prefix));
    let bucket = place.bucket();
    bucket.prove().await.unwrap();
    bucket.found(Root::first("test", "{}"), Retries::default()).await.unwrap();
    let commits = chain::write(std::slice::from_ref(&place), 0, rounds, Arc::default()).await;
    let roots = chain::check(&place, &commits).await;
    println!("{roots} roots; {} failures", commits.failures);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seaweed_is_proved_and_loses_no_commit() {
    match seaweed() {
        Ok(engine) => prove_and_write(engine, "single/commits", 12).await,
        Err(skip) => println!("{skip}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moto_is_proved_and_loses_no_commit() {
    match Engine::moto() {
        Ok(engine) => prove_and_write(&engine, "single/commits", 4).await,
        Err(skip) => println!("{skip}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_given_server_is_proved_and_loses_no_commit() {
    match Engine::given() {
        // Nothing is removed there, so each time has a prefix of its own.
        Ok(engine) => {
            let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
            prove_and_write(&engine, &format!("test-{now}"), 2).await;
        }
        Err(skip) => println!("{skip}"),
    }
}

/// Signatures cover the `Host` header, which a proxy leaves as it is; and its count is that of the account.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn far_away_the_newest_root_takes_two_rounds() {
    const DELAY: Duration = Duration::from_millis(150);
    let engine = match seaweed() {
        Ok(engine) => engine,
        Err(skip) => return println!("{skip}"),
    };
    let near = Place::new(engine.environment(), &engine.url("single/far"));
    let root = near.bucket().found(Root::first("test", "{}"), Retries::default()).await.unwrap();
    near.bucket().commit(root, Retries::default(), Ok).await.unwrap();
    let proxy = Proxy::start(engine.address().unwrap(), DELAY);
    let far = Place::new(engine.environment_through(&proxy.endpoint()), &engine.url("single/far"));
    let bucket = far.bucket();
    assert_eq!(bucket.newest(Retries::default()).await.unwrap().number, 1);
    assert_eq!(proxy.rounds(), 2);
    assert_eq!(proxy.requests(), bucket.requests().reads);
    bucket.prove().await.unwrap();
}
