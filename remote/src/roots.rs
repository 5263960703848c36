//! Finding the newest root, and creating the next.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join_all, join3};
use object_store::Error as StoreError;

use crate::bucket::Bucket;
use crate::root::{self, Found, Root};
use crate::{Error, Result};

/// Where to begin to look: the number of a recent root.
const LATEST: &str = "root/latest";

/// Digits of a number, and more than they can be.
const HINT_MAX: u64 = 64;

/// How hard to try.
#[derive(Debug, Clone, Copy)]
pub struct Retries {
    /// Roots of others that may come in between.
    pub rebases: u32,
    /// Failures of the server in a row.
    pub failures: u32,
    /// Before the second attempt after a failure; doubled each time.
    pub pause: Duration,
    /// Roots that are asked for at once: the one that is known, and those that may be behind it. One is the least.
    pub ahead: u32,
}

impl Default for Retries {
    fn default() -> Self {
        Retries { rebases: 64, failures: 6, pause: Duration::from_millis(100), ahead: 2 }
    }
}

impl Bucket {
    /// Returns the newest root: two requests after each other when the hint is right.
    ///
    /// # Errors
    /// [`Error::NoRemote`] when there is none; failures of the server; [`Error::Corrupt`].
    pub async fn newest(&self, retries: Retries) -> Result<Root> {
        if let Some(number) = self.hint().await
            && let Some(root) = self.newest_from(number, retries).await?
        {
            return Ok(root);
        }
        let roots = self.list(root::FOLDER).await?;
        let number = roots.iter().filter_map(|file| root::number(&file.name)).max().ok_or(Error::NoRemote)?;
        self.newest_from(number, retries).await?.ok_or(Error::NoRemote)
    }

    /// Returns the newest root, which is this one most of the time: then it takes as long as one request. Beside it,
    /// whether this one is among those before it: otherwise another remote has taken the place of the one it was of, a copy
    /// of it from before has been put in its place, or it is so old that nobody can tell.
    ///
    /// # Errors
    /// Those of [`Bucket::newest`].
    pub async fn newer(&self, known: Root, retries: Retries) -> Result<(Root, bool)> {
        let Some(next) = known.number.checked_add(1) else { return Ok((known, true)) };
        let (next, same, hint) = join3(self.root(next), self.root(known.number), self.hint()).await;
        let same = matches!(same?, Some(Found::Root(root)) if root.mark == known.mark);
        let newest = match next? {
            Some(Found::Root(next)) => match self.newest_from(next.number, retries).await? {
                Some(newest) => newest,
                None => self.newest(retries).await?,
            },
            None if same && hint == Some(known.number) => known,
            // What is known may be so old that what followed it is gone.
            _ => self.newest(retries).await?,
        };
        Ok((newest, same))
    }

    /// The number of a recent root.
    async fn hint(&self) -> Option<u64> {
        // What is wrong with a hint is no matter.
        let hint = self.get(LATEST, HINT_MAX).await.unwrap_or(None)?;
        str::from_utf8(&hint).ok()?.trim_end().parse().ok()
    }

    /// Returns the newest root from a number on; `None` when there is none of this number, or it is gone.
    async fn newest_from(&self, from: u64, retries: Retries) -> Result<Option<Root>> {
        let (mut newest, mut next) = (None, Some(from));
        while let Some(number) = next {
            let numbers = (0..u64::from(retries.ahead.max(1))).map_while(|step| number.checked_add(step));
            for root in join_all(numbers.map(|number| self.root(number))).await {
                let root = match root? {
                    Some(Found::Root(root)) => *root,
                    // Roots are made one after the other: behind one that is missing there is none.
                    None => return Ok(newest),
                    // Far behind one that is gone there is one that is not.
                    Some(Found::Gone) => return Ok(None),
                };
                next = root.number.checked_add(1);
                newest = Some(root);
            }
        }
        Ok(newest)
    }

    async fn root(&self, number: u64) -> Result<Option<Found>> {
        match self.get(&root::name(number), root::MAX).await? {
            Some(bytes) => Root::decode(number, &bytes).map(Some),
            None => Ok(None),
        }
    }

    /// Puts a line in the place of a root of long ago, so that nobody who has an even older one takes its number again.
    pub(crate) async fn forget(&self, number: u64) -> Result<()> {
        self.put(&root::name(number), Bytes::from(root::gone(number))).await
    }

    /// Makes the first root.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] when there is one; failures of the server.
    pub async fn found(&self, first: Root, retries: Retries) -> Result<Root> {
        // The first root may be gone, long after.
        match self.newest(retries).await {
            Err(Error::NoRemote) => {}
            Ok(_) => return Err(Error::AlreadyExists),
            Err(error) => return Err(error),
        }
        match self.create_root(Root { number: 0, ..first }, retries).await? {
            Ok(root) => Ok(root),
            Err(_) => Err(Error::AlreadyExists),
        }
    }

    /// Makes the next root: `change` makes it of the newest, again for each that others make meanwhile.
    ///
    /// # Errors
    /// Those of `change`; [`Error::Contended`]; failures of the server, of which [`Error::Unknown`] leaves open whether
    /// it was made.
    pub async fn commit(
        &self,
        newest: Root,
        retries: Retries,
        mut change: impl FnMut(Root) -> Result<Root>,
    ) -> Result<Root> {
        let mut newest = newest;
        for _ in 0..=retries.rebases {
            let number = newest.number.checked_add(1).ok_or(Error::Contended)?;
            let next = Root { number, ..change(newest)? };
            match self.create_root(next, retries).await? {
                Ok(root) => return Ok(root),
                Err(other) => newest = self.newest_from(other.number, retries).await?.unwrap_or(other),
            }
        }
        Err(Error::Contended)
    }

    /// Creates a root, or returns the one that has its number.
    async fn create_root(&self, root: Root, retries: Retries) -> Result<Result<Root, Root>> {
        let root = Root { mark: mark()?, ..root };
        let (name, bytes) = (root::name(root.number), Bytes::from(root.encode()));
        // One that nobody can read would be the last.
        Root::decode(root.number, &bytes)?;
        if bytes.len() as u64 > root::MAX {
            return Err(Error::Corrupt(name, format!("it would have more than {} bytes", root::MAX)));
        }
        let mut pause = retries.pause;
        let (mut failures, mut refused) = (0, true);
        loop {
            let Err(error) = self.create(&name, bytes.clone()).await else { break };
            refused &= is_refusal(&error);
            // The answer is believed as little as its absence: what is there tells.
            match self.root(root.number).await {
                Ok(Some(Found::Root(found))) if found.mark == root.mark => break,
                Ok(Some(Found::Root(found))) => return Ok(Err(*found)),
                // Whoever goes on from so old a root has to look anew.
                Ok(Some(Found::Gone)) => return Ok(Err(self.newest(retries).await?)),
                // An answer that says no is believed only when none was missing: the server may be at it still.
                Ok(None) if failures >= retries.failures && refused => return Err(self.failed("create", &name, &error)),
                Ok(None) if failures >= retries.failures => {
                    return Err(Error::Unknown(format!("create {name}"), self.problem(&error)));
                }
                Err(Error::Corrupt(name, problem)) => return Err(Error::Corrupt(name, problem)),
                Err(_) if failures >= retries.failures => {
                    return Err(Error::Unknown(format!("create {name}"), self.problem(&error)));
                }
                _ => {}
            }
            failures += 1;
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2);
        }
        // Only a hint, which the next one makes better.
        let _ = self.put(LATEST, Bytes::from(format!("{}\n", root.number))).await;
        Ok(Ok(root))
    }
}

/// Returns whether a server has said that it does not do what it was asked for.
fn is_refusal(error: &StoreError) -> bool {
    use StoreError::{InvalidPath, NotFound, NotImplemented, NotSupported, PermissionDenied, Unauthenticated};
    matches!(
        error,
        InvalidPath { .. }
            | NotFound { .. }
            | NotImplemented { .. }
            | NotSupported { .. }
            | PermissionDenied { .. }
            | Unauthenticated { .. }
    )
}

/// 128 random bits.
pub(crate) fn mark() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::Untrustworthy(format!("this machine gives no random numbers: {error}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
