//! Freeing dead bytes: what counts is moved, packs that are no longer needed go, and damage stays where it is.

use loosepack::{
    Compression, Config, Container, Error, Job, ObjectId, PackInfo, Part, Placement, RepackOptions, Tuning,
};

use crate::sim::SimDir;
use crate::support::{Rng, create, id, noise, open, options, run, text, tiny, verify, with_tuning};

/// A container whose packs hold these objects, one pack of `pack_target` bytes after the other.
fn packed(pack_target: u64, contents: &[Vec<u8>], compression: Compression) -> SimDir {
    let dir = SimDir::new();
    let store =
        Container::create(dir.clone(), Config { pack_target, compression_level: 1, ..Config::default() }, options())
            .unwrap();
    let mut writer = store.pack_writer(compression).unwrap();
    writer.add_many(contents).unwrap();
    writer.finish().unwrap();
    dir
}

fn contents(count: u64) -> Vec<Vec<u8>> {
    let content = |seed| if seed % 2 == 0 { noise(seed as usize % 300, seed) } else { text(seed as usize % 900, seed) };
    (1000..1000 + count).map(content).collect()
}

fn delete(dir: &SimDir, contents: &[Vec<u8>]) {
    let ids = contents.iter().map(|content| id(content)).collect();
    run(open(dir.clone()).delete(ids).unwrap()).unwrap();
}

fn infos(dir: &SimDir) -> Vec<PackInfo> {
    open(dir.clone()).packs().unwrap()
}

fn numbers(dir: &SimDir) -> Vec<u32> {
    infos(dir).iter().map(|pack| pack.number).collect()
}

/// Repacks; returns the objects moved. There must be no damage.
fn repack(dir: &SimDir, options: RepackOptions) -> u64 {
    let (progress, problems) = run(open(dir.clone()).repack(options).unwrap()).unwrap();
    assert_eq!(problems, []);
    assert_eq!(progress.done, progress.total);
    progress.objects
}

fn all_there(dir: &SimDir, contents: &[Vec<u8>]) {
    let store = open(dir.clone());
    for content in contents {
        assert_eq!(store.get(&id(content)).as_ref(), Ok(content));
    }
    assert_eq!(verify(&store, Part::default()).1, []);
    let listed = store.objects(None, usize::MAX).unwrap();
    let mut ids: Vec<ObjectId> = contents.iter().map(|content| id(content)).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(listed, ids);
    assert_eq!(store.stats().unwrap().packed_objects, ids.len() as u64);
    assert_eq!(store.packs().unwrap().iter().map(|pack| pack.objects).sum::<u64>(), ids.len() as u64);
}

#[test]
fn dead_bytes_are_freed_and_what_counts_stays() {
    for tuning in [Tuning::default(), tiny()] {
        with_tuning(tuning, || {
            let all = contents(60);
            let dir = packed(4000, &all, Compression::Auto);
            let before: u64 = infos(&dir).iter().map(|pack| pack.size).sum();
            let (dead, live) = all.split_at(40);
            delete(&dir, dead);
            let dead_bytes: u64 = infos(&dir).iter().map(PackInfo::dead).sum();
            assert!(dead_bytes > before / 3, "{dead_bytes} of {before}");
            assert!(repack(&dir, RepackOptions::default()) > 0);
            all_there(&dir, live);
            let after = infos(&dir);
            assert!(after.iter().all(|pack| pack.dead() * 4 < pack.size), "{after:?}");
            assert!(after.iter().map(|pack| pack.size).sum::<u64>() <= before - dead_bytes * 3 / 4);
            // There is nothing left to do.
            assert_eq!(repack(&dir, RepackOptions::default()), 0);
            assert_eq!(infos(&dir), after);
        });
    }
}

#[test]
fn what_is_not_dead_enough_is_not_touched() {
    let all = contents(40);
    let dir = packed(3000, &all, Compression::Never);
    delete(&dir, &all[..1]);
    let before = infos(&dir);
    assert_eq!(repack(&dir, RepackOptions::default()), 0);
    assert_eq!(infos(&dir), before);
    let least = RepackOptions { min_dead: Some(0), ..RepackOptions::default() };
    assert_eq!(repack(&dir, least), before[0].objects);
    assert_eq!(numbers(&dir)[0], 1);
    all_there(&dir, &all[1..]);
}

#[test]
fn a_dry_run_tells_what_a_repack_does_and_does_nothing() {
    let all = contents(40);
    let dir = packed(3000, &all, Compression::Never);
    delete(&dir, &all[..20]);
    let before = infos(&dir);
    let files = dir.files();
    // Also while a packer is at work.
    let writer = open(dir.clone());
    let writer = writer.pack_writer(Compression::Never).unwrap();
    let dry = RepackOptions { dry_run: true, ..RepackOptions::default() };
    let would = run(open(dir.clone()).repack(dry).unwrap()).unwrap().0;
    drop(writer);
    assert_eq!((infos(&dir), dir.files()), (before.clone(), files));
    assert!(!would.notes.is_empty());
    let did = run(open(dir.clone()).repack(RepackOptions::default()).unwrap()).unwrap().0;
    assert_eq!((would.objects, would.bytes, would.total), (did.objects, did.bytes, did.total));
    let freed =
        before.iter().map(|pack| pack.size).sum::<u64>() - infos(&dir).iter().map(|pack| pack.size).sum::<u64>();
    assert_eq!(would.total - would.bytes, freed);
}

#[test]
fn small_packs_are_merged() {
    let all = contents(30);
    let dir = packed(300, &all, Compression::Never);
    let many = numbers(&dir).len();
    assert!(many > 8, "{many} packs");
    let json = String::from_utf8(dir.bytes("container.json")).unwrap();
    dir.put("container.json", json.replace("\"pack-target\":300", "\"pack-target\":1000000").as_bytes());
    repack(&dir, RepackOptions::default());
    assert_eq!(numbers(&dir).len(), 1);
    all_there(&dir, &all);
    assert_eq!(repack(&dir, RepackOptions::default()), 0);
}

#[test]
fn payloads_are_kept_or_made_anew_as_asked() {
    let compressed = |dir: &SimDir, contents: &[Vec<u8>]| {
        let store = open(dir.clone());
        let is = |content| match store.info(&id(content)).unwrap().placement {
            Placement::Packed(location) => location.compressed(),
            Placement::Loose => panic!("it is packed"),
        };
        contents.iter().map(|content| is(content)).collect::<Vec<bool>>()
    };
    for tuning in [Tuning::default(), tiny()] {
        with_tuning(tuning, || {
            // Objects of several frames are among them.
            let all =
                [text(3_000_000, 1), noise(1_500_000, 2), text(600, 3), noise(600, 4), Vec::new(), text(1 << 20, 5)];
            let shrinks = [true, false, true, false, false, true];
            for start in [Compression::Never, Compression::Auto, Compression::Always] {
                let dir = packed(1 << 20, &all, start);
                let before = compressed(&dir, &all);
                let all_packs = RepackOptions { min_dead: Some(0), ..RepackOptions::default() };
                delete(&dir, &all[3..4]);
                let rest: Vec<Vec<u8>> =
                    all.iter().enumerate().filter(|(at, _)| *at != 3).map(|(_, c)| c.clone()).collect();
                let without = |flags: &[bool]| [&flags[..3], &flags[4..]].concat();
                repack(&dir, all_packs);
                all_there(&dir, &rest);
                assert_eq!(compressed(&dir, &rest), without(&before), "{start:?} is kept");
                let with = |compression, level| RepackOptions {
                    compression: Some(compression),
                    level,
                    ..RepackOptions::default()
                };
                repack(&dir, with(Compression::Auto, None));
                all_there(&dir, &rest);
                if start != Compression::Always {
                    assert_eq!(compressed(&dir, &rest), without(&shrinks), "from {start:?}");
                }
                let size = |dir: &SimDir| infos(dir).iter().map(|pack| pack.size).sum::<u64>();
                let before = size(&dir);
                repack(&dir, with(Compression::Always, Some(9)));
                all_there(&dir, &rest);
                assert!(size(&dir) < before, "level 9 makes it smaller");
                repack(&dir, with(Compression::Never, None));
                all_there(&dir, &rest);
                assert_eq!(compressed(&dir, &rest), [false; 5]);
            }
        });
    }
}

#[test]
fn what_is_damaged_keeps_its_pack_and_is_reported() {
    for tuning in [Tuning::default(), tiny()] {
        with_tuning(tuning, || {
            let all: Vec<Vec<u8>> = (0..12).map(|seed| noise(120, seed)).collect();
            let dir = packed(1 << 20, &all, Compression::Never);
            delete(&dir, &all[..6]);
            let Placement::Packed(location) = open(dir.clone()).info(&id(&all[7])).unwrap().placement else {
                panic!("it is packed");
            };
            let mut bytes = dir.bytes("packs/0");
            bytes[location.offset as usize + 5] ^= 1;
            dir.put("packs/0", &bytes);
            let (_, problems) = run(open(dir.clone()).repack(RepackOptions::default()).unwrap()).unwrap();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].file.starts_with("packs/0 at byte"), "{problems:?}");
            assert!(problems[0].message.contains(&id(&all[7]).to_string()), "{problems:?}");
            assert_eq!(numbers(&dir), [0, 1]);
            let store = open(dir.clone());
            assert!(matches!(store.get(&id(&all[7])), Err(Error::Corrupt(_))), "damage is no absence");
            for content in all[6..7].iter().chain(&all[8..]) {
                assert_eq!(store.get(&id(content)).as_ref(), Ok(content));
            }
            // Added again it is sound, and the pack goes.
            store
                .pack_writer(Compression::Never)
                .and_then(|mut writer| writer.add(&all[7]).and(writer.finish()))
                .unwrap();
            repack(&dir, RepackOptions::default());
            assert_eq!(numbers(&dir), [1]);
            all_there(&dir, &all[6..]);
        });
    }
}

#[test]
fn an_object_whose_header_is_damaged_is_moved() {
    with_tuning(tiny(), || {
        let all: Vec<Vec<u8>> = (0..9).map(|seed| text(150, seed)).collect();
        for compression in [Compression::Never, Compression::Always] {
            let dir = packed(1 << 20, &all, compression);
            let mut bytes = dir.bytes("packs/0");
            for content in &all[3..5] {
                let Placement::Packed(location) = open(dir.clone()).info(&id(content)).unwrap().placement else {
                    panic!("it is packed");
                };
                bytes[location.offset as usize - 20] ^= 1;
            }
            dir.put("packs/0", &bytes);
            delete(&dir, &all[6..]);
            repack(&dir, RepackOptions::default());
            assert_eq!(numbers(&dir), [1]);
            all_there(&dir, &all[..6]);
        }
    });
}

#[test]
fn a_pack_without_objects_goes_and_its_number_is_not_used_again() {
    let all = contents(10);
    let dir = packed(1 << 20, &all, Compression::Never);
    delete(&dir, &all);
    repack(&dir, RepackOptions::default());
    assert_eq!(numbers(&dir), [] as [u32; 0]);
    let store = open(dir.clone());
    store.pack_writer(Compression::Never).and_then(|mut writer| writer.add(&all[0]).and(writer.finish())).unwrap();
    assert_eq!(numbers(&dir), [1]);
    all_there(&dir, &all[..1]);
}

#[test]
fn loose_copies_and_objects_packed_twice_do_no_harm() {
    let all = contents(20);
    let dir = packed(2000, &all, Compression::Never);
    let store = open(dir.clone());
    delete(&dir, &all[..10]);
    for content in &all[..5] {
        store.add(content).unwrap();
    }
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    writer.add_many(&all[..3]).unwrap();
    writer.finish().unwrap();
    repack(&dir, RepackOptions { min_dead: Some(0), ..RepackOptions::default() });
    let store = open(dir.clone());
    for content in all[..5].iter().chain(&all[10..]) {
        assert_eq!(store.get(&id(content)).as_ref(), Ok(content));
    }
    assert_eq!(verify(&store, Part::default()).1, []);
}

#[test]
fn options_out_of_range_are_refused() {
    let store = create(SimDir::new());
    let refused = |options: RepackOptions, word: &str| {
        let Err(Error::InvalidArgument(problem)) = store.repack(options) else { panic!("{options:?} is refused") };
        assert!(problem.contains(word), "{problem}");
    };
    let default = RepackOptions::default();
    refused(RepackOptions { min_dead: Some(101), ..default }, "101");
    refused(RepackOptions { level: Some(0), compression: Some(Compression::Auto), ..default }, "0 is not a zlib level");
    refused(RepackOptions { level: Some(10), compression: Some(Compression::Auto), ..default }, "10");
    refused(RepackOptions { level: Some(5), ..default }, "level");
    refused(RepackOptions { level: Some(5), compression: Some(Compression::Never), ..default }, "level");
    let _writer = store.pack_writer(Compression::Never).unwrap();
    assert!(matches!(store.repack(default), Err(Error::Locked(_))));
}

#[test]
fn random_containers_keep_their_objects() {
    for seed in 0..30 {
        let mut rng = Rng::new(seed);
        let tuning = if seed % 2 == 0 { tiny() } else { Tuning::default() };
        with_tuning(tuning, || {
            let mut live: Vec<Vec<u8>> = contents(1 + rng.below(80));
            let dir = packed(200 + rng.below(6000), &live, Compression::Auto);
            for _ in 0..3 {
                let (dead, rest): (Vec<_>, Vec<_>) = live.iter().cloned().partition(|_| rng.below(3) == 0);
                delete(&dir, &dead);
                live = rest;
                let compression = [None, Some(Compression::Never), Some(Compression::Auto)][rng.below(3) as usize];
                let min_dead = [None, Some(rng.below(101) as u8)][rng.below(2) as usize];
                repack(&dir, RepackOptions { min_dead, compression, ..RepackOptions::default() });
                all_there(&dir, &live);
            }
        });
    }
}

/// Where an ID reads larger than it is, a scan that believes it leaves out what lies between, and a pack seems to have
/// fewer objects than it has.
#[test]
fn no_wrong_id_lets_a_repack_lose_an_object() {
    with_tuning(Tuning { log_entries: 0, step_entries: 5, ..tiny() }, || {
        let all = contents(120);
        let made = packed(1 << 20, &all, Compression::Never);
        let (dead, live) = all.split_at(70);
        delete(&made, dead);
        let runs: Vec<String> = made.files().into_iter().filter(|path| path.starts_with("index/run-")).collect();
        let (mut refused, mut tried) = (0, 0);
        for path in &runs {
            let sound = made.bytes(path);
            let lines = sound.windows(7).enumerate().filter(|(_, part)| *part == b"{\"id\":\"").map(|(at, _)| at + 7);
            for at in lines {
                let dir = made.fork();
                let mut damaged = sound.clone();
                damaged[at] = if damaged[at] == b'f' { continue } else { b'f' };
                dir.put(path, &damaged);
                tried += 1;
                let repacked = open(dir.clone()).repack(RepackOptions { min_dead: Some(1), ..Default::default() });
                refused += u64::from(repacked.and_then(|mut job| job.finish()).is_err());
                // Whatever is left of the index: the packs still hold every object.
                run(open(dir.clone()).reindex().unwrap()).unwrap();
                let store = open(dir);
                for content in live {
                    assert_eq!(store.get(&id(content)).as_ref(), Ok(content), "{path} with a wrong digit at {at}");
                }
            }
        }
        assert!(tried > 50 && refused > tried / 2, "{refused} of {tried} were refused");
    });
}
