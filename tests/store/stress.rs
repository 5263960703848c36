//! Random containers in random sizes, damaged at random or not at all: whatever is sound reads in every way, `verify` tells
//! of what is damaged and of nothing else, `reindex` loses nothing that could be read, and work goes on.

mod checks;
mod damage;
mod world;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use loosepack::{Clean, Compression, Damage, Error, ObjectId, PackLoose, Part, Reindex};

use self::checks::reads;
use self::damage::Hurt;
use self::world::World;
use crate::support::{Rng, run, setting, verify};

/// What the rounds came to.
#[derive(Default)]
struct Count {
    objects: usize,
    damaged: usize,
    reads: usize,
}

/// The ids that findings speak of, in their texts or as names of loose files.
fn ids(problems: &[Damage]) -> BTreeSet<ObjectId> {
    let texts =
        problems.iter().map(|found| format!("{} {}", found.file.replace("loose/", "").replace('/', ""), found.problem));
    let words = texts
        .flat_map(|text| text.split(|char: char| !char.is_ascii_hexdigit()).map(str::to_owned).collect::<Vec<_>>());
    words.filter_map(|word| word.parse().ok()).collect()
}

/// A container as it is checks out.
fn is_sound(world: &World, rng: &mut Rng, count: &mut Count) {
    let store = world.open();
    count.reads += reads(world, &store, &BTreeSet::new(), rng);
    let (whole, problems, _) = verify(&store, Part::default());
    assert_eq!(problems, [], "nothing is damaged");
    let stats = store.stats().unwrap();
    assert_eq!(whole.objects, stats.packed_objects + stats.loose_objects, "everything is counted once");
    let shards = 1 + rng.below(4) as u32;
    let parts = (0..shards).map(|shard| verify(&store, Part { from: 0, shards, shard }));
    let objects =
        parts.map(|(part, problems, _)| (part.objects, problems)).inspect(|(_, problems)| assert_eq!(*problems, []));
    assert_eq!(objects.map(|(objects, _)| objects).sum::<u64>(), whole.objects, "the parts make up the whole");
}

/// `verify` tells of each damaged record and each damaged loose file, and of nothing else.
fn damage_is_told(world: &World, hurt: &Hurt, rng: &mut Rng) {
    let store = world.open();
    let (whole, problems, _) = verify(&store, Part::default());
    let told = ids(&problems);
    let expected: BTreeSet<ObjectId> = hurt.records.union(&hurt.loose).copied().collect();
    let [false_alarm, missed] = [&told - &expected, &expected - &told];
    assert!(told == expected, "false: {false_alarm:?}, missed: {missed:?} of {problems:#?}");
    assert_eq!(problems.len(), hurt.records.len() + hurt.loose.len(), "each is told of once: {problems:#?}");
    let stats = store.stats().unwrap();
    assert_eq!(whole.objects + problems.len() as u64, stats.packed_objects + stats.loose_objects);
    let shards = 2 + rng.below(3) as u32;
    let parts = (0..shards).flat_map(|shard| verify(&store, Part { from: 0, shards, shard }).1);
    assert!(ids(&parts.collect::<Vec<_>>()) == told, "the parts tell of the same");
}

/// The index is rebuilt, with what is left of the old one or without.
fn reindexed(world: &mut World, hurt: &Hurt, rng: &mut Rng, count: &mut Count) {
    let before = world.readable();
    let gone = rng.below(2) == 0;
    if gone {
        world.dir.files().iter().filter(|path| path.starts_with("index/")).for_each(|path| world.dir.remove(path));
    }
    let (progress, problems) = run(Reindex::new(&world.open_damaged()).unwrap()).unwrap();
    let store = world.open();
    assert_eq!(progress.objects, store.stats().unwrap().packed_objects);
    // Records that were never committed may come back.
    world.take_in_orphans(&store);
    for id in &before {
        let lost = gone && hurt.records.contains(id);
        assert!(lost || store.get(id).is_ok(), "{id} was readable, index gone: {gone}: {:?}", store.get(id));
    }
    if !gone {
        for id in &hurt.unreadable {
            assert!(!matches!(store.get(id), Err(Error::NotFound(_))), "the loss of {id} passes for its absence");
        }
    } else if hurt.records.iter().any(|id| matches!(store.get(id), Err(Error::NotFound(_)))) {
        assert_ne!(problems, [], "something was left out, and nobody is told");
    }
    let may_fail = hurt.records.union(&hurt.loose).copied().collect();
    count.reads += reads(world, &store, &may_fail, rng);
    let told = ids(&verify(&store, Part::default()).1);
    assert!(told.is_subset(&may_fail), "after reindex: {told:?}");
}

/// What was damaged is added again, packed and cleaned.
fn healed(world: &World, hurt: &Hurt, rng: &mut Rng, count: &mut Count) {
    let store = world.open();
    let lost: Vec<&Vec<u8>> = hurt.records.union(&hurt.loose).map(|id| &world.contents[id]).collect();
    store.add_many(&lost).unwrap();
    count.reads += reads(world, &store, &BTreeSet::new(), rng);
    assert_eq!(run(PackLoose::new(&store, Compression::Auto).unwrap()).unwrap().1, [], "all that is loose is sound");
    let kept = ids(&run(Clean::new(&store).unwrap()).unwrap().1);
    assert!(kept.is_subset(&hurt.records), "{kept:?}");
    count.reads += reads(world, &world.open(), &BTreeSet::new(), rng);
    run(Reindex::new(&store).unwrap()).unwrap();
    count.reads += reads(world, &world.open(), &BTreeSet::new(), rng);
    // A handle from before.
    count.reads += reads(world, &store, &BTreeSet::new(), rng);
}

fn round(seed: u64, count: &mut Count) {
    let rng = &mut Rng::new(seed);
    let mut world = World::build(rng);
    is_sound(&world, rng, count);
    count.objects += world.contents.len();
    let hurt = Hurt::draw(&world, rng);
    count.damaged += hurt.records.len() + hurt.loose.len();
    count.reads += reads(&world, &world.open(), &hurt.unreadable, rng);
    damage_is_told(&world, &hurt, rng);
    if rng.below(3) == 0 {
        let told = ids(&run(Clean::new(&world.open()).unwrap()).unwrap().1);
        let cut = |id: &ObjectId| hurt.records.contains(id);
        assert!(told.iter().all(cut), "cleaning tells of {told:?}");
        count.reads += reads(&world, &world.open(), &hurt.unreadable, rng);
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
            println!("seed {seed}: LOOSEPACK_SEED={seed} LOOSEPACK_STRESS=1 does it again");
            resume_unwind(panic);
        }
    }
    assert!(count.damaged > 0 && count.reads > count.objects, "there is something to read");
    let Count { objects, damaged, reads } = count;
    println!("{seeds} containers, {objects} objects, {damaged} damaged, {reads} reads");
}
