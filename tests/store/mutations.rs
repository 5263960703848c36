//! Checks the checker: leave one sync out, and the sweep of `crash` must find a broken promise.

use std::cell::Cell;
use std::rc::Rc;

use crate::crash::sweep;
use crate::watch::{Call, Verdict, Watch};
use crate::workloads::{
    COMMIT, PUT, Syncs, Workload, add_batches, add_batches_one_by_one, add_some, clean_only, clean_the_unflushed,
    collect_some, create, delete_loose, delete_packed, empty, first_pack_unindexed, first_packer_killed, fold,
    fold_all, half_dead, is_log, is_pack, killed_deleting, killed_making_directories, killed_packing_into_a_run,
    lived_in, lived_in_yesterday, nothing, pack_with_cleaning, packer_killed_at_its_commit, reindex, repack_some,
    several_runs, unindexed, without_shards, workload, write_one_batch, write_packs,
};

/// A sweep in which one sync is left out finds a broken promise.
fn is_noticed(workload: &Workload, left_out: impl Fn(&Syncs, Call, &str) -> bool + Copy + 'static) {
    notice(workload, left_out)
        .expect_err("no promise broke at any crash point: the sync is not needed, or not checked");
}

/// The first promise that breaks when syncs are left out.
fn notice(workload: &Workload, left_out: impl Fn(&Syncs, Call, &str) -> bool + Copy + 'static) -> Result<(), String> {
    let used = Rc::new(Cell::new(0_u64));
    let counter = used.clone();
    let wrap = move |dir| {
        let syncs = Syncs::default();
        let counter = counter.clone();
        Watch::with(dir, move |call, path, bytes| {
            syncs.note(call, path, bytes);
            let skip = matches!(call, Call::Sync | Call::SyncDir | Call::SyncAll) && left_out(&syncs, call, path);
            counter.set(counter.get() + u64::from(skip));
            if skip { Verdict::Pretend } else { Verdict::Pass }
        })
    };
    let swept = sweep(workload, 12, &wrap);
    assert_ne!(used.get(), 0, "there is such a sync to leave out");
    swept.map(drop).inspect_err(|problem| println!("noticed: {problem}"))
}

#[test]
fn leaving_out_the_sync_of_a_loose_file_is_noticed() {
    is_noticed(&workload(lived_in, add_some), |_, call, path| call == Call::Sync && path.starts_with("incoming/"));
}

#[test]
fn leaving_out_the_sync_of_a_shard_is_noticed() {
    is_noticed(&workload(lived_in, add_some), |_, call, path| call == Call::SyncDir && path.starts_with("loose/"));
}

#[test]
fn leaving_out_the_sync_of_a_new_shard_is_noticed() {
    is_noticed(&workload(without_shards, add_some), |_, call, path| call == Call::SyncDir && path == "loose");
}

#[test]
fn leaving_out_the_sync_of_a_shard_that_was_made_by_someone_killed_is_noticed() {
    is_noticed(&workload(killed_making_directories, add_some), |_, call, path| {
        call == Call::SyncDir && path == "loose"
    });
    is_noticed(&workload(killed_making_directories, add_some), |_, call, path| call == Call::SyncDir && path == ".");
}

#[test]
fn leaving_out_the_sync_of_packs_that_were_made_by_someone_killed_is_noticed() {
    let write = workload(killed_making_directories, write_one_batch);
    is_noticed(&write, |_, call, path| call == Call::SyncDir && path == ".");
}

#[test]
fn leaving_out_the_sync_of_a_batch_of_loose_files_is_noticed() {
    is_noticed(&workload(lived_in, add_batches), |syncs, call, _| call == Call::SyncAll && syncs.all.get() == 1);
}

#[test]
fn leaving_out_the_sync_of_the_entries_of_a_batch_is_noticed() {
    is_noticed(&workload(lived_in, add_batches), |syncs, call, _| call == Call::SyncAll && syncs.all.get() == 2);
}

#[test]
fn leaving_out_the_sync_of_loose_files_of_a_batch_is_noticed() {
    is_noticed(&workload(lived_in, add_batches_one_by_one), |_, call, path| {
        call == Call::Sync && path.starts_with("incoming/")
    });
}

#[test]
fn leaving_out_the_sync_of_shards_of_a_batch_is_noticed() {
    is_noticed(&workload(lived_in, add_batches_one_by_one), |_, call, path| {
        call == Call::SyncDir && path.starts_with("loose/")
    });
}

#[test]
fn leaving_out_the_sync_of_a_pack_is_noticed() {
    is_noticed(&workload(lived_in, write_packs), |_, call, path| call == Call::Sync && is_pack(path));
}

#[test]
fn leaving_out_the_sync_of_a_full_pack_is_noticed() {
    is_noticed(&workload(empty, write_one_batch), |_, call, path| call == Call::Sync && path == "packs/0");
}

#[test]
fn leaving_out_the_sync_of_the_directory_of_packs_is_noticed() {
    is_noticed(&workload(empty, write_one_batch), |_, call, path| call == Call::SyncDir && path == "packs");
}

#[test]
fn leaving_out_the_sync_of_the_directory_of_packs_after_a_kill_is_noticed() {
    is_noticed(&workload(first_packer_killed, write_one_batch), |_, call, path| {
        call == Call::SyncDir && path == "packs"
    });
}

#[test]
fn leaving_out_the_sync_of_a_batch_is_noticed() {
    // Writes in many pieces: it takes that those of the batch are lost, and those of its commit line are not.
    let noticed = (0..20).any(|seed| {
        let mut workload = workload(lived_in, write_packs);
        workload.start = workload.start.short(seed);
        notice(&workload, |syncs, _, path| is_log(path) && syncs.after_line(PUT)).is_err()
    });
    assert!(noticed, "no promise broke at any crash point: the sync is not needed, or not checked");
}

#[test]
fn leaving_out_the_sync_of_a_commit_is_noticed() {
    is_noticed(&workload(lived_in, write_packs), |syncs, _, path| is_log(path) && syncs.after_line(COMMIT));
}

#[test]
fn leaving_out_the_sync_of_packs_before_cleaning_is_noticed() {
    is_noticed(&clean_the_unflushed(), |_, call, path| call == Call::Sync && is_pack(path));
}

#[test]
fn leaving_out_the_sync_of_the_directory_of_packs_before_cleaning_is_noticed() {
    is_noticed(&clean_the_unflushed(), |_, call, path| call == Call::SyncDir && path == "packs");
}

#[test]
fn leaving_out_the_sync_of_the_log_before_cleaning_is_noticed() {
    is_noticed(&workload(packer_killed_at_its_commit, clean_only), |_, call, path| call == Call::Sync && is_log(path));
}

#[test]
fn leaving_out_the_sync_of_a_new_manifest_is_noticed() {
    is_noticed(&workload(nothing, create), |syncs, call, path| {
        call == Call::Sync && path.starts_with("incoming/") && syncs.incoming.get() == 1
    });
}

#[test]
fn leaving_out_the_sync_of_a_new_container_file_is_noticed() {
    is_noticed(&workload(nothing, create), |syncs, call, path| {
        call == Call::Sync && path.starts_with("incoming/") && syncs.incoming.get() == 2
    });
}

#[test]
fn leaving_out_the_sync_of_a_new_index_directory_is_noticed() {
    is_noticed(&workload(nothing, create), |_, call, path| call == Call::SyncDir && path == "index");
}

#[test]
fn leaving_out_the_sync_of_new_shards_is_noticed() {
    is_noticed(&workload(nothing, create), |_, call, path| call == Call::SyncDir && path == "loose");
}

#[test]
fn leaving_out_the_first_sync_of_a_new_container_is_noticed() {
    is_noticed(&workload(nothing, create), |syncs, call, path| {
        call == Call::SyncDir && path == "." && syncs.root.get() == 1
    });
}

#[test]
fn leaving_out_the_last_sync_of_a_new_container_is_noticed() {
    is_noticed(&workload(nothing, create), |syncs, call, path| {
        call == Call::SyncDir && path == "." && syncs.root.get() == 2
    });
}

#[test]
fn leaving_out_the_sync_of_a_run_is_noticed() {
    is_noticed(&workload(lived_in, fold), |_, call, path| call == Call::Sync && path.starts_with("index/run"));
}

#[test]
fn leaving_out_the_sync_of_a_replaced_manifest_is_noticed() {
    is_noticed(&workload(lived_in, fold), |_, call, path| call == Call::Sync && path.starts_with("incoming/"));
}

#[test]
fn leaving_out_the_sync_of_new_index_files_is_noticed() {
    is_noticed(&workload(lived_in, fold), |syncs, call, path| {
        call == Call::SyncDir && path == "index" && !syncs.manifest.get()
    });
}

#[test]
fn leaving_out_the_sync_of_a_fold_is_noticed() {
    is_noticed(&workload(lived_in, fold), |syncs, call, path| {
        call == Call::SyncDir && path == "index" && syncs.manifest.get()
    });
}

#[test]
fn leaving_out_a_sync_of_a_fold_of_everything_is_noticed() {
    let fold = workload(several_runs, fold_all);
    is_noticed(&fold, |_, call, path| call == Call::Sync && path.starts_with("index/run"));
    is_noticed(&fold, |_, call, path| call == Call::Sync && path.starts_with("incoming/"));
    is_noticed(&fold, |syncs, call, path| call == Call::SyncDir && path == "index" && syncs.manifest.get());
}

#[test]
fn leaving_out_the_sync_of_the_index_after_a_kill_is_noticed() {
    is_noticed(&workload(killed_packing_into_a_run, clean_only), |_, call, path| {
        call == Call::SyncDir && path == "index"
    });
}

#[test]
fn leaving_out_the_sync_of_packs_before_reindexing_is_noticed() {
    is_noticed(&workload(unindexed, reindex), |_, call, path| call == Call::Sync && is_pack(path));
}

#[test]
fn leaving_out_the_sync_of_the_directory_of_packs_before_reindexing_is_noticed() {
    is_noticed(&workload(first_pack_unindexed, reindex), |_, call, path| call == Call::SyncDir && path == "packs");
}

#[test]
fn leaving_out_the_sync_of_a_rebuilt_run_is_noticed() {
    is_noticed(&workload(unindexed, reindex), |_, call, path| call == Call::Sync && path.starts_with("index/run"));
}

#[test]
fn leaving_out_the_sync_of_rebuilt_files_is_noticed() {
    is_noticed(&workload(lived_in, reindex), |syncs, call, path| {
        call == Call::SyncDir && path == "index" && !syncs.manifest.get()
    });
}

#[test]
fn leaving_out_the_sync_of_the_manifest_of_rebuilt_files_is_noticed() {
    is_noticed(&workload(lived_in, reindex), |_, call, path| call == Call::Sync && path.starts_with("incoming/"));
}

#[test]
fn leaving_out_the_sync_of_a_rebuilt_index_is_noticed() {
    is_noticed(&workload(lived_in, reindex), |syncs, call, path| {
        call == Call::SyncDir && path == "index" && syncs.manifest.get()
    });
}

#[test]
fn leaving_out_the_sync_of_a_deletion_is_noticed() {
    is_noticed(&workload(lived_in, delete_packed), |syncs, call, path| {
        call == Call::Sync && is_log(path) && syncs.after_line(COMMIT)
    });
}

#[test]
fn leaving_out_the_sync_of_the_removal_of_loose_files_is_noticed() {
    for start in [lived_in, killed_deleting] {
        is_noticed(&workload(start, delete_loose), |_, call, path| call == Call::SyncDir && path.starts_with("loose/"));
    }
}

#[test]
fn leaving_out_the_sync_of_collected_shards_is_noticed() {
    is_noticed(&workload(lived_in_yesterday, collect_some), |_, call, path| {
        call == Call::SyncDir && path.starts_with("loose/")
    });
}

#[test]
fn leaving_out_the_sync_of_packs_before_loose_files_are_removed_in_the_same_job_is_noticed() {
    is_noticed(&workload(lived_in, pack_with_cleaning), |_, call, path| call == Call::Sync && is_pack(path));
}

#[test]
fn leaving_out_the_sync_of_a_pack_that_objects_were_moved_to_is_noticed() {
    is_noticed(&workload(half_dead, repack_some), |_, call, path| call == Call::Sync && is_pack(path));
    is_noticed(&workload(half_dead, repack_some), |_, call, path| call == Call::SyncDir && path == "packs");
}

#[test]
fn leaving_out_the_sync_of_the_index_before_a_pack_is_removed_is_noticed() {
    is_noticed(&workload(half_dead, repack_some), |_, call, path| {
        call == Call::Sync && is_log(path) || call == Call::SyncDir && path == "index"
    });
}
