//! Roots: what belongs to a remote at a time.

use std::collections::BTreeSet;

use loosepack::Stats;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The format of roots that this version reads and writes.
const FORMAT: u32 = 1;

/// Bytes of a root at most: it names some files, not objects.
pub(crate) const MAX: u64 = 16 << 20;

/// Runs of one remote at most: what a container's index may have.
pub(crate) const RUNS_MAX: usize = 64;

/// Bytes of a file of a remote at most, so that its blocks can be counted: 64 TiB.
const FILE_MAX: u64 = 1 << 46;

/// Bytes of the first line of a run, which is filled up with spaces.
pub(crate) const RUN_HEADER: usize = 256;

/// The state of a remote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Root {
    pub(crate) format: u32,
    /// Its number, one more than that of the state before.
    pub number: u64,
    /// Who made it.
    pub by: String,
    /// Random digits of whoever made it, who knows by them that it was made.
    pub(crate) mark: String,
    /// The line of `container.json`.
    pub container: String,
    /// Files of the index, newest first.
    pub runs: Vec<Run>,
    /// Packs, by number.
    pub packs: Vec<File>,
    /// What the entries of all runs add up to.
    pub totals: Totals,
    /// The least number that no pack and no run has, had, or may yet get from somebody who reserved it.
    pub next: u32,
    /// How often objects were deleted so far: as long as it is the same, what was there is there.
    pub deletions: u64,
    /// A garbage collection that is at work.
    pub collecting: Option<Collecting>,
    /// Files that are in use no more, and may be read by those who have an older root.
    pub garbage: Vec<Garbage>,
}

/// A file of a remote, which never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Its number, in its name.
    pub number: u32,
    /// Its bytes.
    pub size: u64,
}

/// A run: a file of the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Its number, in its name.
    pub number: u32,
    /// Its bytes.
    pub size: u64,
    /// Its first line, without the spaces that it ends with: whoever has the root need not ask for it.
    pub head: String,
    /// The number of the root with which the newest of its entries came: a run that was folded of others has that of the
    /// newest of them.
    pub newest: u64,
}

/// Sums over the entries of the index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Number of objects.
    pub objects: u64,
    /// Their sizes, in bytes.
    pub size: u64,
    /// The lengths of their payloads, in bytes.
    pub length: u64,
}

/// A garbage collection that is at work. Whoever pushes meanwhile says which objects it brings or counts on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collecting {
    /// Random digits of whoever collects.
    pub mark: String,
    /// The number of the root that announced it.
    pub since: u64,
    /// Names of files of 32 bytes for each such object.
    pub kept: Vec<String>,
}

/// A file that is in use no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Garbage {
    /// Its name below the remote.
    pub name: String,
    /// The number of the first root without it.
    pub since: u64,
}

impl Totals {
    /// Those of a container.
    pub(crate) fn of(stats: &Stats) -> Self {
        Totals { objects: stats.packed_objects, size: stats.packed_size, length: stats.packed_length }
    }
}

impl Run {
    /// The name of its file below the remote.
    pub(crate) fn name(&self) -> String {
        run_name(self.number)
    }
}

/// The name of a run below the remote.
pub(crate) fn run_name(number: u32) -> String {
    format!("index/run-{number}.jsonl")
}

/// The name of a pack below the remote.
pub(crate) fn pack_name(number: u32) -> String {
    format!("packs/{number}")
}

/// What a root is, or was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// The state of its time.
    Root(Box<Root>),
    /// It was the state long ago, and its place is kept so that nobody takes it again.
    Gone,
}

impl Root {
    /// The first state: nothing. `container`: the line of `container.json`.
    pub fn first(by: &str, container: &str) -> Self {
        Root {
            format: FORMAT,
            number: 0,
            by: by.into(),
            mark: String::new(),
            container: container.into(),
            runs: Vec::new(),
            packs: Vec::new(),
            totals: Totals::default(),
            next: 0,
            deletions: 0,
            collecting: None,
            garbage: Vec::new(),
        }
    }

    /// Takes numbers that nobody else gets. Returns the first of them.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when there are no more.
    pub(crate) fn reserve(&mut self, numbers: u32) -> Result<u32> {
        let first = self.next;
        self.next = first
            .checked_add(numbers)
            .ok_or_else(|| Error::Corrupt(name(self.number), "no number is left for a pack".into()))?;
        Ok(first)
    }

    /// Bytes of all its files.
    pub fn size(&self) -> u64 {
        let packs = self.packs.iter().map(|pack| pack.size);
        packs.chain(self.runs.iter().map(|run| run.size)).fold(0, u64::saturating_add)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("numbers and texts are JSON");
        line.push(b'\n');
        line
    }

    /// Reads the root of a number.
    ///
    /// # Errors
    /// [`Error::Corrupt`] unless it can be believed.
    pub(crate) fn decode(number: u64, bytes: &[u8]) -> Result<Found> {
        let corrupt = |problem: String| Error::Corrupt(name(number), problem);
        // The format comes first: a later one may have other fields.
        #[derive(Deserialize)]
        struct Format {
            format: u32,
            #[serde(default)]
            gone: bool,
        }
        let Format { format, gone } =
            serde_json::from_slice(bytes).map_err(|error| corrupt(format!("it is no root: {error}")))?;
        if format != FORMAT {
            return Err(corrupt(format!(
                "it has format {format}, which this version cannot read: use a later version"
            )));
        }
        if gone {
            return Ok(Found::Gone);
        }
        let root: Root = serde_json::from_slice(bytes).map_err(|error| corrupt(format!("it is no root: {error}")))?;
        root.check(number).map_err(|problem| corrupt(problem.into()))?;
        Ok(Found::Root(Box::new(root)))
    }

    fn check(&self, number: u64) -> Result<(), &'static str> {
        let Root { runs, packs, garbage, next, .. } = self;
        if self.number != number {
            return Err("it has another number than its name");
        }
        if packs.windows(2).any(|two| two[0].number >= two[1].number) {
            return Err("its packs are not sorted");
        }
        if runs.len() > RUNS_MAX {
            return Err("it names more runs than an index can have");
        }
        let numbers: BTreeSet<u32> = runs.iter().map(|run| run.number).collect();
        if numbers.len() != runs.len() {
            return Err("it names a run twice");
        }
        if packs.iter().map(|pack| pack.number).chain(numbers).any(|number| number >= *next) {
            return Err("it names a file of a number that nobody has reserved");
        }
        if packs.iter().map(|pack| pack.size).chain(runs.iter().map(|run| run.size)).any(|size| size > FILE_MAX) {
            return Err("it names a file that is larger than any");
        }
        if runs.iter().any(|run| !is_head(&run.head) || run.size < RUN_HEADER as u64) {
            return Err("a first line of its runs is none");
        }
        if garbage.iter().any(|garbage| !is_file(&garbage.name)) {
            return Err("its garbage is not files of a remote");
        }
        if self.collecting.iter().flat_map(|collecting| &collecting.kept).any(|name| !is_kept(name)) {
            return Err("what it keeps is not files of a remote");
        }
        Ok(())
    }
}

/// The line that takes the place of a root of long ago.
pub(crate) fn gone(number: u64) -> Vec<u8> {
    format!("{{\"format\":{FORMAT},\"number\":{number},\"gone\":true}}\n").into_bytes()
}

fn is_head(head: &str) -> bool {
    head.len() < RUN_HEADER && head.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// Returns whether this is the name of a pack, of a run, or of what a push counted on.
fn is_file(name: &str) -> bool {
    let number = name.strip_prefix("packs/").or_else(|| name.strip_prefix("index/run-")?.strip_suffix(".jsonl"));
    number.is_some_and(|digits| digits.parse::<u32>().is_ok_and(|number| number.to_string() == digits)) || is_kept(name)
}

/// Returns whether this is the name of a file of objects that a push counted on.
fn is_kept(name: &str) -> bool {
    name.strip_prefix("kept/").is_some_and(|mark| mark.len() == 32 && mark.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The folder of roots.
pub(crate) const FOLDER: &str = "root";

/// The name of a root.
pub(crate) fn name(number: u64) -> String {
    format!("{FOLDER}/{number:020}")
}

/// The number of the root whose name in the folder of roots this is.
pub(crate) fn number(file: &str) -> Option<u64> {
    file.parse().ok().filter(|number| name(*number) == format!("{FOLDER}/{file}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(number: u32) -> Run {
        Run { number, size: 1000, head: "{\"entries\":1}".into(), newest: 0 }
    }

    fn root() -> Root {
        Root {
            mark: "ab".into(),
            number: 7,
            runs: vec![run(9), run(3)],
            packs: vec![File { number: 0, size: 1 }, File { number: 4, size: 2 }],
            next: 10,
            collecting: Some(Collecting {
                mark: "a".into(),
                since: 5,
                kept: vec![format!("kept/{}", "0a".repeat(16))],
            }),
            garbage: vec![Garbage { name: "packs/3".into(), since: 6 }],
            ..Root::first("a", "{}")
        }
    }

    #[test]
    fn a_root_is_read_as_it_was_written() {
        let line = root().encode();
        assert!(line.ends_with(b"}\n") && line.iter().filter(|byte| **byte == b'\n').count() == 1);
        assert_eq!(Root::decode(7, &line).unwrap(), Found::Root(Box::new(root())));
        assert_eq!(name(7), "root/00000000000000000007");
        assert_eq!(Root::decode(7, &gone(7)).unwrap(), Found::Gone);
    }

    #[test]
    fn what_cannot_be_believed_is_refused() {
        type Change = fn(&mut Root);
        let changes: [Change; 13] = [
            |root| root.packs[1].size = FILE_MAX + 1,
            |root| root.number = 8,
            |root| root.format = 2,
            |root| root.packs.swap(0, 1),
            |root| root.packs[1].number = 0,
            |root| root.packs[1].number = 10,
            |root| root.runs[1].number = 9,
            |root| root.runs[1].number = 10,
            |root| root.runs[0].head = "x".repeat(RUN_HEADER),
            |root| root.runs[0].head = "\n".into(),
            |root| root.runs = (0..=RUNS_MAX as u32).map(run).collect(),
            |root| root.garbage[0].name = "packs/../root/latest".into(),
            |root| root.collecting = Some(Collecting { mark: "a".into(), since: 5, kept: vec!["root/latest".into()] }),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut changed = Root { next: 10, ..root() };
            change(&mut changed);
            assert!(matches!(Root::decode(7, &changed.encode()), Err(Error::Corrupt(..))), "change {number}");
        }
        for text in ["", "{}", "[]", "{\"format\":1}", "{\"format\":1,\"number\":7", "\u{0}"] {
            assert!(matches!(Root::decode(7, text.as_bytes()), Err(Error::Corrupt(..))), "{text}");
        }
        let later = Root::decode(7, b"{\"format\":2,\"other\":1}").unwrap_err();
        assert!(later.to_string().contains("later version"), "{later}");
    }

    #[test]
    fn numbers_are_reserved_once_until_there_are_none() {
        let mut root = Root::first("a", "{}");
        assert_eq!((root.reserve(3).unwrap(), root.reserve(1).unwrap(), root.next), (0, 3, 4));
        root.next = u32::MAX - 1;
        assert_eq!(root.reserve(1).unwrap(), u32::MAX - 1);
        assert!(matches!(root.reserve(1), Err(Error::Corrupt(..))));
    }

    #[test]
    fn only_packs_runs_and_lists_are_files() {
        for name in ["packs/0", "packs/4294967295", "index/run-12.jsonl"] {
            assert!(is_file(name), "{name}");
        }
        for name in [
            "packs/",
            "packs/01",
            "packs/+1",
            "packs/-1",
            "packs/4294967296",
            "index/run-1",
            "index/log-1.jsonl",
            "kept/",
            "kept/..",
        ] {
            assert!(!is_file(name), "{name}");
        }
    }
}
