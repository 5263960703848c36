//! Roots: what belongs to a remote at a time.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The format of roots that this version reads and writes.
const FORMAT: u32 = 1;

/// Bytes of a root at most: it names some files, not objects.
pub(crate) const MAX: u64 = 16 << 20;

/// Pack and run numbers of one writer: those of a slot are from `slot << 20` on.
pub const NUMBERS: u32 = 1 << 20;

/// Slots there are.
const SLOTS: u32 = u32::MAX / NUMBERS + 1;

/// The state of a remote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Root {
    pub(crate) format: u32,
    /// Its number, one more than that of the state before.
    pub number: u64,
    /// The container that made it: its identifier.
    pub by: String,
    /// Random digits of whoever made it, who knows by them that it was made.
    pub(crate) mark: String,
    /// Files of the index, oldest first.
    pub runs: Vec<File>,
    /// Packs, by number.
    pub packs: Vec<File>,
    /// How often objects were deleted so far: as long as it is the same, what was there is there.
    pub deletions: u64,
    /// Writers, and the numbers that are theirs.
    pub slots: Vec<Slot>,
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

/// A writer's numbers: [`NUMBERS`] of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// The writer: the identifier of its container.
    pub by: String,
    /// Its first number, divided by [`NUMBERS`].
    pub slot: u32,
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

impl Root {
    /// The first state: nothing.
    pub fn first(by: &str) -> Self {
        Root {
            format: FORMAT,
            number: 0,
            by: by.into(),
            mark: String::new(),
            runs: Vec::new(),
            packs: Vec::new(),
            deletions: 0,
            slots: Vec::new(),
            garbage: Vec::new(),
        }
    }

    /// The slot of a writer, which gets one if it has none: no others are asked.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when all are given away.
    pub fn slot(&mut self, by: &str) -> Result<u32> {
        if let Some(slot) = self.slots.iter().find(|slot| slot.by == by) {
            return Ok(slot.slot);
        }
        let slot = self.slots.iter().map(|slot| slot.slot + 1).max().unwrap_or(0);
        if slot >= SLOTS {
            return Err(Error::Corrupt(name(self.number), format!("all {SLOTS} writers that there can be are taken")));
        }
        self.slots.push(Slot { by: by.into(), slot });
        Ok(slot)
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
    pub(crate) fn decode(number: u64, bytes: &[u8]) -> Result<Self> {
        let corrupt = |problem: String| Error::Corrupt(name(number), problem);
        // The format comes first: a later one may have other fields.
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let Format { format } =
            serde_json::from_slice(bytes).map_err(|error| corrupt(format!("it is no root: {error}")))?;
        if format != FORMAT {
            return Err(corrupt(format!(
                "it has format {format}, which this version cannot read: use a later version"
            )));
        }
        let root: Root = serde_json::from_slice(bytes).map_err(|error| corrupt(format!("it is no root: {error}")))?;
        root.check(number).map_err(|problem| corrupt(problem.into()))?;
        Ok(root)
    }

    fn check(&self, number: u64) -> Result<(), &'static str> {
        let Root { runs, packs, slots, garbage, .. } = self;
        if self.number != number {
            return Err("it has another number than its name");
        }
        if packs.windows(2).any(|two| two[0].number >= two[1].number) {
            return Err("its packs are not sorted");
        }
        let distinct = |numbers: Vec<u32>| numbers.iter().collect::<BTreeSet<_>>().len() == numbers.len();
        if !distinct(runs.iter().map(|run| run.number).collect()) {
            return Err("it names a run twice");
        }
        if !distinct(slots.iter().map(|slot| slot.slot).collect()) || slots.iter().any(|slot| slot.slot >= SLOTS) {
            return Err("its slots are not those of different writers");
        }
        if slots.iter().map(|slot| &slot.by).collect::<BTreeSet<_>>().len() != slots.len() {
            return Err("a writer has two slots");
        }
        if garbage.iter().any(|garbage| !is_file(&garbage.name)) {
            return Err("its garbage is not files of a remote");
        }
        Ok(())
    }
}

/// Returns whether this is the name of a pack or a run.
fn is_file(name: &str) -> bool {
    let number = name.strip_prefix("packs/").or_else(|| name.strip_prefix("index/run-")?.strip_suffix(".jsonl"));
    number.is_some_and(|digits| digits.parse::<u32>().is_ok_and(|number| number.to_string() == digits))
}

/// The name of a root.
pub(crate) fn name(number: u64) -> String {
    format!("root/{number:020}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> Root {
        Root {
            mark: "ab".into(),
            number: 7,
            runs: vec![File { number: 9, size: 5 }, File { number: 3, size: 6 }],
            packs: vec![File { number: 0, size: 1 }, File { number: 4, size: 2 }],
            slots: vec![Slot { by: "a".into(), slot: 0 }, Slot { by: "b".into(), slot: 4095 }],
            garbage: vec![Garbage { name: "packs/3".into(), since: 6 }],
            ..Root::first("a")
        }
    }

    #[test]
    fn a_root_is_read_as_it_was_written() {
        let line = root().encode();
        assert!(line.ends_with(b"}\n") && line.iter().filter(|byte| **byte == b'\n').count() == 1);
        assert_eq!(Root::decode(7, &line).unwrap(), root());
        assert_eq!(name(7), "root/00000000000000000007");
    }

    #[test]
    fn what_cannot_be_believed_is_refused() {
        type Change = fn(&mut Root);
        let changes: [Change; 9] = [
            |root| root.number = 8,
            |root| root.format = 2,
            |root| root.packs.swap(0, 1),
            |root| root.packs[1].number = 0,
            |root| root.runs[1].number = 9,
            |root| root.slots[1].slot = 0,
            |root| root.slots[1].slot = SLOTS,
            |root| root.slots[1].by = "a".into(),
            |root| root.garbage[0].name = "packs/../root/latest".into(),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut changed = root();
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
    fn each_writer_has_a_slot_until_there_are_none() {
        let mut root = Root::first("a");
        assert_eq!((root.slot("a").unwrap(), root.slot("b").unwrap(), root.slot("a").unwrap()), (0, 1, 0));
        root.slots.push(Slot { by: "last".into(), slot: SLOTS - 1 });
        assert_eq!(root.slot("last").unwrap(), SLOTS - 1);
        assert!(matches!(root.slot("one more"), Err(Error::Corrupt(..))));
    }

    #[test]
    fn only_packs_and_runs_are_files() {
        for name in ["packs/0", "packs/4294967295", "index/run-12.jsonl"] {
            assert!(is_file(name), "{name}");
        }
        for name in
            ["packs/", "packs/01", "packs/+1", "packs/-1", "packs/4294967296", "index/run-1", "index/log-1.jsonl"]
        {
            assert!(!is_file(name), "{name}");
        }
    }
}
