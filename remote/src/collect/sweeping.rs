//! Deleting files that are in use no more, or were never.

use std::collections::{BTreeMap, BTreeSet};

use super::{Collected, Collection};
use crate::root::{self, Root, Run, pack_name};
use crate::{Error, Result};

/// Folders of a remote in which there may be files that no root names.
const FOLDERS: [&str; 4] = ["packs", "index", "kept", "probe"];

/// A root of long ago that was replaced by a line has fewer bytes than any root.
const GONE_MAX: u64 = 100;

impl Collection<'_> {
    /// Deletes files that have been garbage for longer than the grace period.
    pub(super) fn remove_garbage(&self, collected: &mut Collected) -> Result<()> {
        let mut root = self.remote.newest(None)?;
        let now = self.date(root.number)?.ok_or(Error::NoRemote)?;
        if let (Some(collecting), false) = (&root.collecting, self.dry_run)
            && self.date(collecting.since)?.is_none_or(|since| self.is_old(since, now))
        {
            // Whoever began it was killed long ago.
            let mark = collecting.mark.clone();
            self.withdraw(root, |other| other == mark)?;
            root = self.remote.newest(None)?;
        }
        let mut dates: BTreeMap<u64, Option<i64>> = BTreeMap::new();
        let mut gone = BTreeSet::new();
        for garbage in &root.garbage {
            let since = match dates.get(&garbage.since) {
                Some(date) => *date,
                None => *dates.entry(garbage.since).or_insert(self.date(garbage.since)?),
            };
            // A root that nobody can date any more is older than whatever was kept.
            if since.is_none_or(|since| self.is_old(since, now)) {
                if !self.dry_run {
                    self.remote.wait(self.remote.bucket().delete(&garbage.name))?;
                }
                gone.insert(garbage.name.clone());
            }
        }
        collected.files += gone.len() as u64;
        collected.waiting = (root.garbage.len() - gone.len()) as u64;
        if !self.dry_run && !gone.is_empty() {
            self.remote.commit(root, |mut root| {
                root.garbage.retain(|garbage| !gone.contains(&garbage.name));
                Ok(root)
            })?;
        }
        Ok(())
    }

    /// Deletes files that no root names, and replaces roots of long ago by lines.
    pub(super) fn remove_orphans(&self, collected: &mut Collected) -> Result<()> {
        let bucket = self.remote.bucket();
        let mut listed = Vec::new();
        for folder in FOLDERS {
            let found = self.remote.wait(bucket.list(folder))?;
            listed.extend(found.into_iter().map(|file| (format!("{folder}/{}", file.name), file.written)));
        }
        let roots = self.remote.wait(bucket.list(root::FOLDER))?;
        let mut root = self.remote.newest(None)?;
        if !self.dry_run {
            // Whoever has uploaded something and makes a root with it only now finds that objects were deleted, and
            // uploads it again.
            root = self.remote.commit(root, |mut root| {
                root.deletions += 1;
                Ok(root)
            })?;
        }
        let now = self.date(root.number)?.ok_or(Error::NoRemote)?;
        let named = names(&root);
        for (name, written) in listed {
            if self.is_old(written, now) && !named.contains(&name) {
                if !self.dry_run {
                    self.remote.wait(bucket.delete(&name))?;
                }
                collected.files += 1;
            }
        }
        for listed in roots.iter().filter(|listed| listed.size > GONE_MAX && self.is_old(listed.written, now)) {
            if let Some(number) = root::number(&listed.name).filter(|number| *number < root.number)
                && !self.dry_run
            {
                self.remote.wait(bucket.forget(number))?;
            }
        }
        Ok(())
    }
}

/// The names of all files that a root speaks of, and of those that are made for whoever copies the bucket.
fn names(root: &Root) -> BTreeSet<String> {
    let packs = root.packs.iter().map(|pack| pack_name(pack.number));
    let runs = root.runs.iter().map(Run::name);
    let garbage = root.garbage.iter().map(|garbage| garbage.name.clone());
    let kept = root.collecting.iter().flat_map(|collecting| collecting.kept.iter().cloned());
    let copies = ["index/manifest.json", "index/log-0.jsonl"].map(String::from);
    packs.chain(runs).chain(garbage).chain(kept).chain(copies).collect()
}
