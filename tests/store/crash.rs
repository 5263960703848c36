//! The sweep: a power cut at every operation, and what must be true afterwards.
//!
//! A workload runs once to count its operations. Then, for each of them, it runs again and is cut off there; what
//! survives is decided by several policies and seeds; and the container is opened, read, and worked with.

use loosepack::{Error, Tuning};

use crate::promises::{Known, check, explain, recover};
use crate::sim::{SimDir, Survival};
use crate::support::{Rng, tiny, with_tuning};
use crate::watch::Watch;
use crate::workloads::{
    self as work, Start, Workload, add_batches, add_batches_one_by_one, add_some, clean_only, collect_some, create,
    delete_loose, delete_packed, delete_some, empty, first_packer_killed, fold, fold_all, half_dead,
    killed_at_its_fold, killed_deleting, killed_making_directories, killed_packing_into_a_run, linked,
    linked_after_a_kill, lived_in, lived_in_yesterday, nothing, pack_and_clean, pack_with_cleaning, packer_killed,
    packer_killed_at_its_commit, reindex, reindex_in_little_memory, repack_some, several_runs, unindexed,
    unlock_and_pack, without_shards, workload, write_large, write_one_batch, write_packs, write_some,
};

/// Policies and seeds; fewer where a check is expensive.
fn survivals(seeds: u64) -> Vec<(Survival, u64)> {
    let mut all = vec![(Survival::Nothing, 0), (Survival::Everything, 0)];
    for seed in 0..seeds {
        all.extend([(Survival::Torn, seed), (Survival::Prefix, seed)]);
    }
    all
}

pub(crate) struct Swept {
    pub(crate) points: u64,
    pub(crate) images: u64,
}

/// Cuts the workload off everywhere; the first broken promise is the error. `wrap` stands between store and disk.
pub(crate) fn sweep(workload: &Workload, seeds: u64, wrap: &dyn Fn(SimDir) -> Watch<SimDir>) -> Result<Swept, String> {
    let whole = workload.start.fork();
    whole.heal();
    explain((workload.run)(&wrap(whole.clone()), &mut workload.known.clone()), "the workload by itself")?;
    let count = whole.operations();
    let mut swept = Swept { points: 0, images: 0 };
    // One more than there are operations: the power cut right after the last acknowledgement.
    for point in workload.from..=workload.until.unwrap_or(count) {
        let dir = workload.start.fork();
        dir.crash_at(point);
        let mut known = workload.known.clone();
        let result = (workload.run)(&wrap(dir.clone()), &mut known);
        // A crash in the last operation may go unnoticed: removing the lock file is not reported.
        let tidied = workload.tries && dir.hit().is_some_and(|(operation, path)| is_tidied(operation, &path));
        if result.is_ok() && point + 1 < count && !tidied {
            return Err(format!("a crash at operation {point} of {count} was not noticed"));
        }
        if workload.changes_only && dir.hit().is_some_and(|(operation, _)| !changes(operation)) {
            continue;
        }
        let at = || format!("crash point {point} of {count}, at {:?}", dir.hit());
        for (survival, seed) in survivals(seeds) {
            let image = dir.power_cut(survival, seed ^ point << 8);
            // The second crash is sampled: where the first one was rotates through the operations of the recovery.
            let again = seed == 0 && (point + survival as u64).is_multiple_of(4);
            let checked = if again { recover_twice(&image, &known, point) } else { Ok(()) };
            let checked = checked.and_then(|()| check(&image, &known));
            checked.map_err(|problem| format!("{}, {survival:?} seed {seed}: {problem}", at()))?;
            swept.images += 1;
        }
        check(&dir.kill(), &known).map_err(|problem| format!("{}, killed: {problem}", at()))?;
        swept.points += 1;
    }
    Ok(swept)
}

/// Returns whether an operation may be one of a writer that is given up, and cuts off what it has appended, as far as
/// it can.
fn is_tidied(operation: &str, path: &str) -> bool {
    path.starts_with("packs/") && ["open_write", "set_len"].contains(&operation)
}

/// Returns whether an operation changes what is on the disk, or what survives.
fn changes(operation: &str) -> bool {
    !["open_read", "open_write", "list", "metadata", "file metadata", "read_at"].contains(&operation)
}

/// Crashes again, somewhere within the recovery.
fn recover_twice(image: &SimDir, known: &Known, point: u64) -> Result<(), String> {
    let whole = image.fork();
    whole.heal();
    if let Err(error) = recover(&Watch::new(whole.clone()), &mut known.clone()) {
        let harmless = !known.created && error == Error::NoContainer;
        return if harmless { Ok(()) } else { Err(format!("recovery: {error}")) };
    }
    let mut rng = Rng::new(point);
    let dir = image.fork();
    dir.crash_at(rng.below(whole.operations()));
    let mut known = known.clone();
    let _ = recover(&Watch::new(dir.clone()), &mut known);
    for survival in [Survival::Nothing, Survival::Torn] {
        check(&dir.power_cut(survival, point), &known)
            .map_err(|problem| format!("second crash at {:?}, {survival:?}: {problem}", dir.hit()))?;
    }
    Ok(())
}

/// The workload survives every crash, in usual sizes and in tiny ones.
fn survives(workload: &Workload, seeds: u64) {
    for tuning in [Tuning::default(), tiny()] {
        match with_tuning(tuning, || sweep(workload, seeds, &Watch::new)) {
            Ok(swept) => {
                assert_ne!(swept.points, 0, "the sweep has something to sweep");
                println!("{} crash points, {} images", swept.points, swept.images);
            }
            Err(problem) => panic!("{problem}, in sizes of {tuning:?}"),
        }
    }
}

#[test]
fn creating_a_container_survives_every_crash() {
    survives(&workload(nothing, create), 2);
}

#[test]
fn adding_survives_every_crash() {
    survives(&workload(lived_in, add_some), 3);
}

#[test]
fn adding_batches_survives_every_crash() {
    survives(&workload(lived_in, add_batches), 3);
}

#[test]
fn adding_batches_file_by_file_survives_every_crash() {
    survives(&workload(lived_in, add_batches_one_by_one), 2);
}

#[test]
fn adding_batches_where_empty_directories_were_lost_survives_every_crash() {
    survives(&workload(without_shards, add_batches), 1);
}

#[test]
fn adding_where_empty_directories_were_lost_survives_every_crash() {
    survives(&workload(without_shards, add_some), 2);
}

#[test]
fn adding_after_someone_was_killed_making_directories_survives_every_crash() {
    survives(&workload(killed_making_directories, add_some), 2);
    survives(&workload(killed_making_directories, add_batches_one_by_one), 1);
}

#[test]
fn writing_to_packs_after_someone_was_killed_making_directories_survives_every_crash() {
    survives(&workload(killed_making_directories, write_one_batch), 2);
}

#[test]
fn incremental_writing_survives_every_crash() {
    survives(&workload(lived_in, write_some), 3);
}

#[test]
fn writing_to_packs_survives_every_crash() {
    survives(&workload(lived_in, write_packs), 4);
}

#[test]
fn writing_to_the_first_packs_survives_every_crash() {
    survives(&workload(empty, write_one_batch), 4);
}

#[test]
fn continuing_after_a_killed_packer_survives_every_crash() {
    survives(&workload(first_packer_killed, write_one_batch), 4);
}

#[test]
fn writing_large_objects_to_packs_survives_every_crash() {
    survives(&workload(empty, write_large), 1);
}

#[test]
fn packing_and_cleaning_survive_every_crash() {
    survives(&workload(lived_in, pack_and_clean), 2);
}

#[test]
fn cleaning_after_a_packer_that_did_not_flush_survives_every_crash() {
    survives(&work::clean_the_unflushed(), 2);
}

#[test]
fn cleaning_after_a_packer_killed_at_its_commit_survives_every_crash() {
    survives(&workload(packer_killed_at_its_commit, clean_only), 2);
}

#[test]
fn deleting_survives_every_crash() {
    survives(&workload(lived_in, delete_some), 2);
}

#[test]
fn deleting_after_somebody_was_killed_deleting_survives_every_crash() {
    survives(&workload(killed_deleting, delete_loose), 2);
}

#[test]
fn collecting_garbage_survives_every_crash() {
    survives(&workload(lived_in_yesterday, collect_some), 1);
}

#[test]
fn packing_and_cleaning_at_once_survive_every_crash() {
    survives(&workload(lived_in, pack_with_cleaning), 1);
}

#[test]
fn repacking_survives_every_crash() {
    survives(&workload(half_dead, repack_some), 2);
}

#[test]
fn unlocking_after_a_killed_packer_survives_every_crash() {
    survives(&workload(packer_killed, unlock_and_pack), 2);
}

#[test]
fn folding_the_log_survives_every_crash() {
    survives(&workload(lived_in, fold), 3);
}

#[test]
fn folding_everything_survives_every_crash() {
    survives(&workload(several_runs, fold_all), 3);
    survives(&workload(killed_at_its_fold, fold_all), 1);
}

#[test]
fn cleaning_after_a_packer_killed_at_its_fold_survives_every_crash() {
    let mut workload = workload(killed_at_its_fold, clean_only);
    // The rest is cleaning one shard after the other.
    workload.until = Some(36);
    survives(&workload, 1);
}

#[test]
fn cleaning_after_a_packer_killed_at_its_run_survives_every_crash() {
    survives(&workload(killed_packing_into_a_run, clean_only), 1);
}

#[test]
fn reindexing_survives_every_crash() {
    survives(&workload(unindexed, reindex), 3);
}

#[test]
fn reindexing_a_sound_container_survives_every_crash() {
    survives(&workload(lived_in, reindex), 2);
}

#[test]
fn reindexing_after_a_fold_that_was_killed_survives_every_crash() {
    survives(&workload(killed_at_its_fold, reindex), 1);
}

#[test]
fn reindexing_in_more_than_memory_holds_survives_every_crash() {
    survives(&workload(unindexed, reindex_in_little_memory), 1);
}

#[test]
fn short_reads_and_writes_survive_every_crash() {
    for seed in 0..3 {
        let mut all = workload(lived_in, |dir, known| {
            add_some(dir, known)?;
            write_packs(dir, known)
        });
        all.start = all.start.short(seed);
        survives(&all, 1);
    }
}

/// Crash points of work beside a copy with hard links; the others are those of the same work alone.
fn beside_a_snapshot(start: Start, run: impl Fn(&Watch<SimDir>, &mut Known) -> Result<(), Error> + 'static) {
    survives(&Workload { changes_only: true, ..workload(start, run) }, 1);
}

#[test]
fn packing_beside_a_hard_linked_snapshot_survives_every_crash() {
    beside_a_snapshot(linked, write_packs);
    beside_a_snapshot(linked_after_a_kill, pack_and_clean);
}

#[test]
fn deleting_beside_a_hard_linked_snapshot_survives_every_crash() {
    beside_a_snapshot(linked_after_a_kill, delete_packed);
}

#[test]
fn reindexing_beside_a_hard_linked_snapshot_survives_every_crash() {
    beside_a_snapshot(linked_after_a_kill, reindex);
}
