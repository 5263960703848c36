//! Every operation fails once: what is said of it, and what is lost, which is nothing.

use loosepack::{Code, Compression, Container, Error, Finding, Job as _, Part, Tuning};

use crate::promises::{check, recover};
use crate::sim::{SimDir, Survival};
use crate::support::{create, id, noise, open, tiny, verify, with_tuning};
use crate::watch::Watch;
use crate::workloads::{
    self as work, Workload, add_batches, add_batches_one_by_one, add_some, lived_in, nothing, pack_and_clean,
    packer_killed, unindexed, unlock_and_pack, without_shards, workload, write_packs, write_some,
};

/// Failures that may go unreported: a lock file or an unfinished file that cannot be removed is left for the next
/// packer, the content of a lock file is only for a message, and the log is read a second time before damage is
/// reported. An index file that is no longer live may still be open in a reader. Interrupted operations are repeated.
fn goes_unsaid(operation: &str, path: &str, code: Code) -> bool {
    match operation {
        "remove_file" if path.starts_with("index/") => code == Code::Access,
        "read_at" | "write_at" if code == Code::Interrupted => true,
        // With the lock held, freeing the disk needs no room for a lock file.
        "create_new" | "write_at" | "set_len" if path.starts_with("lock/") => {
            code == Code::NoSpace || code == Code::Quota
        }
        "remove_file" => path.starts_with("lock/") || path.starts_with("incoming/"),
        "read_at" if path.starts_with("index/log") => true,
        // A walk through a pack reads piece by piece what it could not read at once.
        "read_at" if path.starts_with("packs/") => true,
        "open_read" | "file metadata" | "read_at" => path.starts_with("lock/"),
        _ => false,
    }
}

/// Returns whether an operation may be one that is only tried: see [`Workload::tries`].
fn is_tried(operation: &str, path: &str) -> bool {
    let reads = ["open_read", "read_at", "file metadata"].contains(&operation);
    let cuts = ["open_write", "set_len", "remove_file"].contains(&operation);
    reads && path.starts_with("index/") || (reads || cuts) && path.starts_with("packs/")
}

/// Lets each operation of the workload fail with each of the codes, in usual sizes and in tiny ones; returns how often
/// something failed.
pub(crate) fn withstands(workload: &Workload, codes: &[Code]) -> u64 {
    [Tuning::default(), tiny()].map(|tuning| with_tuning(tuning, || withstands_as_it_is(workload, codes))).iter().sum()
}

fn withstands_as_it_is(workload: &Workload, codes: &[Code]) -> u64 {
    let whole = workload.start.fork();
    whole.heal();
    (workload.run)(&Watch::new(whole.clone()), &mut workload.known.clone()).expect("the workload by itself succeeds");
    let mut failures = 0;
    for (point, code) in (0..whole.operations()).flat_map(|point| codes.iter().map(move |code| (point, *code))) {
        let dir = workload.start.fork();
        dir.fail_at(point, code);
        let mut known = workload.known.clone();
        let result = (workload.run)(&Watch::new(dir.clone()), &mut known);
        let (operation, path) = dir.hit().expect("the operation was reached");
        let at = format!("{operation} of {path}, operation {point}, failed with {code:?}");
        match &result {
            Ok(()) => {
                let unsaid = goes_unsaid(operation, &path, code);
                assert!(unsaid || workload.tries && is_tried(operation, &path), "{at}: nobody was told");
            }
            Err(Error::Io(failure)) => {
                assert_eq!(failure.code, code, "{at}: {failure}");
                assert!(failure.path.contains(&path), "{at}: the error names another file: {failure}");
                assert!(!failure.operation.is_empty(), "{at}: the error does not say what was attempted");
            }
            // A loose object that cannot be read is left out and reported; the workload makes an error of it.
            Err(Error::Corrupt(damage)) => assert!(damage.file.contains(&path), "{at}: reported as {damage}"),
            Err(Error::Locked(_)) => assert!(goes_unsaid(operation, &path, code), "{at}: a mark that stayed is found"),
            Err(error) => panic!("{at}: {error:?}"),
        }
        failures += 1;
        dir.heal();
        for survival in [Survival::Nothing, Survival::Everything] {
            let image = dir.power_cut(survival, point);
            check(&image, &known).unwrap_or_else(|problem| panic!("{at}, then a power cut, {survival:?}: {problem}"));
        }
        // The same machine goes on: data that a failed sync did not save must not be relied on.
        match recover(&Watch::new(dir.clone()), &mut known) {
            Err(Error::NoContainer) if !known.created => continue,
            result => result.unwrap_or_else(|error| panic!("{at}, then opened again: {error}")),
        }
        check(&dir.power_cut(Survival::Nothing, point), &known)
            .unwrap_or_else(|problem| panic!("{at}, then work, then a power cut: {problem}"));
    }
    assert_ne!(failures, 0, "something can fail");
    println!("{failures} failures");
    failures
}

const CODES: [Code; 2] = [Code::NoSpace, Code::Io];

#[test]
fn creating_withstands_every_failure() {
    withstands(&workload(nothing, work::create), &CODES);
}

#[test]
fn adding_withstands_every_failure() {
    withstands(&workload(lived_in, add_some).tries(), &[Code::NoSpace, Code::Io, Code::Access, Code::Quota]);
    withstands(&workload(without_shards, add_some).tries(), &CODES);
}

#[test]
fn adding_batches_withstands_every_failure() {
    withstands(&workload(lived_in, add_batches).tries(), &CODES);
    withstands(&workload(lived_in, add_batches_one_by_one).tries(), &CODES);
}

#[test]
fn incremental_writing_withstands_every_failure() {
    withstands(&workload(lived_in, write_some).tries(), &[Code::NoSpace, Code::Io, Code::Access, Code::Interrupted]);
}

#[test]
fn writing_to_packs_withstands_every_failure() {
    withstands(&workload(lived_in, write_packs), &[Code::NoSpace, Code::Io, Code::Access, Code::Interrupted]);
}

#[test]
fn packing_and_cleaning_withstand_every_failure() {
    withstands(&workload(lived_in, pack_and_clean), &[Code::Io]);
}

#[test]
fn unlocking_withstands_every_failure() {
    withstands(&workload(packer_killed, unlock_and_pack), &[Code::NoSpace]);
}

#[test]
fn reindexing_withstands_every_failure() {
    let mut unindexed = workload(unindexed, work::reindex);
    // Durable, because of records that never counted nobody can tell whether a flush of them has failed before.
    unindexed.start = unindexed.start.power_cut(Survival::Everything, 0);
    withstands(&unindexed, &CODES);
    withstands(&workload(lived_in, work::reindex), &[Code::Io]);
}

#[test]
fn folding_everything_withstands_every_failure() {
    withstands(&workload(work::several_runs, work::fold_all), &CODES);
}

#[test]
fn verifying_tells_of_every_failure_and_goes_on() {
    let (start, _) = lived_in();
    let mut told = 0;
    for point in 0.. {
        let dir = start.fork();
        let store = open(dir.clone());
        dir.fail_at(point, Code::Io);
        let (progress, problems, _) = verify(&store, Part::default());
        let Some((operation, path)) = dir.hit() else { break };
        assert_eq!(progress.done, progress.total);
        for Finding { file, message: problem } in problems {
            let named = file.contains(&path) || problem.contains(&path) || path.contains(&file);
            assert!(named, "{operation} of {path} failed: {file}: {problem}");
            told += 1;
        }
        dir.heal();
        assert_eq!(verify(&store, Part::default()).1, [], "{operation} of {path} failed, and then no more");
    }
    assert!(told > 100, "{told} failures were told of");
}

#[test]
fn interrupted_reads_and_writes_are_done_again() {
    for workload in [
        workload(nothing, work::create),
        workload(lived_in, add_some),
        workload(lived_in, write_some),
        workload(lived_in, write_packs),
        workload(lived_in, pack_and_clean),
        workload(packer_killed, unlock_and_pack),
        workload(unindexed, work::reindex),
        workload(work::several_runs, work::fold_all),
    ] {
        let mut interrupted = 0;
        for point in 0.. {
            let dir = workload.start.fork();
            dir.fail_at(point, Code::Interrupted);
            let mut known = workload.known.clone();
            let result = (workload.run)(&Watch::new(dir.clone()), &mut known);
            let Some((operation, path)) = dir.hit() else { break };
            if ["read_at", "write_at"].contains(&operation) {
                assert_eq!(result, Ok(()), "{operation} of {path} was interrupted");
                check(&dir.power_cut(Survival::Nothing, 0), &known).expect("all is as if nothing had happened");
                interrupted += 1;
            }
        }
        assert_ne!(interrupted, 0, "there is something to interrupt");
    }
}

#[test]
fn reading_withstands_every_failure() {
    let (start, known) = lived_in();
    let ids: Vec<_> = known.acked.keys().copied().collect();
    for point in 0.. {
        let dir = start.fork();
        let store = Container::open(dir.clone(), work::unflushed()).unwrap();
        dir.fail_at(point, Code::Io);
        let results: Vec<_> = ids.iter().map(|id| store.get(id)).collect();
        let listed = store.objects(None, usize::MAX);
        let counted = store.stats();
        let contained = store.contains(&ids);
        let Some((operation, path)) = dir.hit() else { break };
        let mut failed = 0;
        for (id, result) in ids.iter().zip(&results) {
            match result {
                Ok(bytes) => assert_eq!(*bytes, known.acked[id], "what is read is right"),
                Err(error) => {
                    assert!(error.to_string().contains(&path), "{operation} of {path}: {error}");
                    failed += 1;
                }
            }
        }
        failed += [listed.err(), counted.err(), contained.err()].iter().flatten().count();
        // Another copy answers where one cannot be read, or the same one at a second look.
        let object = path.starts_with("packs/") || path.starts_with("loose/");
        let answered = usize::from(failed == 0 && object && !matches!(operation, "list" | "metadata"));
        assert_eq!(failed + answered, 1, "one failure of {operation} of {path} fails one call");
        for id in &ids {
            assert_eq!(store.get(id).as_ref(), Ok(&known.acked[id]), "a reading handle goes on");
        }
    }
}

#[test]
fn a_writer_that_failed_writes_no_more() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let mut writer = store.writer().unwrap();
    writer.write(b"one").unwrap();
    dir.fail_at(0, Code::NoSpace);
    assert!(matches!(writer.write(b"two"), Err(Error::Io(failure)) if failure.code == Code::NoSpace));
    assert_eq!(writer.write(b"two"), Err(Error::WriterFailed));
    assert_eq!(writer.finish(), Err(Error::WriterFailed), "what misses a piece is no object");
    assert_eq!(store.add(b"another"), Ok(id(b"another")), "a full disk stops one writer, not the handle");
    assert_eq!(store.objects(None, 10).unwrap().len(), 1);
}

#[test]
fn a_handle_whose_sync_failed_writes_no_more() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let before = store.add(b"before").unwrap();
    let waiting = store.writer().unwrap();
    // Each sync of an added object: that of its file and that of its shard.
    for number in 0.. {
        let fresh = open(dir.clone());
        dir.fail_at(number, Code::Io);
        let added = fresh.add(&noise(100, number));
        let Some((operation, _)) = dir.hit() else { break };
        if operation.starts_with("sync") {
            assert!(added.is_err());
            assert_eq!(fresh.add(b"after"), Err(Error::WriterFailed), "nothing continues after a failed sync");
            assert_eq!(fresh.writer().err(), Some(Error::WriterFailed));
            assert_eq!(fresh.pack_writer(Compression::Never).err(), Some(Error::WriterFailed));
            assert_eq!(fresh.pack_loose(Compression::Never).err(), Some(Error::WriterFailed));
            assert_eq!(fresh.get(&before), Ok(b"before".into()), "reading goes on");
        }
        assert_eq!(open(dir.clone()).add(b"after"), Ok(id(b"after")), "opening again heals");
    }
    drop(waiting);
}

#[test]
fn a_pack_writer_that_failed_writes_no_more() {
    let dir = SimDir::new();
    create(dir.clone());
    for number in 0.. {
        let store = open(dir.clone());
        let mut writer = store.pack_writer(Compression::Never).unwrap();
        writer.add(&noise(100, 2 * number)).unwrap();
        dir.fail_at(number, Code::Io);
        let committed = writer.commit();
        if dir.hit().is_none() {
            assert!(number >= 5, "a commit has more operations than {number}");
            break;
        }
        assert!(committed.is_err());
        assert_eq!(writer.check(), Err(Error::WriterFailed));
        assert_eq!(writer.add(b"more"), Err(Error::WriterFailed));
        assert_eq!(writer.add_source(&mut &b"more"[..]), Err(Error::WriterFailed));
        assert_eq!(writer.commit(), Err(Error::WriterFailed));
        assert_eq!(writer.finish(), Err(Error::WriterFailed));
        if matches!(dir.hit(), Some(("sync" | "sync_dir", _))) {
            // Data flushed in vain may be lost: neither the handle nor anything made from it writes on.
            assert_eq!(store.add(b"more"), Err(Error::WriterFailed));
            assert_eq!(store.pack_writer(Compression::Never).err(), Some(Error::WriterFailed));
        }
        let store = open(dir.clone());
        let mut writer = store.pack_writer(Compression::Never).expect("the next one heals");
        let id = writer.add(&noise(100, 2 * number + 1)).unwrap();
        writer.finish().unwrap();
        assert_eq!(store.get(&id), Ok(noise(100, 2 * number + 1)));
    }
}

#[test]
fn a_job_that_failed_is_over() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    store.add(b"an object").unwrap();
    for point in [0, 100, 256] {
        let mut job = store.pack_loose(Compression::Never).unwrap();
        dir.fail_at(point, Code::Io);
        let failed = loop {
            match job.step() {
                Ok(progress) => assert!(!progress.finished, "the failure comes first"),
                Err(error) => break error,
            }
        };
        assert!(matches!(failed, Error::Io(_)), "{failed}");
        assert_eq!(job.step(), Err(Error::WriterFailed));
        store.pack_loose(Compression::Never).expect("a failed job has given up the pack lock");
    }
}

#[test]
fn a_disk_that_stays_full_loses_nothing() {
    for run in [add_some, write_some, write_packs, pack_and_clean] {
        for point in 0..60 {
            let (dir, mut known) = lived_in();
            dir.full_from(point);
            for _ in 0..3 {
                if let Err(error) = run(&Watch::new(dir.clone()), &mut known) {
                    assert!(matches!(&error, Error::Io(failure) if failure.code == Code::NoSpace), "{error}");
                }
            }
            // Room was made; the marks that could not be written are no hindrance.
            dir.heal();
            check(&dir.fork(), &known).unwrap_or_else(|problem| panic!("full from operation {point} on: {problem}"));
            check(&dir.power_cut(Survival::Nothing, point), &known).unwrap();
        }
    }
}
