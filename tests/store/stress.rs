//! Random containers in random sizes, damaged at random or not at all: whatever is sound reads in every way, `verify`
//! tells of what is damaged and of nothing else, `reindex` loses nothing that could be read, and work goes on.

mod checks;
mod damage;
mod world;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use loosepack::{Compression, Error, Finding, ObjectId, Part};

use self::checks::reads;
use self::damage::Hurt;
use self::world::World;
use crate::support::{Rng, run, setting, verify};

/// Counts over all rounds.
#[derive(Default)]
struct Count {
    objects: usize,
    damaged: usize,
    reads: usize,
    /// The stage of the current round.
    stage: String,
}

/// The ids that findings speak of, in their texts or as names of loose files.
fn ids(problems: &[Finding]) -> BTreeSet<ObjectId> {
    let texts =
        problems.iter().map(|found| format!("{} {}", found.file.replace("loose/", "").replace('/', ""), found.message));
    let words = texts
        .flat_map(|text| text.split(|char: char| !char.is_ascii_hexdigit()).map(str::to_owned).collect::<Vec<_>>());
    words.filter_map(|word| word.parse().ok()).collect()
}

/// A new handle reads everything in every way, and so does one that was opened before.
fn all_read(world: &World, stage: &str, may_fail: &BTreeSet<ObjectId>, rng: &mut Rng, count: &mut Count) {
    // Rebuilt files are distinguished by their time.
    world.dir.advance(1);
    count.stage = format!("{stage}, a new handle");
    count.reads += reads(world, &world.open(), may_fail, rng);
    count.stage = format!("{stage}, an old handle");
    count.reads += reads(world, world.old_handle(rng), may_fail, rng);
    count.stage = stage.into();
}

/// A container as it is checks out.
fn is_sound(world: &World, rng: &mut Rng, count: &mut Count) {
    all_read(world, "undamaged", &BTreeSet::new(), rng, count);
    let store = world.open();
    let (whole, problems, _) = verify(&store, Part::default());
    assert_eq!(problems, [], "nothing is damaged");
    let stats = store.stats().unwrap();
    assert_eq!(whole.objects, stats.packed_objects + stats.loose_objects, "everything is counted once");
    let shards = 1 + rng.below(4) as u32;
    let parts = (0..shards).map(|shard| verify(&store, Part { completed: 0, shard, shards }));
    let objects =
        parts.map(|(part, problems, _)| (part.objects, problems)).inspect(|(_, problems)| assert_eq!(*problems, []));
    assert_eq!(objects.map(|(objects, _)| objects).sum::<u64>(), whole.objects, "the parts make up the whole");
}

/// `verify` reports each damaged record and each damaged loose file, and nothing else.
fn damage_is_told(world: &World, hurt: &Hurt, rng: &mut Rng) {
    let store = world.open();
    let (whole, problems, _) = verify(&store, Part::default());
    let told = ids(&problems);
    let expected = hurt.all();
    let [false_alarm, missed] = [&told - &expected, &expected - &told];
    assert!(told == expected, "false: {false_alarm:?}, missed: {missed:?} of {problems:#?}");
    assert_eq!(problems.len(), hurt.records.len() + hurt.loose.len(), "each is told of once: {problems:#?}");
    let stats = store.stats().unwrap();
    assert_eq!(whole.objects + problems.len() as u64, stats.packed_objects + stats.loose_objects);
    let shards = 2 + rng.below(3) as u32;
    let parts = (0..shards).flat_map(|shard| verify(&store, Part { completed: 0, shard, shards }).1);
    assert!(ids(&parts.collect::<Vec<_>>()) == told, "the parts tell of the same");
}

/// The index is rebuilt, with what is left of the old one or without.
fn reindexed(world: &mut World, hurt: &Hurt, rng: &mut Rng, count: &mut Count) {
    let before = world.readable();
    let gone = rng.below(2) == 0;
    // Without an index, only its record shows that an object is packed.
    let given_up = hurt.records.iter().filter(|id| gone && !world.has_loose(id));
    let may_fail: BTreeSet<ObjectId> = hurt.unreadable.iter().chain(given_up).copied().collect();
    if gone {
        world.dir.files().iter().filter(|path| path.starts_with("index/")).for_each(|path| world.dir.remove(path));
    }
    let (progress, problems) = run(world.open_damaged().reindex().unwrap()).unwrap();
    let store = world.open();
    assert_eq!(progress.objects, store.stats().unwrap().packed_objects);
    // Records that were never committed may come back.
    world.take_in_orphans(&store);
    for id in &before {
        let lost = may_fail.contains(id);
        assert!(lost || store.get(id).is_ok(), "{id} was readable, index gone: {gone}: {:?}", store.get(id));
    }
    if !gone {
        for id in &hurt.unreadable {
            assert!(!matches!(store.get(id), Err(Error::NotFound(_))), "the loss of {id} passes for its absence");
        }
    } else if (&hurt.records - &hurt.vanished).iter().any(|id| matches!(store.get(id), Err(Error::NotFound(_)))) {
        assert_ne!(problems, [], "something was left out, and nobody is told");
    }
    all_read(world, if gone { "reindexed without an index" } else { "reindexed" }, &may_fail, rng, count);
    let told = ids(&verify(&store, Part::default()).1);
    assert!(told.is_subset(&hurt.all()), "after reindex: {told:?}");
}

/// Damaged objects are added again, packed and cleaned. Added straight to packs, they are packed again; added loose,
/// they stay loose if the index has them already.
fn healed(world: &World, hurt: &Hurt, rng: &mut Rng, count: &mut Count) {
    let store = world.open();
    let lost: Vec<&Vec<u8>> = hurt.all().iter().map(|id| &world.contents[id]).collect();
    let straight = rng.below(2) == 0;
    if straight {
        let mut writer = store.pack_writer(Compression::Auto).unwrap();
        writer.add_many(&lost).unwrap();
        writer.finish().unwrap();
    } else {
        store.add_many(&lost).unwrap();
    }
    all_read(world, "added again", &BTreeSet::new(), rng, count);
    let damaged = ids(&run(store.pack_loose(Compression::Auto).unwrap()).unwrap().1);
    assert!(damaged.is_empty(), "all that is to be packed is sound: {damaged:?}");
    let kept = ids(&run(store.clean().unwrap()).unwrap().1);
    assert!(kept.is_subset(&hurt.records), "{kept:?}");
    all_read(world, "packed and cleaned", &BTreeSet::new(), rng, count);
    only_old_damage_is_left(world, hurt, straight);
    run(store.reindex().unwrap()).unwrap();
    all_read(world, "reindexed again", &BTreeSet::new(), rng, count);
    only_old_damage_is_left(world, hurt, straight);
}

/// `verify` reports only the old damage, and no object that was packed again because it could not be read.
fn only_old_damage_is_left(world: &World, hurt: &Hurt, packed_anew: bool) {
    let left = ids(&verify(&world.open(), Part::default()).1);
    let [false_alarm, unhealed] = [&left - &hurt.all(), &left & &hurt.unreadable];
    assert!(false_alarm.is_empty(), "after healing: {false_alarm:?}");
    assert!(!packed_anew || unhealed.is_empty(), "packed anew and still damaged: {unhealed:?}");
}

fn round(seed: u64, count: &mut Count) {
    let rng = &mut Rng::new(seed);
    let mut world = World::build(rng);
    is_sound(&world, rng, count);
    count.objects += world.contents.len();
    let hurt = Hurt::draw(&world, rng);
    count.damaged += hurt.records.len() + hurt.loose.len();
    all_read(&world, "damaged", &hurt.unreadable, rng, count);
    damage_is_told(&world, &hurt, rng);
    if rng.below(3) == 0 {
        let told = ids(&run(world.open().clean().unwrap()).unwrap().1);
        let cut = |id: &ObjectId| hurt.records.contains(id);
        assert!(told.iter().all(cut), "cleaning tells of {told:?}");
        all_read(&world, "cleaned after damage", &hurt.unreadable, rng, count);
    }
    reindexed(&mut world, &hurt, rng, count);
    healed(&world, &hurt, rng, count);
}

#[test]
fn random_containers_with_random_damage() {
    let (first, seeds) = (setting("LOOSEPACK_SEED", 1), setting("LOOSEPACK_STRESS", 60));
    let mut count = Count::default();
    for seed in first..first + seeds {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| round(seed, &mut count))) {
            println!("seed {seed}: {}: LOOSEPACK_SEED={seed} LOOSEPACK_STRESS=1 does it again", count.stage);
            resume_unwind(panic);
        }
    }
    assert!(count.damaged > 0 || seeds < 20, "something is damaged");
    assert!(count.reads > count.objects, "there is something to read");
    let Count { objects, damaged, reads, .. } = count;
    println!("{seeds} containers, {objects} objects, {damaged} damaged, {reads} reads");
}
