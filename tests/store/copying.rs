//! Objects of one container in another: imported, mended, backed up and restored.

use std::cell::Cell;
use std::rc::Rc;

use loosepack::{
    BackupOptions, Compression, Config, Container, Error, Job as _, ObjectId, Options, Part, Placement, RepackOptions,
    Tuning,
};

use crate::sim::SimDir;
use crate::support::{clean, create, folding, id, noise, open, options, pack, run, text, tiny, verify, with_tuning};
use crate::watch::{Verdict, Watch};

fn content(number: u64) -> Vec<u8> {
    let len = 10 + number as usize * 7 % 400;
    if number.is_multiple_of(2) { noise(len, number) } else { text(len, number) }
}

fn ids(numbers: impl Iterator<Item = u64>) -> Vec<ObjectId> {
    numbers.map(|number| id(&content(number))).collect()
}

/// A container with small packs: objects 0 to 29 are packed, plain or compressed, 30 to 39 are loose, and two large ones
/// are packed, two loose.
fn lived_in() -> SimDir {
    lived_in_since(0)
}

/// Another one, made later.
fn lived_in_since(nanoseconds: u64) -> SimDir {
    let dir = SimDir::new();
    dir.advance(nanoseconds);
    let config = Config { pack_target: 2000, ..Config::default() };
    let store = Container::create(dir.clone(), config, options()).unwrap();
    (0..15).for_each(|number| assert!(store.add(&content(number)).is_ok()));
    pack(&store, Compression::Never).unwrap();
    clean(&store).unwrap();
    (15..30).for_each(|number| assert!(store.add(&content(number)).is_ok()));
    pack(&store, Compression::Always).unwrap();
    clean(&store).unwrap();
    let mut writer = store.pack_writer(Compression::Auto).unwrap();
    writer.add_many(&large()[..2]).unwrap();
    writer.finish().unwrap();
    (30..40).for_each(|number| assert!(store.add(&content(number)).is_ok()));
    large()[2..].iter().for_each(|content| assert!(store.add(content).is_ok()));
    dir
}

fn large() -> [Vec<u8>; 4] {
    [text(2_500_000, 1), noise(1_200_000, 2), text(1_100_000, 3), noise(1_100_000, 4)]
}

fn contents() -> Vec<Vec<u8>> {
    (0..40).map(content).chain(large()).collect()
}

fn all_there(dir: &SimDir, contents: &[Vec<u8>]) {
    let store = Container::open_damaged(dir.clone(), options()).unwrap();
    for content in contents {
        assert!(
            store.get(&id(content)).as_ref() == Ok(content),
            "{}: {:?}",
            id(content),
            store.get(&id(content)).err()
        );
    }
    assert_eq!(verify(&store, Part::default()).1, []);
}

fn import(target: &SimDir, source: &SimDir, ids: Option<Vec<ObjectId>>) -> u64 {
    let (progress, problems) = run(open(target.clone()).import(&open(source.clone()), ids).unwrap()).unwrap();
    assert_eq!((problems, progress.done), (vec![], progress.total));
    progress.objects
}

#[test]
fn all_objects_are_imported_once_and_as_they_are() {
    for tuning in [Tuning::default(), tiny()] {
        with_tuning(tuning, || {
            let (source, target) = (lived_in(), SimDir::new());
            let before = source.files();
            create(target.clone()).add(&content(7)).unwrap();
            assert_eq!(import(&target, &source, None), 43);
            all_there(&target, &contents());
            assert_eq!(import(&target, &source, None), 0);
            assert_eq!(source.files(), before, "the source is not touched");
            let placement = |dir: &SimDir, number| open(dir.clone()).info(&id(&content(number))).unwrap().placement;
            for number in (0..30).filter(|number| *number != 7) {
                let (Placement::Packed(from), Placement::Packed(to)) =
                    (placement(&source, number), placement(&target, number))
                else {
                    panic!("{number} is packed")
                };
                assert_eq!((from.length, from.size), (to.length, to.size), "the payload is the same");
            }
        });
    }
}

#[test]
fn given_objects_are_imported_and_those_that_are_absent_reported() {
    let (source, target) = (lived_in(), SimDir::new());
    create(target.clone());
    let wanted = ids([3, 35, 3, 99, 20].into_iter());
    let job = open(target.clone()).import(&open(source), Some(wanted.clone())).unwrap();
    let (progress, problems) = run(job).unwrap();
    assert_eq!((progress.objects, progress.total), (3, 4));
    assert_eq!(problems.len(), 1);
    assert!(problems[0].file.contains(&wanted[3].to_string()), "{problems:?}");
    assert_eq!(open(target).objects(None, 10).unwrap().len(), 3);
}

#[test]
fn damage_in_the_source_is_reported_and_not_imported() {
    for tuning in [Tuning::default(), tiny()] {
        with_tuning(tuning, || {
            let source = lived_in();
            let victims = [
                id(&content(4)),
                id(&content(17)),
                id(&large()[0]),
                id(&large()[1]),
                id(&content(33)),
                id(&large()[3]),
            ];
            for victim in victims {
                let (path, at) = match open(source.clone()).info(&victim).unwrap().placement {
                    Placement::Packed(location) => (format!("packs/{}", location.pack), location.offset as usize + 8),
                    Placement::Loose => {
                        let hex = victim.to_string();
                        (format!("loose/{}/{}", &hex[..2], &hex[2..]), 3)
                    }
                };
                let mut bytes = source.bytes(&path);
                bytes[at] ^= 0x10;
                source.put(&path, &bytes);
            }
            let target = SimDir::new();
            create(target.clone());
            let (progress, problems) = run(open(target.clone()).import(&open(source), None).unwrap()).unwrap();
            assert_eq!((progress.objects, problems.len()), (44 - 6, 6), "{problems:?}");
            let store = open(target.clone());
            assert_eq!(store.contains(&victims).unwrap(), [false; 6]);
            assert_eq!(verify(&store, Part::default()).1, []);
        });
    }
}

#[test]
fn an_import_that_was_stopped_goes_on() {
    with_tuning(tiny(), || {
        let (source, target) = (lived_in(), SimDir::new());
        create(target.clone());
        for steps in 0..40 {
            let mut job = open(target.clone()).import(&open(source.clone()), None).unwrap();
            for _ in 0..steps {
                job.step().unwrap();
            }
        }
        import(&target, &source, None);
        all_there(&target, &contents());
    });
}

#[test]
fn damaged_and_lost_objects_are_mended() {
    for tuning in [Tuning::default(), tiny()] {
        with_tuning(tuning, || {
            let (sound, damaged) = (lived_in(), lived_in());
            // A pack is lost, another damaged, a loose object as well.
            damaged.remove("packs/1");
            let mut bytes = damaged.bytes("packs/0");
            for at in (0..bytes.len()).step_by(150) {
                bytes[at] ^= 1;
            }
            damaged.put("packs/0", &bytes);
            let hex = id(&content(34)).to_string();
            damaged.put(&format!("loose/{}/{}", &hex[..2], &hex[2..]), b"damaged");
            let store = open(damaged.clone());
            let lost = contents().iter().filter(|content| store.get(&id(content)).is_err()).count();
            assert!(lost > 5, "{lost}");
            let (progress, problems) = run(store.repair(&open(sound.clone())).unwrap()).unwrap();
            assert_eq!(problems, []);
            assert!(progress.objects >= lost as u64);
            clean(&open(damaged.clone())).unwrap();
            let store = open(damaged.clone());
            for content in contents() {
                assert!(store.get(&id(&content)) == Ok(content));
            }
            // What is dead now goes, and with it the damage.
            run(store.repack(RepackOptions { min_dead: Some(0), ..RepackOptions::default() }).unwrap()).unwrap();
            all_there(&damaged, &contents());
            assert_eq!(run(open(damaged).repair(&open(sound)).unwrap()).unwrap().0.objects, 0);
        });
    }
}

#[test]
fn what_nobody_has_is_reported_when_mending() {
    let (other, damaged) = (SimDir::new(), lived_in());
    create(other.clone());
    damaged.remove("packs/1");
    let (progress, problems) = run(open(damaged.clone()).repair(&open(other)).unwrap()).unwrap();
    assert_eq!(progress.objects, 0);
    assert!(!problems.is_empty());
    assert!(problems.iter().all(|problem| problem.message.contains("does not have it")), "{problems:?}");
}

fn backup(source: &SimDir, target: &SimDir) -> u64 {
    let job = open(source.clone()).backup(target.clone(), BackupOptions::default()).unwrap();
    let (progress, problems) = run(job).unwrap();
    assert_eq!((problems, progress.done), (vec![], progress.total));
    progress.bytes
}

#[test]
fn a_backup_is_a_container_and_the_next_copies_what_is_new() {
    for tuning in [Tuning::default(), tiny()] {
        with_tuning(tuning, || {
            let (source, target) = (lived_in(), SimDir::new());
            let first = backup(&source, &target);
            all_there(&target, &contents());
            assert_eq!(open(target.clone()).id(), open(source.clone()).id());
            assert_eq!(backup(&source, &target), 0);
            let store = open(source.clone());
            store.add(&noise(100, 900)).unwrap();
            let mut writer = store.pack_writer(Compression::Never).unwrap();
            writer.add(&noise(200, 901)).unwrap();
            writer.finish().unwrap();
            let second = backup(&source, &target);
            assert!((300..1500).contains(&second), "{second} of {first}");
            let more = [&contents()[..], &[noise(100, 900), noise(200, 901)]].concat();
            all_there(&target, &more);
            // Packed, cleaned, deleted and repacked in the source: so is the backup.
            pack(&store, Compression::Auto).unwrap();
            clean(&store).unwrap();
            run(store.delete(ids(0..10)).unwrap()).unwrap();
            run(store.repack(RepackOptions { min_dead: Some(1), ..RepackOptions::default() }).unwrap()).unwrap();
            backup(&source, &target);
            all_there(&target, &more[10..]);
            let copy = open(target.clone());
            assert_eq!(copy.contains(&ids(0..10)).unwrap(), [false; 10]);
            assert_eq!(copy.stats().unwrap(), open(source.clone()).stats().unwrap());
            assert_eq!(copy.packs().unwrap(), open(source.clone()).packs().unwrap());
        });
    }
}

#[test]
fn a_backup_is_written_to_by_backups_alone_and_restored_is_a_container() {
    let (source, target) = (lived_in(), SimDir::new());
    backup(&source, &target);
    for refused in [
        open(target.clone()).add(b"more").map(drop),
        open(target.clone()).pack_loose(Compression::Never).map(drop),
        open(target.clone()).delete(vec![]).map(drop),
    ] {
        let Err(Error::Other(problem)) = refused else { panic!("{refused:?}") };
        assert!(problem.contains("backup"), "{problem}");
    }
    let restored = SimDir::new();
    let restore = BackupOptions { restore: true, ..BackupOptions::default() };
    run(open(target).backup(restored.clone(), restore).unwrap()).unwrap();
    all_there(&restored, &contents());
    open(restored.clone()).add(b"more").unwrap();
    // A backup does not replace what is worked with.
    let refused = open(source.clone()).backup(restored.clone(), BackupOptions::default()).map(drop);
    assert!(matches!(refused, Err(Error::AlreadyExists(_))), "{refused:?}");
    let refused = open(source.clone()).backup(source, BackupOptions::default()).map(drop);
    assert!(matches!(refused, Err(Error::AlreadyExists(_))), "{refused:?}");
    assert_eq!(open(restored).get(&id(b"more")).as_deref(), Ok(b"more".as_slice()));
}

#[test]
fn only_a_place_of_its_own_becomes_a_backup() {
    let (source, other) = (lived_in(), lived_in_since(5000));
    let target = SimDir::new();
    backup(&other, &target);
    let refused = open(source.clone()).backup(target, BackupOptions::default()).map(drop);
    assert!(
        matches!(&refused, Err(Error::AlreadyExists(problem)) if problem.contains("another container")),
        "{refused:?}"
    );
    let foreign = SimDir::new();
    foreign.put("letter.txt", b"dear");
    let refused = open(source.clone()).backup(foreign.clone(), BackupOptions::default()).map(drop);
    assert!(matches!(refused, Err(Error::AlreadyExists(_))), "{refused:?}");
    assert_eq!(foreign.files(), ["letter.txt"]);
    let target = SimDir::new();
    let first = open(source.clone()).backup(target.clone(), BackupOptions::default()).unwrap();
    let second = open(source).backup(target, BackupOptions::default()).map(drop);
    assert!(matches!(second, Err(Error::Locked(_))), "{second:?}");
    drop(first);
}

/// A backup took what it had for the beginning of what the container has, and was damaged by that.
#[test]
fn a_backup_of_another_course_is_refused() {
    for tuning in [Tuning::default(), tiny(), folding(2)] {
        with_tuning(tuning, || {
            let pack_some = |dir: &SimDir, seeds: std::ops::Range<u64>| {
                let mut writer = open(dir.clone()).pack_writer(Compression::Never).unwrap();
                seeds.for_each(|seed| assert!(writer.add(&noise(100, seed)).is_ok()));
                writer.finish().unwrap();
            };
            let (source, target, older) = (lived_in(), SimDir::new(), SimDir::new());
            backup(&source, &target);
            let restore = BackupOptions { restore: true, ..BackupOptions::default() };
            run(open(target.clone()).backup(older.clone(), restore).unwrap()).unwrap();
            pack_some(&source, 500..520);
            backup(&source, &target);
            // As long as the other, longer, and shorter.
            for seeds in [600..620, 600..700, 600..601] {
                let older = older.fork();
                pack_some(&older, seeds);
                let refused = open(older).backup(target.clone(), BackupOptions::default()).and_then(run);
                let Err(Error::AlreadyExists(problem)) = refused else { panic!("{refused:?}") };
                assert!(problem.contains("new directory"), "{problem}");
                assert_eq!(problem.contains("damaged"), problem.starts_with("packs/"), "{problem}");
                let all: Vec<Vec<u8>> = contents().into_iter().chain((500..520).map(|seed| noise(100, seed))).collect();
                all_there(&target, &all);
            }
            // The latest version that was restored goes on.
            let latest = SimDir::new();
            run(open(target.clone()).backup(latest.clone(), restore).unwrap()).unwrap();
            pack_some(&latest, 700..720);
            assert!(backup(&latest, &target) < 20_000);
        });
    }
}

/// The backup was said to have what this container never had.
#[test]
fn a_backup_whose_pack_is_damaged_is_told_as_that() {
    let (source, target) = (lived_in(), SimDir::new());
    backup(&source, &target);
    let pack = source.files().into_iter().rfind(|path| path.starts_with("packs/")).unwrap();
    let mut bytes = target.bytes(&pack);
    *bytes.last_mut().unwrap() ^= 1;
    target.put(&pack, &bytes);
    let refused = open(source).backup(target, BackupOptions::default()).and_then(run);
    let Err(Error::AlreadyExists(problem)) = refused else { panic!("{refused:?}") };
    assert!(problem.starts_with(&pack) && problem.contains("damaged") && problem.contains("verify"), "{problem}");
}

/// A loose object was not copied because the backup had it packed, and then the deletion was copied.
#[test]
fn a_backup_has_what_was_deleted_and_added_again() {
    for tuning in [Tuning::default(), tiny()] {
        with_tuning(tuning, || {
            let (source, target) = (lived_in(), SimDir::new());
            backup(&source, &target);
            let store = open(source.clone());
            run(store.delete(ids(0..5)).unwrap()).unwrap();
            (0..5).for_each(|number| assert!(store.add(&content(number)).is_ok()));
            // Packed and damaged, and added again beside that.
            let Placement::Packed(location) = store.info(&id(&content(20))).unwrap().placement else {
                panic!("it is packed");
            };
            let path = format!("packs/{}", location.pack);
            let mut bytes = source.bytes(&path);
            bytes[location.offset as usize + 8] ^= 0x10;
            source.put(&path, &bytes);
            target.put(&path, &bytes);
            open(source.clone()).add(&content(20)).unwrap();
            run(open(source.clone()).backup(target.clone(), BackupOptions::default()).unwrap()).unwrap();
            let copy = open(target);
            for content in contents() {
                assert!(copy.get(&id(&content)).as_ref() == Ok(&content), "{}", id(&content));
            }
        });
    }
}

#[test]
fn damage_is_reported_and_the_rest_is_copied() {
    let (source, target) = (lived_in(), SimDir::new());
    let hex = id(&content(34)).to_string();
    source.put(&format!("loose/{}/{}", &hex[..2], &hex[2..]), b"damaged");
    source.remove("packs/1");
    let job = open(source.clone()).backup(target.clone(), BackupOptions::default()).unwrap();
    let (_, problems) = run(job).unwrap();
    let files: Vec<&str> = problems.iter().map(|problem| problem.file.as_str()).collect();
    assert!(files.iter().any(|file| file.starts_with("loose/")) && files.contains(&"packs/1"), "{problems:?}");
    let (there, copied) = (open(source), open(target));
    for content in contents() {
        assert_eq!(there.get(&id(&content)).is_ok(), copied.get(&id(&content)).is_ok());
    }
}

/// A backup runs with this at work in the source before one of its operations, and then before the next, and so on.
fn meanwhile(other: fn(&SimDir)) {
    let before: Vec<Vec<u8>> = (0..40).map(content).collect();
    let start = || {
        let dir = SimDir::new();
        let config = Config { pack_target: 2000, ..Config::default() };
        let store = Container::create(dir.clone(), config, options()).unwrap();
        for (number, content) in before.iter().enumerate() {
            store.add(content).unwrap();
            if number == 25 {
                pack(&store, Compression::Never).unwrap();
                clean(&store).unwrap();
            }
        }
        dir
    };
    let run = |interrupted_at: Option<u64>| {
        let (source, target) = (start(), SimDir::new());
        let counter = Rc::new(Cell::new(0));
        let (count, dir) = (counter.clone(), source.clone());
        let watched = Watch::with(source.clone(), move |_, _, _| {
            let now = count.get();
            count.set(now + 1);
            if interrupted_at == Some(now) {
                other(&dir);
            }
            Verdict::Pass
        });
        let store = Container::open(watched, options()).unwrap();
        let first = counter.get();
        let problems = run(store.backup(Watch::new(target.clone()), BackupOptions::default()).unwrap()).unwrap().1;
        assert_eq!(problems, [], "at operation {interrupted_at:?}");
        (target, first, counter.get())
    };
    let (_, first, count) = run(None);
    for moment in first..count {
        all_there(&run(Some(moment)).0, &before);
    }
}

#[test]
fn a_backup_has_what_was_there_before_while_others_pack_and_clean() {
    meanwhile(|dir| {
        let store = Container::open(dir.clone(), Options { tuning: folding(1), ..options() }).unwrap();
        store.add(&noise(70, 800)).unwrap();
        pack(&store, Compression::Auto).unwrap();
        clean(&store).unwrap();
    });
}

#[test]
fn a_backup_has_what_was_there_before_while_others_repack() {
    meanwhile(|dir| {
        let store = Container::open(dir.clone(), Options { tuning: folding(1), ..options() }).unwrap();
        let all = RepackOptions { compression: Some(Compression::Always), ..RepackOptions::default() };
        run(store.repack(all).unwrap()).unwrap();
    });
}

#[test]
fn backups_and_imports_survive_every_crash() {
    with_tuning(tiny(), || {
        let source = SimDir::new();
        let store =
            Container::create(source.clone(), Config { pack_target: 700, ..Config::default() }, options()).unwrap();
        let before: Vec<Vec<u8>> = (0..14).map(|seed| noise(90, seed)).collect();
        let after: Vec<Vec<u8>> = (14..18).map(|seed| noise(90, seed)).collect();
        before[..9].iter().for_each(|content| assert!(store.add(content).is_ok()));
        pack(&store, Compression::Never).unwrap();
        clean(&store).unwrap();
        before[9..].iter().for_each(|content| assert!(store.add(content).is_ok()));
        let earlier = source.fork();
        after[..2].iter().for_each(|content| assert!(store.add(content).is_ok()));
        pack(&store, Compression::Always).unwrap();
        clean(&store).unwrap();
        after[2..].iter().for_each(|content| assert!(store.add(content).is_ok()));
        run(store.delete(vec![id(&before[0])]).unwrap()).unwrap();

        let first = SimDir::new();
        sweep(
            &first,
            "a first backup",
            |dir| backup_to(&earlier, dir),
            |dir, done| {
                let opened = Container::open(dir.clone(), options());
                match opened {
                    Ok(_) => all_there(dir, &before),
                    Err(error) => assert!(!done, "{error}"),
                }
                // Whatever was left, the next one completes it.
                dir.heal();
                backup_to(&source, dir).unwrap();
                all_there(dir, &[&before[1..], &after[..]].concat());
            },
        );
        backup_to(&earlier, &first).unwrap();
        let first = first.power_cut(crate::sim::Survival::Everything, 0);
        sweep(
            &first,
            "a later backup",
            |dir| backup_to(&source, dir),
            |dir, done| {
                all_there(dir, &before[1..]);
                if done {
                    all_there(dir, &after);
                }
                dir.heal();
                backup_to(&source, dir).unwrap();
                all_there(dir, &[&before[1..], &after[..]].concat());
            },
        );
        let target = SimDir::new();
        Container::create(target.clone(), Config { pack_target: 500, ..Config::default() }, options())
            .unwrap()
            .add(&before[3])
            .unwrap();
        let target = target.power_cut(crate::sim::Survival::Everything, 0);
        let import =
            |dir: &SimDir| run(Container::open(dir.clone(), options())?.import(&open(source.clone()), None)?).map(drop);
        sweep(&target, "an import", import, |dir, done| {
            all_there(dir, &before[3..4]);
            if done {
                all_there(dir, &before[1..]);
            }
            import(dir).unwrap();
            all_there(dir, &[&before[1..], &after[..]].concat());
        });
    });
}

fn backup_to(source: &SimDir, target: &SimDir) -> Result<(), Error> {
    let (_, problems) = run(open(source.clone()).backup(target.clone(), BackupOptions::default())?)?;
    assert_eq!(problems, []);
    Ok(())
}

/// Cuts work off at each of its operations, and checks every image that a power cut may leave. `check` gets the image and
/// whether the work was acknowledged.
fn sweep(start: &SimDir, what: &str, work: impl Fn(&SimDir) -> Result<(), Error>, check: impl Fn(&SimDir, bool)) {
    use crate::sim::Survival;
    let whole = start.fork();
    whole.heal();
    work(&whole).unwrap();
    let count = whole.operations();
    for point in 0..=count {
        let dir = start.fork();
        dir.crash_at(point);
        let done = work(&dir).is_ok();
        for (survival, seed) in
            [(Survival::Nothing, 0), (Survival::Everything, 0), (Survival::Torn, 1), (Survival::Prefix, 2)]
        {
            println!("{what}, crash point {point} of {count}, {:?}, {survival:?}", dir.hit());
            check(&dir.power_cut(survival, seed ^ point << 8), done);
        }
        check(&dir.kill(), done);
    }
}
