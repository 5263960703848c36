//! `loosepack get`

mod batch;

use std::path::PathBuf;

use loosepack::{Access, ObjectId, Store};

use crate::failure::{Failure, Outcome, tell};
use crate::fetch::Fetched;
use crate::ids::{self, Ids};
use crate::session::Session;
use crate::{STANDARD, save};

/// Bytes read and written at once.
const PIECE: u64 = 256 << 10;

/// Write out the bytes of objects
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The bytes are checked against the ID. Damage may be found only at the end: bytes already written to \
standard output must then not be used; FILE keeps its old content. An object that is absent or damaged \
is reported, does not stop the others, and makes the exit status 1.

With --batch, each line of standard input is an ID, as with `-`, and is answered in turn: by \
`ID SIZE`, a line end, the bytes, and a line end; or by a line `ID missing`, `ID damaged REASON` or \
`TEXT invalid`. Answers are sent whenever there is nothing more to read. No byte of a damaged object is \
written.

Examples:
  loosepack get HASH | tar x
  loosepack get HASH -o photo.jpg
  loosepack get HASH -o disk.img --sparse
  loosepack get --batch < ids.txt")]
pub(crate) struct Get {
    /// Objects; `-` reads lines from standard input: an ID, what `add` and sha256sum print (also with --tag or
    /// --zero), or JSON of our own
    #[arg(value_name = "ID", required_unless_present = "batch")]
    ids: Vec<String>,

    /// Write the one object to this file, which appears, or is replaced, when it is complete and checked
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write no runs of zeros to FILE: on most file systems they take no space
    #[arg(long, requires = "output")]
    sparse: bool,

    /// Answer IDs on standard input, each as soon as it is there
    #[arg(long, conflicts_with_all = ["ids", "output"])]
    batch: bool,
}

impl Get {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        let file = self.output.as_ref().filter(|file| file.as_os_str() != STANDARD);
        if self.batch {
            let store = session.open(Access::ReadOnly)?;
            return batch::answer(session, &*store);
        }
        match (file, &self.ids[..]) {
            (None, _) if self.sparse => Err("--sparse writes a file: name it with -o".to_string().into()),
            (None, _) => {
                let store = session.open(Access::ReadOnly)?;
                let ids = Ids { ids: self.ids.clone() };
                ids::each_batch(&ids, |ids| concatenate(session, &*store, ids))
            }
            (Some(file), [id]) if id != STANDARD => {
                let id = ids::parse(id.as_bytes()).map_err(|error| error.to_string())?;
                let store = session.open(Access::ReadOnly)?;
                let mut reader = store.reader(&id).map_err(|error| session.failure(error))?;
                save::save(session, &mut *reader, file, self.sparse)?;
                Ok(Outcome::Done)
            }
            (Some(_), _) => Err("-o writes one object: give one ID with it".to_string().into()),
        }
    }
}

/// Writes out objects, one after the other.
fn concatenate(session: &mut Session<'_>, store: &dyn Store, ids: &[ObjectId]) -> Result<Outcome, Failure> {
    let fetched = Fetched::read(store, ids).map_err(|error| session.failure(error))?;
    let mut outcome = Outcome::Done;
    for (id, bytes) in fetched.objects() {
        let written = match bytes {
            Some(bytes) => session.out.bytes(bytes),
            None => stream(session, store, id),
        };
        match written {
            Err(Failure::Told { outcome: Outcome::Lacking, message }) => {
                tell(message);
                outcome = Outcome::Lacking;
            }
            result => result?,
        }
    }
    Ok(outcome)
}

/// Writes out an object that is read by itself.
fn stream(session: &mut Session<'_>, store: &dyn Store, id: &ObjectId) -> Result<(), Failure> {
    let mut reader = store.reader(id).map_err(|error| session.failure(error))?;
    // At least a byte, so that the end of an empty object is checked as well.
    let mut buffer = vec![0; reader.size().clamp(1, PIECE) as usize];
    let mut written = false;
    loop {
        let read = reader.read(&mut buffer).map_err(|error| match written {
            true => session.failure(error).and("what was written of it must not be used"),
            false => session.failure(error),
        })?;
        if read == 0 {
            return Ok(());
        }
        session.out.bytes(&buffer[..read])?;
        written = true;
    }
}
