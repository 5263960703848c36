//! Sources: files and readers that objects are added from, and those that fail.

use crate::sim::SimDir;
use crate::support::{create, id, noise};
use crate::watch::{Call, Verdict, Watch};
use loosepack::dir::Metadata;
use loosepack::source::{self, FileSource, Source};
use loosepack::{Code, Compression, Dir, Error, File as _};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

const MIB: usize = 1 << 20;

#[test]
fn ten_thousand_files_are_packed_with_one_open() {
    let files = Watch::new(SimDir::new());
    for number in 0..10_000 {
        files.create_new(&number.to_string()).unwrap().write_at(&noise(40, number), 0).unwrap();
    }
    files.seen().most_open.set(0);
    let store = create(SimDir::new());
    let mut writer = store.pack_writer(Compression::Auto).unwrap();
    let mut sources: Vec<_> = (0..10_000).map(|number| source::file_in(files.clone(), number.to_string())).collect();
    assert_eq!(files.seen().most_open.get(), 0, "a source opens nothing before it is read");
    for source in &mut sources {
        writer.add_source(source).unwrap();
        assert_eq!(files.seen().open.get(), 0, "a source that has ended is closed");
    }
    writer.finish().unwrap();
    assert_eq!(files.seen().most_open.get(), 1, "one file is open at a time");
    assert_eq!(store.stats().unwrap().packed_objects, 10_000);
    assert_eq!(store.get(&id(&noise(40, 9_999))), Ok(noise(40, 9_999)));
}

/// Gives some bytes and then fails.
struct Failing(usize);

impl Source for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> loosepack::Result<usize> {
        if self.0 == 0 {
            return Err(Error::Other("the source failed".into()));
        }
        let len = self.0.min(buffer.len());
        buffer[..len].fill(7);
        self.0 -= len;
        Ok(len)
    }
}

/// A directory with the file `changing`, which grows by a byte while it is read for the first time.
fn growing(len: usize) -> Watch<SimDir> {
    let inner = SimDir::new();
    inner.put("changing", &noise(len, 1));
    let (grown, dir) = (Cell::new(false), inner.clone());
    Watch::with(inner, move |call, _, _| {
        if call == Call::Read && !grown.replace(true) {
            dir.open_write("changing").unwrap().write_at(b"x", len as u64).unwrap();
        }
        Verdict::Pass
    })
}

#[test]
fn sources_that_fail_leave_nothing() {
    for len in [1, 1000, 300_000, 3 * MIB] {
        let dir = SimDir::new();
        let store = create(dir.clone());
        let before = dir.files();
        let failed = Err(Error::Other("the source failed".into()));
        assert_eq!(store.add_source(&mut Failing(len)), failed);
        let vanished = store.add_source(&mut source::file_in(SimDir::new(), "gone".into())).unwrap_err();
        assert_eq!(vanished.to_string(), "cannot open gone: no such file or directory");
        let changed = Err(Error::SourceChanged("changing".into()));
        assert_eq!(store.add_source(&mut source::file_in(growing(len), "changing".into())), changed);
        assert_eq!(dir.files(), before, "a failed source leaves no file");

        let mut writer = store.pack_writer(Compression::Auto).unwrap();
        let first = writer.add(b"first").unwrap();
        assert_eq!(writer.add_source(&mut Failing(len)), failed);
        assert!(writer.add_source(&mut source::file_in(SimDir::new(), "gone".into())).is_err());
        assert_eq!(writer.add_source(&mut source::file_in(growing(len), "changing".into())), changed);
        assert_eq!(writer.check(), Ok(()), "a failed source is not a failed writer");
        let last = writer.add(b"last").unwrap();
        writer.finish().unwrap();
        assert_eq!(store.objects(None, 10).unwrap().len(), 2, "nothing was stored of the failed sources");
        assert_eq!((store.get(&first), store.get(&last)), (Ok(b"first".into()), Ok(b"last".into())));
    }
}

#[test]
fn a_file_that_changed_before_it_was_read_is_refused() {
    let dir = SimDir::new();
    dir.put("file", b"bytes");
    let before = dir.open_read("file").unwrap().metadata().unwrap();
    let opened = |before| FileSource::opened("file", dir.open_read("file").unwrap(), before);
    let writer = create(SimDir::new());
    assert_eq!(writer.add_source(&mut opened(before)), Ok(id(b"bytes")));
    for before in [Metadata { len: 4, ..before }, Metadata { len: 6, ..before }] {
        assert_eq!(writer.add_source(&mut opened(before)), Err(Error::SourceChanged("file".into())));
    }
    assert_eq!(writer.objects(None, 10).unwrap().len(), 1, "nothing was stored of the changed file");
}

#[test]
fn a_directory_is_no_source() {
    let dir = SimDir::new();
    dir.create_dir("dir").unwrap();
    let refused = create(SimDir::new()).add_source(&mut source::file_in(dir, "dir".into())).unwrap_err();
    assert!(matches!(&refused, Error::Io(failure) if failure.code == Code::IsDirectory), "{refused}");
}

#[test]
fn a_source_is_opened_when_it_is_read() {
    let opened = Rc::new(RefCell::new(0));
    let counter = opened.clone();
    let dir = SimDir::new();
    dir.put("file", b"bytes");
    let mut source = FileSource::new("file", move || {
        *counter.borrow_mut() += 1;
        dir.open_read("file")
    });
    assert_eq!(*opened.borrow(), 0);
    assert_eq!(create(SimDir::new()).add_source(&mut source), Ok(id(b"bytes")));
    assert_eq!(*opened.borrow(), 1);
    assert_eq!(source.read(&mut [0; 4]), Ok(0), "a source is read once");
}
