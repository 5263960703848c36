//! Entries that `reindex` takes over from the old index.

use loosepack::{Compression, Container, Error, Options};

use crate::sim::SimDir;
use crate::support::{create, folding, id, noise, open, run};

/// A flipped bit in a header's line leaves the object readable by the index, and it was absent after `reindex`.
#[test]
fn what_the_old_index_reads_is_kept() {
    let contents: [&[u8]; 3] = [b"the first object", b"the second one", b"the third"];
    let fresh = SimDir::new();
    let mut writer = create(fresh.clone()).pack_writer(Compression::Never).expect("nobody else packs");
    contents.iter().for_each(|content| assert!(writer.add(content).is_ok()));
    writer.finish().expect("it is committed");
    for place in 0..fresh.bytes("packs/0").len() {
        let dir = fresh.fork();
        let mut bytes = dir.bytes("packs/0");
        bytes[place] ^= 1;
        dir.put("packs/0", &bytes);
        let before: Vec<bool> = contents.iter().map(|content| open(dir.clone()).get(&id(content)).is_ok()).collect();
        run(open(dir.clone()).reindex().expect("nobody else packs")).expect("it is rebuilt");
        for (content, readable) in contents.iter().zip(before) {
            let after = open(dir.clone()).get(&id(content));
            assert_eq!(after.is_ok(), readable, "byte {place}: {after:?}");
            assert!(!matches!(after, Err(Error::NotFound(_))), "byte {place}: damage passes for absence");
        }
    }
}

/// Objects of a pack that was cut or lost were absent after `reindex`, unreported.
#[test]
fn a_cut_or_missing_pack_does_not_pass_for_absence() {
    for log_entries in [8192, 1] {
        for cut in [None, Some(0), Some(60), Some(130), Some(5000)] {
            let dir = SimDir::new();
            create(dir.clone());
            let options = Options { tuning: folding(log_entries), ..Options::default() };
            let store = Container::open(dir.clone(), options).expect("it opens");
            let mut writer = store.pack_writer(Compression::Never).expect("nobody else packs");
            let lost = writer.add(&noise(9000, 1)).expect("it can be added");
            writer.finish().expect("it is committed");
            match cut {
                None => dir.remove("packs/0"),
                Some(len) => dir.put("packs/0", &dir.bytes("packs/0")[..len]),
            }
            let rebuilt = run(store.reindex().expect("nobody else packs")).expect("it is rebuilt");
            assert_eq!(rebuilt.1.len(), 1, "cut to {cut:?}: {:?}", rebuilt.1);
            let read = open(dir.clone()).get(&lost);
            assert!(matches!(read, Err(Error::Corrupt(_))), "cut to {cut:?}: {read:?}");
        }
    }
}
