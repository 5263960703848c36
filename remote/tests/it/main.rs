//! Remotes on stores in memory: honest ones, liars, and one that loses answers.

mod caching;
mod collecting;
mod faulty;
mod liars;
mod native;
mod proving;
mod pushing;
mod rooting;
mod sweep;

use std::sync::Arc;
use std::time::Duration;

use loosepack_remote::{Bucket, Retries};
use object_store::ObjectStore;
use object_store::path::Path;
use tempfile::TempDir;

/// A folder for files that need not outlive a power cut, nor the test.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// A prefix of a store.
fn bucket(store: Arc<dyn ObjectStore>) -> Bucket {
    Bucket::new(store, Path::from("team/objects"))
}

/// Without pauses.
fn retries() -> Retries {
    Retries { pause: Duration::ZERO, ..Retries::default() }
}
