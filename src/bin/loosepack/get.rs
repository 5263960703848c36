//! `loosepack get`

use loosepack::ObjectId;
use loosepack::cli::{Cli, Get, STANDARD};

use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::{ids, places, store::Store};

/// What is read and written at once.
const PIECE: u64 = 256 << 10;

/// Write out the bytes of objects.
pub(crate) fn run(cli: &Cli, get: &Get, out: &mut Output) -> Result<Outcome, Failure> {
    let store = Store::open(cli)?;
    match (get.file(), &get.ids[..]) {
        (None, _) => ids::each_batch(&get.ids, |ids| {
            ids.iter().try_for_each(|id| stream(&store, id, out))?;
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
