//! Handles from before the index changed in a way that its length does not tell.

use loosepack::{Compression, Container, Dir as _, Error, File as _};

use crate::sim::SimDir;
use crate::support::{create, id, noise, open, options, run};

/// A packer takes back a batch whose flush failed; the next one writes another there, shorter, as long, or longer.
#[test]
fn a_handle_that_read_a_batch_which_was_taken_back_finds_what_came_in_its_place() {
    for more in 0..4 {
        let dir = SimDir::new();
        create(dir.clone());
        write(&dir, &[b"before".to_vec()]);
        let before = dir.bytes("index/log-0.jsonl");
        write(&dir, &[b"taken back".to_vec()]);
        let reader = open(dir.clone());
        // The file stays the same: it is cut, and written on.
        dir.open_write("index/log-0.jsonl").unwrap().set_len(before.len() as u64).unwrap();
        let mut contents: Vec<Vec<u8>> = (0..more).map(|seed| noise(10, seed)).collect();
        contents.push(b"other text".to_vec());
        write(&dir, &contents);
        for content in &contents {
            assert_eq!(reader.get(&id(content)).as_ref(), Ok(content), "{more} more");
        }
        let gone = id(b"taken back");
        assert_eq!(reader.get(&gone), Err(Error::NotFound(gone)), "{more} more");
    }
}

/// Numbers of index files come again when the index is lost between two rebuilds.
#[test]
fn a_handle_from_before_an_index_was_rebuilt_twice_sees_what_was_added_since() {
    let dir = SimDir::new();
    create(dir.clone());
    write(&dir, &[b"before".to_vec()]);
    let rebuild = || {
        let index = dir.files().into_iter().filter(|path| path.starts_with("index/"));
        index.for_each(|path| dir.remove(&path));
        dir.advance(1);
        run(Container::open_damaged(dir.clone(), options()).unwrap().reindex().unwrap()).unwrap();
    };
    rebuild();
    let reader = open(dir.clone());
    rebuild();
    write(&dir, &[b"after".to_vec()]);
    assert_eq!(reader.get(&id(b"after")).as_deref(), Ok(&b"after"[..]));
}

fn write(dir: &SimDir, contents: &[Vec<u8>]) {
    let mut writer = open(dir.clone()).pack_writer(Compression::Never).unwrap();
    writer.add_many(contents).unwrap();
    writer.finish().unwrap();
}
