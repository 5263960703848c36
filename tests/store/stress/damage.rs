//! Random damage, and what it was done to.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use loosepack::{Location, ObjectId, Placement};

use super::world::{World, loose};
use crate::support::Rng;

/// The damage done.
#[derive(Debug, Default)]
pub(super) struct Hurt {
    /// Objects whose record is not as it was written, anywhere from its header to its end.
    pub(super) records: BTreeSet<ObjectId>,
    /// Objects of which not a byte is left, because their pack was removed, or cut before them.
    pub(super) vanished: BTreeSet<ObjectId>,
    /// Objects whose loose file is not as it was written.
    pub(super) loose: BTreeSet<ObjectId>,
    /// Objects of which no sound copy need be left.
    pub(super) unreadable: BTreeSet<ObjectId>,
}

/// A record with an index entry, and its parts.
struct Record {
    id: ObjectId,
    pack: u32,
    start: u64,
    payload: Range<u64>,
    end: u64,
}

impl Record {
    fn new(id: ObjectId, size: usize, location: &Location, pack: &[u8]) -> Self {
        let before = &pack[..location.offset as usize];
        let start = format!("{{\"id\":\"{id}");
        let start = before.windows(start.len()).rposition(|window| window == start.as_bytes()).unwrap() as u64;
        let end = location.offset + location.length;
        let frames = size.div_ceil(1 << 20) as u64;
        let table = if location.length != location.size && frames > 1 { frames * 16 + 2 } else { 0 };
        Record { id, pack: location.pack, start, payload: location.offset..end, end: end + 1 + table }
    }

    /// A place to damage.
    fn draw(&self, pack: u64, rng: &mut Rng) -> Range<u64> {
        let mut within = |range: Range<u64>| range.start + rng.below(range.end - range.start);
        let place = match within(0..6) {
            0 => within(self.start..self.payload.start),
            1 | 2 => within(self.start..self.end),
            3 => self.payload.end,
            4 => within(self.payload.end..self.end),
            _ => within(0..pack),
        };
        let len = [1, 1, 1, 1 + rng.below(200), 1 + rng.below(9000)][rng.below(5) as usize];
        place..(place + len).min(pack)
    }
}

impl Hurt {
    /// Objects of which one copy or all of them are damaged.
    pub(super) fn all(&self) -> BTreeSet<ObjectId> {
        self.records.union(&self.loose).copied().collect()
    }

    /// Finding packs and loose files, or nothing at all.
    pub(super) fn draw(world: &World, rng: &mut Rng) -> Self {
        let store = world.open();
        let bytes = |path: String| (path.clone(), world.dir.bytes(&path));
        let files = || world.dir.files().into_iter();
        let mut packs: BTreeMap<u32, (String, Vec<u8>)> =
            files().filter_map(|path| Some((path.strip_prefix("packs/")?.parse().ok()?, bytes(path)))).collect();
        let mut records = Vec::new();
        for (id, content) in &world.contents {
            if let Placement::Packed(location) = store.info(id).unwrap().placement {
                records.push(Record::new(*id, content.len(), &location, &packs[&location.pack].1));
            }
        }
        let before = packs.clone();
        let mut hurt = Hurt::default();
        if rng.below(6) > 0 && !records.is_empty() {
            for _ in 0..rng.below(8) {
                let record = &records[rng.below(records.len() as u64) as usize];
                let pack = &mut packs.get_mut(&record.pack).unwrap().1;
                let place = record.draw(pack.len() as u64, rng);
                let kind = rng.below(3);
                for byte in &mut pack[place.start as usize..place.end as usize] {
                    let to = [0, !*byte, rng.next() as u8][kind as usize];
                    *byte = if to == *byte { *byte ^ 1 } else { to };
                }
            }
            if rng.below(5) == 0 {
                let record = &records[rng.below(records.len() as u64) as usize];
                let pack = &mut packs.get_mut(&record.pack).unwrap().1;
                let cut = rng.below(pack.len() as u64 + 1);
                pack.truncate(cut as usize);
            }
        }
        packs.values().for_each(|(path, bytes)| world.dir.put(path, bytes));
        if rng.below(8) == 0 && !records.is_empty() {
            let record = &records[rng.below(records.len() as u64) as usize];
            let (path, bytes) = packs.get_mut(&record.pack).unwrap();
            world.dir.remove(path);
            bytes.clear();
        }
        if rng.below(3) == 0 {
            hurt.loose = damage_loose_files(world, rng);
        }
        let packed: BTreeSet<ObjectId> = records.iter().map(|record| record.id).collect();
        hurt.unreadable = hurt.loose.iter().filter(|id| !packed.contains(id)).copied().collect();
        for record in &records {
            // Damaged twice, a byte may be as it was.
            let touches = |part: &Range<u64>| {
                let [was, is] = [&before, &packs].map(|packs| {
                    let bytes = &packs[&record.pack].1;
                    let end = bytes.len().min(part.end as usize);
                    &bytes[end.min(part.start as usize)..end]
                });
                was != is
            };
            if touches(&(record.start..record.end)) {
                hurt.records.insert(record.id);
                if packs[&record.pack].1.len() as u64 <= record.start {
                    hurt.vanished.insert(record.id);
                }
                let table = record.payload.end + 1..record.end;
                let cut = (packs[&record.pack].1.len() as u64) < record.payload.end;
                if (cut || touches(&record.payload) || touches(&table)) && !world.has_loose(&record.id) {
                    hurt.unreadable.insert(record.id);
                }
            }
        }
        hurt
    }
}

/// Change, lengthen or shorten some loose files; returns which.
fn damage_loose_files(world: &World, rng: &mut Rng) -> BTreeSet<ObjectId> {
    let drawn: Vec<ObjectId> = world.contents.keys().filter(|_| rng.below(20) == 0).copied().collect();
    let damaged: BTreeSet<ObjectId> = drawn.into_iter().filter(|id| world.has_loose(id)).collect();
    for id in &damaged {
        let mut bytes = world.contents[id].clone();
        let place = rng.below(bytes.len() as u64) as usize;
        match rng.below(3) {
            0 if !bytes.is_empty() => bytes[place] ^= 1,
            1 if !bytes.is_empty() => bytes.truncate(place),
            _ => bytes.push(b'!'),
        }
        world.dir.put(&loose(id), &bytes);
    }
    damaged
}
