//! `loosepack get`

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;

use loosepack::store::{Block, Found};
use loosepack::{Access, ObjectId, Store};

use crate::failure::{Failure, Outcome};
use crate::ids::{self, Ids};
use crate::session::Session;
use crate::{STANDARD, save};

/// Bytes read and written at once.
const PIECE: u64 = 256 << 10;
/// Bytes of objects that are read together, and are in memory until it is their turn.
const TOGETHER: usize = 32 << 20;

/// Write out the bytes of objects
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The bytes are checked against the ID. Damage may be found only at the end: bytes already written to \
standard output must then not be used; FILE keeps its old content.

Examples:
  loosepack get HASH | tar x
  loosepack get HASH -o photo.jpg")]
pub(crate) struct Get {
    #[command(flatten)]
    ids: Ids,

    /// Write the one object to this file, which appears, or is replaced, when it is complete and checked
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Get {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        let file = self.output.as_ref().filter(|file| file.as_os_str() != STANDARD);
        match (file, &self.ids.ids[..]) {
            (None, _) => {
                let store = session.open(Access::ReadOnly)?;
                ids::each_batch(&self.ids, |ids| batch(session, &*store, ids).map(|()| Outcome::Done))
            }
            (Some(file), [id]) if id != STANDARD => {
                let id = ids::parse(id.as_bytes()).map_err(|error| error.to_string())?;
                let store = session.open(Access::ReadOnly)?;
                let mut reader = store.reader(&id).map_err(|error| session.failure(error))?;
                save::save(session, &mut *reader, file)?;
                Ok(Outcome::Done)
            }
            (Some(_), _) => Err("-o writes one object: give one ID with it".to_string().into()),
        }
    }
}

/// Writes out objects in their order, which is not the one they are read in.
fn batch(session: &mut Session<'_>, store: &dyn Store, ids: &[ObjectId]) -> Result<(), Failure> {
    if let [id] = ids {
        return stream(session, store, id);
    }
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    // Where in the blocks the objects are, by the positions of their ids.
    let mut places: Vec<Option<(usize, Range<usize>)>> = vec![None; ids.len()];
    let mut batch = store.read_many(ids.to_vec()).map_err(|error| session.failure(error))?;
    let mut size = 0;
    // Objects too large for memory are read by themselves, in their turn.
    while size < TOGETHER {
        let Block { bytes, items } = batch.next_block().map_err(|error| session.failure(error))?;
        if items.is_empty() {
            break;
        }
        for (position, found) in items {
            if let Found::Bytes(range) = found {
                places[position as usize] = Some((blocks.len(), range));
            }
        }
        size += bytes.len();
        blocks.push(bytes);
    }
    drop(batch);
    // An id that is there more than once has been read once, for its first position.
    let mut first: HashMap<&ObjectId, usize> = HashMap::new();
    if places.contains(&None) {
        first.extend(ids.iter().enumerate().rev().map(|(position, id)| (id, position)));
    }
    for (position, id) in ids.iter().enumerate() {
        let place = places[position].as_ref().or_else(|| places[*first.get(id)?].as_ref());
        match place {
            Some((block, range)) => session.out.bytes(&blocks[*block][range.clone()])?,
            // By itself it tells what is wrong with it.
            None => stream(session, store, id)?,
        }
    }
    Ok(())
}

fn stream(session: &mut Session<'_>, store: &dyn Store, id: &ObjectId) -> Result<(), Failure> {
    let mut reader = store.reader(id).map_err(|error| session.failure(error))?;
    // At least a byte, so that the end of an empty object is checked as well.
    let mut buffer = vec![0; reader.size().clamp(1, PIECE) as usize];
    let mut written = false;
    loop {
        let read = reader.read(&mut buffer).map_err(|error| match written {
            true => session.failure(error).and("what was written so far must not be used"),
            false => session.failure(error),
        })?;
        if read == 0 {
            return Ok(());
        }
        session.out.bytes(&buffer[..read])?;
        written = true;
    }
}
