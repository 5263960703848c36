//! Reading writes nothing, and a handle for reading refuses to write before it touches the disk.

use std::cell::Cell;
use std::rc::Rc;

use loosepack::{Access, Compression, Config, Container, Durability, Error, Options};

use crate::sim::SimDir;
use crate::support::{id, open};
use crate::watch::{Verdict, Watch};
use crate::workloads::lived_in;

fn read_only() -> Options {
    Options { access: Access::ReadOnly, ..Options::default() }
}

/// A directory that may be read only.
fn guarded(dir: &SimDir) -> Watch<SimDir> {
    Watch::with(dir.clone(), |call, path, _| {
        assert!(!call.mutates(), "{call:?} of {path} by someone who only reads");
        Verdict::Pass
    })
}

#[test]
fn opening_and_reading_write_nothing() {
    let (dir, known) = lived_in();
    for access in [Access::ReadOnly, Access::ReadWrite] {
        let store = Container::open(guarded(&dir), Options { access, ..Options::default() }).unwrap();
        let ids: Vec<_> = known.acked.keys().copied().collect();
        for (id, content) in &known.acked {
            assert_eq!(store.get(id).as_ref(), Ok(content));
            assert_eq!(store.info(id).unwrap().size, content.len() as u64);
            assert_eq!(store.get_to_file(id, &SimDir::new(), "file"), Ok(content.len() as u64));
            while store.reader(id).unwrap().read(&mut [0; 100]).unwrap() == 0 && !content.is_empty() {}
        }
        assert_eq!(store.contains(&ids), Ok(vec![true; ids.len()]));
        assert_eq!(store.objects(None, 100), Ok(ids.clone()));
        assert!(store.get(&id(b"absent")).is_err());
        store.stats().unwrap();
        let mut batch = store.read_many(ids).unwrap();
        while !batch.next_items().is_empty() {}
    }
}

#[test]
fn a_handle_for_reading_refuses_to_write() {
    let (dir, _) = lived_in();
    let calls = Rc::new(Cell::new(0));
    let counter = calls.clone();
    let watched = Watch::with(dir, move |_, _, _| {
        counter.set(counter.get() + 1);
        Verdict::Pass
    });
    let store = Container::open(watched, read_only()).unwrap();
    calls.set(0);
    assert_eq!(store.add(b"content"), Err(Error::ReadOnly));
    assert_eq!(store.add_source(&mut &b"content"[..]), Err(Error::ReadOnly));
    assert_eq!(store.add_source(&mut vec![0; 1 << 20].as_slice()), Err(Error::ReadOnly));
    assert_eq!(store.writer().err(), Some(Error::ReadOnly));
    assert_eq!(store.pack_writer(Compression::Never).err(), Some(Error::ReadOnly));
    assert_eq!(store.pack_loose(Compression::Never).err(), Some(Error::ReadOnly));
    assert_eq!(store.clean().err(), Some(Error::ReadOnly));
    assert_eq!(store.force_unlock(), Err(Error::ReadOnly));
    assert_eq!(calls.get(), 0, "a refusal comes before the disk is touched");
}

#[test]
fn a_container_is_not_created_for_reading() {
    let dir = SimDir::new();
    assert_eq!(Container::create(dir.clone(), Config::default(), read_only()).err(), Some(Error::ReadOnly));
    assert_eq!(dir.operations(), 0, "a refusal comes before the disk is touched");
}

#[test]
fn a_reader_follows_those_who_write() {
    let (dir, _) = lived_in();
    let reader = Container::open(guarded(&dir), read_only()).unwrap();
    let writer = open(dir);
    let added = writer.add(b"added later").unwrap();
    assert_eq!(reader.get(&added), Ok(b"added later".into()));
    crate::support::pack(&writer, Compression::Always).unwrap();
    crate::support::clean(&writer).unwrap();
    assert_eq!(reader.get(&added), Ok(b"added later".into()));
    assert_eq!(reader.stats().unwrap().loose_objects, 0);
}

#[test]
fn durability_does_not_matter_to_readers() {
    let (dir, known) = lived_in();
    let options = Options { durability: Durability::None, ..read_only() };
    let store = Container::open(guarded(&dir), options).unwrap();
    assert_eq!(store.objects(None, 100).unwrap().len(), known.acked.len());
}
