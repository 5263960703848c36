//! A device that lost some bytes: everything else stays readable, and the loss is reported.

use loosepack::{Code, Compression, Error, Job as _, Part, Tuning};

use crate::sim::SimDir;
use crate::support::{create, id, noise, open, options, run, tiny, verify, with_tuning};

const OBJECTS: u64 = 12;

fn content(number: u64) -> Vec<u8> {
    noise(700, number)
}

fn packed() -> SimDir {
    let dir = SimDir::new();
    let mut writer = create(dir.clone()).pack_writer(Compression::Never).unwrap();
    for number in 0..OBJECTS {
        writer.add(&content(number)).unwrap();
    }
    writer.finish().unwrap();
    dir
}

/// Where the payload of an object starts.
fn place(dir: &SimDir, content: &[u8]) -> u64 {
    dir.bytes("packs/0").windows(content.len()).position(|window| window == content).unwrap() as u64
}

/// The numbers of the objects that read.
fn readable(dir: &SimDir) -> Vec<u64> {
    let store = open(dir.clone());
    (0..OBJECTS).filter(|number| store.get(&id(&content(*number))).as_ref() == Ok(&content(*number))).collect()
}

#[test]
fn reindex_steps_over_what_cannot_be_read() {
    for (tuning, gone) in [(Tuning::default(), false), (tiny(), false), (Tuning::default(), true), (tiny(), true)] {
        with_tuning(Tuning { unreadable: 16, ..tuning }, || {
            let dir = packed();
            let start = place(&dir, &content(5)) + 100;
            dir.lose("packs/0", start..start + 40);
            if gone {
                dir.files().iter().filter(|path| path.starts_with("index/")).for_each(|path| dir.remove(path));
            }
            let store = loosepack::Container::open_damaged(dir.clone(), options()).unwrap();
            let (progress, problems) = run(store.reindex().unwrap()).unwrap();
            assert!(problems.iter().any(|found| found.message.contains("bytes cannot be read")), "{problems:?}");
            assert_eq!(progress.done, progress.total);
            let others: Vec<u64> = (0..OBJECTS).filter(|number| *number != 5).collect();
            assert_eq!(readable(&dir), others);
            let lost = open(dir.clone()).get(&id(&content(5)));
            if gone {
                assert_eq!(lost, Err(Error::NotFound(id(&content(5)))));
            } else {
                assert!(matches!(lost, Err(Error::Io(_))), "its loss stays known: {lost:?}");
            }
        });
    }
}

#[test]
fn verify_steps_over_what_cannot_be_read() {
    for tuning in [Tuning::default(), tiny()] {
        with_tuning(Tuning { unreadable: 16, ..tuning }, || {
            let dir = packed();
            let start = place(&dir, &content(3)) + 300;
            dir.lose("packs/0", start..start + 1);
            let (progress, problems, _) = verify(&open(dir.clone()), Part::default());
            let of_object = problems.iter().filter(|found| found.message.contains(&id(&content(3)).to_string()));
            assert_eq!(of_object.count(), 1, "{problems:?}");
            assert!(problems.iter().any(|found| found.message.contains("bytes cannot be read")), "{problems:?}");
            assert_eq!(progress.objects, OBJECTS - 1, "each of the others counts once");
        });
    }
}

#[test]
fn a_header_that_cannot_be_read_costs_no_object() {
    let dir = packed();
    let start = place(&dir, &content(7));
    dir.lose("packs/0", start - 60..start - 50);
    let (progress, _) = run(open(dir.clone()).reindex().unwrap()).unwrap();
    assert_eq!(progress.objects, OBJECTS, "the old index told of it");
    assert_eq!(readable(&dir).len() as u64, OBJECTS);
}

/// Without permission nobody knows whether there is damage.
#[test]
fn what_may_not_be_read_is_told_apart_from_damage() {
    let start = packed();
    open(start.clone()).add(b"a loose object").unwrap();
    let mut told = 0;
    for point in 0.. {
        let dir = start.fork();
        let store = open(dir.clone());
        dir.fail_at(point, Code::Access);
        let mut job = store.verify(Part::default()).unwrap();
        let (mut problems, mut unread) = (Vec::new(), Vec::new());
        loop {
            let progress = job.step().unwrap();
            problems.extend(progress.problems);
            unread.extend(progress.unread);
            if progress.finished {
                break;
            }
        }
        let Some((operation, path)) = dir.hit() else { break };
        // A record that could not be read at once is read once more.
        assert_eq!(problems, [], "{operation} of {path}");
        told += unread.len();
    }
    assert!(told > 20, "{told} were told");
}
