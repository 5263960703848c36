//! Proving that a server heeds the condition that roots are created under.

use bytes::Bytes;
use futures_util::future::join_all;

use crate::bucket::Bucket;
use crate::roots::mark;
use crate::{Error, Result};

/// Who create the same object at once. A server that compares first and writes then lets several of them win.
const RACERS: usize = 8;
/// How often they race.
const ROUNDS: usize = 3;
/// Bytes that each writes at most.
const MAX: u64 = 1 << 10;

impl Bucket {
    /// Proves, with some objects that are removed again, what everything here stands on: of all who create an object at
    /// once, one succeeds; it stays as it is; and it can be read.
    ///
    /// # Errors
    /// [`Error::Untrustworthy`] when it is not so; failures of the server.
    pub async fn prove(&self) -> Result<()> {
        let folder = format!("probe/{}", mark()?);
        for round in 0..ROUNDS {
            let name = format!("{folder}-{round}");
            let raced = self.race(&name).await;
            // Left behind, it harms nobody.
            let _ = self.delete(&name).await;
            raced?;
        }
        Ok(())
    }

    async fn race(&self, name: &str) -> Result<()> {
        let content = |racer: usize| Bytes::from(format!("racer {racer}\n"));
        let finished = join_all((0..RACERS).map(|racer| self.create(name, content(racer)))).await;
        let winners: Vec<usize> = (0..RACERS).filter(|racer| finished[*racer].is_ok()).collect();
        let found = self.get(name, MAX).await?;
        let Some(found) = found else {
            // Nobody could write: the first failure says why.
            return match finished.into_iter().find_map(std::result::Result::err) {
                Some(error) => Err(self.failed("create", name, &error)),
                None => Err(untrustworthy("an object that was created is not there")),
            };
        };
        if winners.len() > 1 {
            let promise = "of those who create an object under the condition that there is none (If-None-Match: *), one \
                           succeeds; here";
            return Err(Error::Untrustworthy(format!("{promise} {} of {RACERS} did", winners.len())));
        }
        if let [winner] = winners[..]
            && found != content(winner)
        {
            return Err(untrustworthy("who was told that it created an object was not the one"));
        }
        if self.create(name, content(RACERS)).await.is_ok() {
            return Err(untrustworthy("an object that is there was created a second time (If-None-Match: *)"));
        }
        if self.get(name, MAX).await? != Some(found) {
            return Err(untrustworthy("an object that was there changed when it was created a second time"));
        }
        Ok(())
    }
}

fn untrustworthy(promise: &str) -> Error {
    Error::Untrustworthy(promise.into())
}
