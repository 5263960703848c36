//! `loosepack get`

use std::collections::BTreeMap;

use loosepack::cli::{Cli, Get, STANDARD};
use loosepack::{Content, ObjectId};

use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::{ids, places, store::Store};

/// What is read and written at once.
const PIECE: u64 = 256 << 10;
/// Bytes of objects that are read together, and are in memory until it is their turn.
const GROUP: u64 = 8 << 20;

/// Write out the bytes of objects.
pub(crate) fn run(cli: &Cli, get: &Get, out: &mut Output) -> Result<Outcome, Failure> {
    let store = Store::open(cli)?;
    match (get.file(), &get.ids[..]) {
        (None, _) => ids::each_batch(&get.ids, |ids| {
            let mut rest = ids;
            while !rest.is_empty() {
                let (group, others) = rest.split_at(group(&store, rest));
                match group {
                    [id] => stream(&store, id, out)?,
                    ids => together(&store, ids, out)?,
                }
                rest = others;
            }
            Ok(Outcome::Done)
        }),
        (Some(file), [id]) if id != STANDARD => {
            let id = ids::parse(id.as_bytes()).map_err(|error| error.to_string())?;
            places::save(&store, &id, file)?;
            Ok(Outcome::Done)
        }
        (Some(_), _) => Err(Failure::from(String::from("-o writes one object: give one ID with it"))),
    }
}

/// How many of the next objects are read together, at least one: as many as have [`GROUP`] bytes. One that is larger, or
/// of which something is wrong, is read by itself.
fn group(store: &Store, ids: &[ObjectId]) -> usize {
    let mut left = GROUP;
    let fits = |id: &&ObjectId| {
        let info = store.container.info(id).ok();
        info.and_then(|info| left.checked_sub(info.size)).map(|after| left = after).is_some()
    };
    ids.iter().take_while(fits).count().max(1)
}

/// Write out objects that fit in memory, in their order, which is not the one they are read in.
fn together(store: &Store, ids: &[ObjectId], out: &mut Output) -> Result<(), Failure> {
    let mut batch = store.container.read_many(ids.to_vec()).map_err(|error| store.failure(error))?;
    let mut found = BTreeMap::new();
    loop {
        let items = batch.next(&store.container).map_err(|error| store.failure(error))?;
        if items.is_empty() {
            break;
        }
        found.extend(items);
    }
    for id in ids {
        match found.get(id) {
            Some(Content::Bytes(bytes)) => out.bytes(bytes)?,
            // By itself it tells what is wrong with it.
            _ => stream(store, id, out)?,
        }
    }
    Ok(())
}

fn stream(store: &Store, id: &ObjectId, out: &mut Output) -> Result<(), Failure> {
    let mut reader = store.container.reader(id).map_err(|error| store.failure(error))?;
    // At least a byte, so that the end of an empty object is checked as well.
    let mut buffer = vec![0; reader.size().clamp(1, PIECE) as usize];
    let mut written = false;
    loop {
        let read = reader.read(&mut buffer).map_err(|error| match written {
            true => store.failure(error).and("what was written so far must not be used"),
            false => store.failure(error),
        })?;
        if read == 0 {
            return Ok(());
        }
        out.bytes(&buffer[..read])?;
        written = true;
    }
}
