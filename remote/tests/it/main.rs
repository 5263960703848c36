//! Remotes on stores in memory: honest ones, liars, and one that loses answers.

mod faulty;
mod liars;
mod proving;
mod rooting;
mod sweep;

use std::sync::Arc;
use std::time::Duration;

use loosepack_remote::{Bucket, Retries};
use object_store::ObjectStore;
use object_store::path::Path;

/// A prefix of a store.
fn bucket(store: Arc<dyn ObjectStore>) -> Bucket {
    Bucket::new(store, Path::from("team/objects"))
}

/// Without pauses.
fn retries() -> Retries {
    Retries { pause: Duration::ZERO, ..Retries::default() }
}
