//! Lookups in runs, by all fences, by parts of them, and by filters: compared with a map at every boundary, bounded in what they
//! read, and never denying an object because of damage.

use std::collections::BTreeMap;

use loosepack::{Container, Error, ObjectId, Options, Part, Tuning, codec};

use crate::crafted::{filters_length, header, header_start, line, run_of, with_runs};
use crate::sim::SimDir;
use crate::support::{Rng, id, tiny, verify};
use crate::watch::Watch;

/// Bytes of a line whose numbers have one digit.
const WIDTH: usize = 114;

/// Sizes in which lookups go by parts always, for a while, or never.
fn tunings() -> Vec<Tuning> {
    let always = Tuning { fences: 0, ..Tuning::default() };
    vec![
        Tuning::default(),
        tiny(),
        Tuning::SMALLEST,
        Tuning { cold_fences: 3, cold_guesses: 0, ..always },
        Tuning { cold_fences: 4, cold_guesses: 1, ..always },
        Tuning { cold_fences: 7, ..always },
        Tuning { cold_fences: 3, cold_lookups: 5, cold_cost: 1000, ..Tuning::default() },
        Tuning { cold_fences: 3, cold_lookups: 0, cold_cost: 1, ..Tuning::default() },
        Tuning { cold_fences: 3, cold_lookups: 1000, fences: 6, ..Tuning::default() },
        Tuning { filters: 4, ..warm() },
        warm(),
    ]
}

/// Sizes in which all fences are read by the first lookup, and all filters by the first that finds nothing.
fn warm() -> Tuning {
    Tuning { cold_fences: 3, cold_lookups: 0, cold_cost: 1000, filter_cost: 1000, ..Tuning::default() }
}

fn open<D: loosepack::Dir>(dir: D, tuning: Tuning) -> loosepack::Result<Container<D>> {
    Container::open(dir, Options { tuning, ..Options::default() })
}

/// Ids of one kind, in order.
fn ids(kind: u32, count: u64) -> Vec<ObjectId> {
    let id = |number: u64| {
        let uniform = codec::sha256(&number.to_le_bytes());
        let mut digest = *uniform.as_bytes();
        match kind {
            0 => {}
            // All of them where one block of a uniform run is.
            1 => digest[..8].copy_from_slice(&(0xabcd_0000_0000_0000 + number * 3).to_be_bytes()),
            // Many with one prefix, across the ends of blocks.
            2 => digest[..8].copy_from_slice(&(u64::MAX / 1000 * (number / 40)).to_be_bytes()),
            // The first and the last there can be.
            3 => digest[..8]
                .copy_from_slice(&if number.is_multiple_of(2) { number } else { u64::MAX - number }.to_be_bytes()),
            // Denser and denser.
            _ => digest[..8].copy_from_slice(&(u64::MAX >> (number % 60) ^ number).to_be_bytes()),
        }
        ObjectId::from_bytes(digest)
    };
    let mut ids: Vec<ObjectId> = (0..count).map(id).collect();
    ids.sort();
    ids
}

/// The id right after or right before this one.
fn beside(id: &ObjectId, up: bool) -> ObjectId {
    let mut digest = *id.as_bytes();
    for byte in digest.iter_mut().rev() {
        *byte = if up { byte.wrapping_add(1) } else { byte.wrapping_sub(1) };
        if *byte != if up { 0 } else { 255 } {
            break;
        }
    }
    ObjectId::from_bytes(digest)
}

fn size(number: usize) -> u8 {
    (number % 9) as u8
}

#[test]
fn lookups_find_what_a_map_holds_at_every_boundary() {
    let mut rng = Rng::new(1);
    let mut lookups = 0;
    for kind in 0..5 {
        for count in [0, 1, 63, 64, 65, 128, 129, 191, 192, 193, 256, 257, 320, 321, 449, 1025] {
            let ids = ids(kind, count);
            let older = ids.iter().enumerate().map(|(number, id)| line(id, Some([0, 0, 1, size(number)])));
            // Every third is deleted, and every fifth put elsewhere.
            let newer = ids.iter().enumerate().filter(|(number, _)| number % 3 == 0 || number % 5 == 0);
            let newer = newer.map(|(number, id)| line(id, (number % 3 > 0).then_some([0, 0, 1, 9])));
            let dir = with_runs(&[run_of(&newer.collect::<Vec<_>>()), run_of(&older.collect::<Vec<_>>())]);
            let mut model: BTreeMap<ObjectId, u64> = BTreeMap::new();
            for (number, id) in ids.iter().enumerate().filter(|(number, _)| number % 3 > 0) {
                model.insert(*id, if number % 5 == 0 { 9 } else { size(number).into() });
            }
            let mut asked: Vec<ObjectId> =
                ids.iter().flat_map(|id| [*id, beside(id, true), beside(id, false)]).collect();
            asked.extend((0..20).map(|_| id(&rng.next().to_le_bytes())));
            asked.extend([ObjectId::from_bytes([0; 32]), ObjectId::from_bytes([255; 32])]);
            for tuning in tunings() {
                let what = format!("{count} ids of kind {kind} with {tuning:?}");
                let store = open(dir.clone(), tuning).unwrap();
                let mut position = 0;
                while position < asked.len() {
                    let many = [1, 1, 1, 2, 5, 40][rng.below(6) as usize].min(asked.len() - position);
                    let some = &asked[position..position + many];
                    let found = store.info_many(some).unwrap_or_else(|error| panic!("{what}: {error}"));
                    for (id, found) in some.iter().zip(found) {
                        assert_eq!(found.map(|info| info.size), model.get(id).copied(), "{id} among {what}");
                    }
                    position += many;
                    lookups += many;
                }
                let mut listed = Vec::new();
                while let page = store.objects(listed.last(), 50).unwrap()
                    && !page.is_empty()
                {
                    listed.extend(page);
                }
                assert!(listed.iter().eq(model.keys()), "{what}");
            }
        }
    }
    assert!(lookups > 100_000, "{lookups}");
}

/// Bytes read by a question to a handle that was just opened.
fn read_for(dir: &SimDir, tuning: Tuning, ask: impl FnOnce(&Container<Watch<SimDir>>)) -> u64 {
    let watch = Watch::new(dir.clone());
    let store = open(watch.clone(), tuning).unwrap();
    let before = watch.seen().read.get();
    ask(&store);
    watch.seen().read.get() - before
}

#[test]
fn a_lookup_reads_no_more_of_a_large_run_than_of_a_small_one() {
    const BLOCK: u64 = 64 * WIDTH as u64;
    let tuning = Tuning { cold_fences: 16, ..Tuning::default() };
    // The manifest and the last commit line.
    let refresh = 1000;
    for (kind, parts) in [(0, 3), (1, 12), (3, 12)] {
        let mut sums = Vec::new();
        for count in [5000, 60_000] {
            let ids = ids(kind, count);
            let lines: Vec<String> = ids.iter().map(|id| line(id, Some([0, 0, 1, 1]))).collect();
            let dir = with_runs(&[run_of(&lines)]);
            let most = parts * 16 * 27;
            let mut sum = 0;
            for number in 0..100 {
                let present = ids[number * ids.len() / 100];
                let has = read_for(&dir, tuning, |store| assert_eq!(store.contains(&[present]), Ok(vec![true])));
                assert!(has <= most + 2 * BLOCK, "{has} bytes for an object of {count} of kind {kind}");
                let absent = beside(&present, number % 2 == 0);
                let miss = read_for(&dir, tuning, |store| assert_eq!(store.contains(&[absent]), Ok(vec![false])));
                assert!(miss <= most + 2 * BLOCK + refresh, "{miss} bytes for a miss among {count} of kind {kind}");
                sum += miss;
            }
            // Few at once are looked up one by one.
            let some: Vec<ObjectId> = (0..8).map(|number| ids[number * ids.len() / 8 + 7]).collect();
            let bytes = read_for(&dir, tuning, |store| assert_eq!(store.contains(&some), Ok(vec![true; 8])));
            assert!(bytes <= 8 * (most + BLOCK) + BLOCK, "{bytes} bytes for eight objects of {count} of kind {kind}");
            sums.push(sum);
        }
        assert!(sums[1] <= sums[0] + 100 * parts * 16 * 27, "{sums:?} bytes for 100 misses of kind {kind}");
    }
}

#[test]
fn all_fences_are_read_when_lookups_have_become_many_and_never_when_they_are_too_many() {
    let ids = ids(0, 64 * 200);
    let lines: Vec<String> = ids.iter().map(|id| line(id, Some([0, 0, 1, 1]))).collect();
    let dir = with_runs(&[run_of(&lines)]);
    let fences = 200 * 27;
    let each = |tuning: Tuning| {
        let watch = Watch::new(dir.clone());
        let store = open(watch.clone(), tuning).unwrap();
        let read = |id: &ObjectId| {
            let before = watch.seen().read.get();
            assert_eq!(store.contains(&[*id]), Ok(vec![true]));
            watch.seen().read.get() - before
        };
        ids.iter().step_by(61).map(read).collect::<Vec<u64>>()
    };
    let block = 64 * WIDTH as u64;
    let usual = Tuning { cold_fences: 8, cold_lookups: 3, cold_cost: 20, ..Tuning::default() };
    // A tenth of the fences is read in the time of ten lookups.
    let warm = each(usual);
    assert!(warm[..10].iter().all(|read| *read <= 2 * block + 3 * 8 * 27), "{warm:?}");
    assert!((fences..fences + block + 100).contains(&warm[10]), "{warm:?}");
    assert!(warm[11..].iter().filter(|read| **read < block / 2).count() > 180, "{warm:?}");
    let cold = each(Tuning { fences: 199, ..usual });
    assert!(cold.iter().all(|read| *read <= 2 * block + 3 * 8 * 27), "{cold:?}");
}

#[test]
fn filters_are_read_when_much_was_not_found_and_never_when_they_are_too_many() {
    const BLOCKS: usize = 200;
    let ids = ids(0, 64 * BLOCKS as u64);
    let lines: Vec<String> = ids.iter().map(|id| line(id, Some([0, 0, 1, 1]))).collect();
    let sound = run_of(&lines);
    let dir = with_runs(std::slice::from_ref(&sound));
    let absent: Vec<ObjectId> = (0..1000).map(|number| id(format!("absent {number}").as_bytes())).collect();
    let usual = Tuning { cold_lookups: 3, filter_cost: 20, ..Tuning::default() };
    // Bytes that are read of the run to learn that each of these is absent; and then that all ids are there.
    let each = |dir: &SimDir, tuning: Tuning, together: usize| {
        let watch = Watch::new(dir.clone());
        let store = open(watch.clone(), tuning).unwrap();
        let read = |ids: &[ObjectId]| {
            let before = watch.seen().read.get();
            assert_eq!(store.contains(ids), Ok(vec![false; ids.len()]));
            watch.seen().read.get() - before
        };
        let read = absent.chunks(together).map(read).collect::<Vec<u64>>();
        assert_eq!(store.contains(&ids), Ok(vec![true; ids.len()]));
        read
    };
    let block = 64 * WIDTH as u64;
    let refresh = 1000; // the manifest and the last commit line
    for together in [1, 5] {
        let read = each(&dir, usual, together);
        let filters = read.iter().position(|read| *read > filters_length(BLOCKS) as u64).unwrap();
        // A twentieth of the filters is read in the time of ten lookups; what is not found is looked up twice.
        let expected = if together == 1 { 5..=7 } else { 0..=1 };
        assert!(expected.contains(&filters), "{read:?}");
        assert!(read[..filters].iter().all(|read| *read > block), "{read:?}");
        let behind = &read[filters + 1..];
        let nothing = behind.iter().filter(|read| **read < refresh).count();
        assert!(nothing * 100 > behind.len() * if together == 1 { 95 } else { 80 }, "{behind:?}");
        let many = each(&dir, Tuning { filters: BLOCKS as u64 - 1, ..usual }, together);
        assert!(many.iter().skip(20).all(|read| *read > block), "{many:?}");
    }
    // Damaged filters deny nothing, and lookups do without them; only a check tells.
    for change in [sound.len() - 2, sound.len() - filters_length(BLOCKS) / 2, sound.len() - filters_length(BLOCKS)] {
        let mut damaged = sound.clone();
        damaged[change] ^= 1;
        dir.put("index/run-0.jsonl", &damaged);
        let read = each(&dir, usual, 1);
        assert!(read.iter().skip(20).all(|read| *read > block), "{read:?}");
        let (_, problems, _) = verify(&open(dir.clone(), usual).unwrap(), Part::default());
        assert!(
            problems.iter().any(|problem| problem.message.contains("the line of its filters is damaged")),
            "{problems:?}"
        );
    }
    // One that belongs to other ids is told by a check as well.
    let other = run_of(&lines.iter().rev().cloned().collect::<Vec<_>>());
    let (header, filters) = (sound.clone(), sound.len() - filters_length(BLOCKS));
    let crafted = {
        let start = header_start(&lines.len().to_string(), "1", crc32fast::hash(&other[filters..]));
        let fences = &header[256 + lines.len() * WIDTH..filters];
        let first = crate::crafted::header(&start, crc32fast::hash(&[fences, start.as_bytes()].concat()));
        [first.as_bytes(), &header[256..filters], &other[filters..]].concat()
    };
    dir.put("index/run-0.jsonl", &crafted);
    let (_, problems, _) = verify(&open(dir.clone(), usual).unwrap(), Part::default());
    assert!(problems.iter().any(|problem| problem.message.contains("filter of their block")), "{problems:?}");
}

/// Present objects that a container denies. What it says else is counted: true answers, and errors.
fn denied(dir: &SimDir, tuning: Tuning, ids: &[ObjectId], counts: &mut (u64, u64)) -> Option<ObjectId> {
    let Ok(store) = open(dir.clone(), tuning) else {
        counts.1 += 1;
        return None;
    };
    if tuning.filters > 0 {
        // What is not found lets all filters be read.
        assert_ne!(store.contains(&[ObjectId::from_bytes([7; 32])]), Ok(vec![true]));
    }
    for id in ids {
        match store.contains(&[*id]).as_deref() {
            Ok([true]) => counts.0 += 1,
            Ok(_) => return Some(*id),
            Err(Error::Corrupt(damage)) => {
                assert!(damage.file.starts_with("index/run-0"), "{damage}");
                counts.1 += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    let together = store.contains(ids).ok()?;
    ids.iter().zip(together).find(|(_, there)| !there).map(|(id, _)| *id)
}

/// Sizes in which a run of a few blocks is looked through by parts, and by filters.
fn careful() -> [Tuning; 3] {
    let always = Tuning { cold_fences: 3, fences: 0, filters: 0, ..Tuning::default() };
    [always, Tuning { cold_guesses: 0, fences: 1 << 20, cold_lookups: 1000, ..always }, warm()]
}

/// A run of five blocks, the last of which is not full, and its ids.
fn small_run() -> (Vec<ObjectId>, Vec<u8>) {
    let ids = ids(0, 64 * 4 + 7);
    let lines: Vec<String> = ids.iter().map(|id| line(id, Some([0, 0, 1, 1]))).collect();
    (ids, run_of(&lines))
}

/// The first, the last, and those at the ends of blocks.
fn telling(ids: &[ObjectId]) -> Vec<ObjectId> {
    let ends = |number: &usize| [0, 1, 31, 62, 63].contains(&(number % 64)) || number + 1 == ids.len();
    (0..ids.len()).filter(ends).map(|number| ids[number]).collect()
}

#[test]
fn no_changed_byte_of_a_run_denies_an_object() {
    let (ids, run) = small_run();
    let (dir, telling) = (with_runs(std::slice::from_ref(&run)), telling(&ids));
    let lines_end = 256 + ids.len() * WIDTH;
    let mut rng = Rng::new(3);
    let mut counts = (0, 0);
    for at in 0..run.len() {
        let mut others = vec![run[at] ^ 1 << rng.below(8)];
        let outside = !(256..lines_end).contains(&at);
        if outside {
            others.extend(b"0123456789abcdef ,\"".iter().filter(|other| **other != run[at]));
        } else if run[at].is_ascii_hexdigit() {
            others.push(b"0123456789abcdef"[rng.below(16) as usize]);
        }
        for (number, other) in others.iter().enumerate() {
            let mut damaged = run.clone();
            damaged[at] = *other;
            dir.put("index/run-0.jsonl", &damaged);
            let own = (at.saturating_sub(256) / WIDTH).min(ids.len() - 1);
            let near = &ids[own.saturating_sub(1)..(own + 2).min(ids.len())];
            let asked = if outside { &telling[..] } else { near };
            for tuning in careful() {
                if let Some(id) = denied(&dir, tuning, asked, &mut counts) {
                    panic!("{id} is denied with {:?} in place of byte {at}: {number}", char::from(*other));
                }
            }
        }
    }
    assert!(counts.0 > 100_000 && counts.1 > 20_000, "{counts:?} answers and errors");
}

#[test]
fn no_first_line_denies_an_object() {
    let (ids, run) = small_run();
    let (dir, telling) = (with_runs(std::slice::from_ref(&run)), telling(&ids));
    let mut counts = (0, 0);
    for digits in 1..=8 {
        // Also those that lead to where the last line is.
        for entries in
            (0..=ids.len() * 3).filter(|entries| *entries <= ids.len() * WIDTH / (WIDTH - 4 + 4 * digits) + 2)
        {
            let mut damaged = run.clone();
            let start = header_start(&entries.to_string(), &digits.to_string(), 0);
            damaged[..256].copy_from_slice(header(&start, 0x1234_5678).as_bytes());
            dir.put("index/run-0.jsonl", &damaged);
            for tuning in careful() {
                let lied = denied(&dir, tuning, &telling, &mut counts);
                assert_eq!(lied, None, "{entries} entries of {digits} digits");
            }
        }
    }
    assert!(counts.1 > 10_000, "{counts:?} answers and errors");
}

#[test]
fn no_lost_part_of_a_run_denies_an_object() {
    let (ids, run) = small_run();
    let dir = with_runs(std::slice::from_ref(&run));
    let mut counts = (0, 0);
    let mut check = |damaged: Vec<u8>, what: String| {
        dir.put("index/run-0.jsonl", &damaged);
        for tuning in careful() {
            assert_eq!(denied(&dir, tuning, &ids, &mut counts), None, "{what}");
        }
    };
    for at in (0..run.len()).step_by(509) {
        let end = (at + 512).min(run.len());
        check(run[..at].to_vec(), format!("cut to {at} bytes"));
        check([&run[..at], &run[end..]].concat(), format!("without bytes {at} to {end}"));
        check([&run[..end], &run[at..]].concat(), format!("with bytes {at} to {end} twice"));
        let (mut zeros, mut other) = (run.clone(), run.clone());
        zeros[at..end].fill(0);
        check(zeros, format!("zeros from {at} to {end}"));
        let from = run.len() - end;
        other.copy_within(from..from + end - at, at);
        check(other, format!("bytes {at} to {end} are those from {from}"));
    }
    // Whole blocks in each other's place, and their fences as well.
    for (a, b) in [(0, 1), (1, 2), (0, 3), (2, 3)] {
        let mut swapped = run.clone();
        let block = |number: usize| 256 + number * 64 * WIDTH..256 + (number + 1) * 64 * WIDTH;
        swapped[block(a)].copy_from_slice(&run[block(b)]);
        swapped[block(b)].copy_from_slice(&run[block(a)]);
        check(swapped.clone(), format!("blocks {a} and {b} swapped"));
        let mut fences = run.clone();
        let end = run.len() - filters_length(5) - 3;
        let fence = |number: usize| end - 27 * (5 - number)..end - 27 * (4 - number);
        fences[fence(a)].copy_from_slice(&run[fence(b)]);
        fences[fence(b)].copy_from_slice(&run[fence(a)]);
        check(fences, format!("fences {a} and {b} swapped"));
    }
    assert!(counts.0 > 10_000 && counts.1 > 10_000, "{counts:?} answers and errors");
}

#[test]
fn no_changed_digit_of_an_id_hides_objects_from_a_listing() {
    let (ids, run) = small_run();
    let dir = with_runs(std::slice::from_ref(&run));
    let (mut whole, mut damage) = (0, 0);
    for number in 0..ids.len() {
        for digit in [b'0', b'f'] {
            let mut damaged = run.clone();
            damaged[256 + number * WIDTH + 7] = digit;
            dir.put("index/run-0.jsonl", &damaged);
            let store = open(dir.clone(), tiny()).unwrap();
            let mut listed = Vec::new();
            let ended = loop {
                match store.objects(listed.last(), 10) {
                    Ok(page) if page.is_empty() => break Ok(()),
                    Ok(page) => listed.extend(page),
                    Err(error) => break Err(error),
                }
            };
            match ended {
                Ok(()) => {
                    assert_eq!(listed, ids, "line {number} begins with {}", char::from(digit));
                    whole += 1;
                }
                Err(Error::Corrupt(told)) => {
                    assert!(told.file.starts_with("index/run-0"), "{told}");
                    damage += 1;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
    assert!(whole > 10 && damage > 300, "{whole} whole listings, {damage} errors");
}
