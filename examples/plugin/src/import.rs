//! `tarstore import`: the files of an archive become objects.

use std::collections::HashMap;
use std::io::{self, BufWriter, Read, StdoutLock, Write as _};
use std::mem;

use loosepack_guest::container::{Container, ObjectWriter};
use loosepack_guest::ids::{self, DIGEST};
use loosepack_guest::store_types::{Access, Error};

use crate::archive::{self, Content, Kind, Member};
use crate::container;
use crate::failure::{Failure, Outcome, report, shown};
use crate::lines::line;

/// Files up to this size are gathered, and added together: one flush for all of them.
const SMALL: u64 = 64 << 10;
/// Bytes and files that are gathered at most.
const GATHERED_BYTES: usize = 4 << 20;
const GATHERED_FILES: usize = 4096;
/// Bytes of a larger file that are read at once.
const PIECE: usize = 256 << 10;

/// Reads an archive from standard input, and prints a line for each file once it is stored.
pub(crate) fn import(path: &str) -> Result<Outcome, Failure> {
    let container = container::open(path, Access::ReadWrite)?;
    let mut import = Import {
        path,
        container,
        lines: BufWriter::new(io::stdout().lock()),
        paths: Vec::new(),
        contents: Vec::new(),
        gathered: 0,
        known: HashMap::new(),
        others: 0,
        outcome: Outcome::Complete,
    };
    let visited = archive::each(io::stdin().lock(), |member| import.member(member));
    // What came before damage is sound: its files are stored all the same.
    let stored = import.store().and_then(|()| import.lines.flush().map_err(cannot_print));
    if import.others > 0 {
        eprintln!("tarstore: left out {} members that are neither files nor folders", import.others);
    }
    visited.map_err(|Stop(failure)| failure)?;
    stored?;
    Ok(import.outcome)
}

/// An import at work.
struct Import<'a> {
    /// The container's path, for messages.
    path: &'a str,
    container: Container,
    lines: BufWriter<StdoutLock<'static>>,
    /// Files that were gathered: their paths and contents, and how many bytes these have.
    paths: Vec<Vec<u8>>,
    contents: Vec<Vec<u8>>,
    gathered: usize,
    /// The objects of all files so far: hard links refer to them.
    known: HashMap<Vec<u8>, [u8; DIGEST]>,
    /// Members that are neither files nor folders.
    others: u64,
    outcome: Outcome,
}

/// Why an import stops.
struct Stop(Failure);

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Stop(Failure(error.to_string()))
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Stop(failure)
    }
}

impl Import<'_> {
    fn member(&mut self, Member { path, kind }: Member<'_>) -> Result<(), Stop> {
        if path.is_empty() || path.contains(&0) {
            self.leave_out(&path, "it has no path that a file can have");
            return Ok(());
        }
        match kind {
            Kind::File(content) if content.left() <= SMALL => self.gather(path, content)?,
            Kind::File(content) => {
                self.store()?;
                let id = self.large(&path, content)?;
                let digest = ids::digest(&id).ok_or_else(|| Failure(format!("the store gave no ID, but {id:?}")))?;
                self.print(path, digest)?;
            }
            Kind::HardLink(target) => {
                self.store()?;
                match self.known.get(&target) {
                    Some(digest) => self.print(path, *digest)?,
                    None => self.leave_out(
                        &path,
                        &format!("it is a link to {}, which is no file before it in the archive", shown(&target)),
                    ),
                }
            }
            Kind::Folder => {}
            Kind::Other => self.others += 1,
            Kind::Unreadable(why) => self.leave_out(&path, why),
        }
        Ok(())
    }

    fn gather(&mut self, path: Vec<u8>, mut content: Content<'_>) -> Result<(), Stop> {
        let mut bytes = Vec::with_capacity(content.left() as usize);
        content.read_to_end(&mut bytes).map_err(|error| in_file(&path, &error))?;
        self.gathered += bytes.len();
        self.contents.push(bytes);
        self.paths.push(path);
        if self.gathered >= GATHERED_BYTES || self.paths.len() >= GATHERED_FILES {
            self.store()?;
        }
        Ok(())
    }

    /// Stores what was gathered, and prints it.
    fn store(&mut self) -> Result<(), Failure> {
        if self.paths.is_empty() {
            return Ok(());
        }
        let (paths, contents) = (mem::take(&mut self.paths), mem::take(&mut self.contents));
        self.gathered = 0;
        let ids = self.container.add_many(&contents).map_err(|error| self.failure(&error))?;
        for (path, digest) in paths.into_iter().zip(ids::digests(&ids)) {
            self.print(path, digest)?;
        }
        Ok(())
    }

    /// Stores a file piece by piece, and returns its ID. A file that is cut off leaves no object.
    fn large(&mut self, path: &[u8], mut content: Content<'_>) -> Result<String, Stop> {
        let writer = self.container.writer().map_err(|error| self.failure(&error))?;
        let mut piece = vec![0; PIECE];
        loop {
            let length = content.read(&mut piece).map_err(|error| in_file(path, &error))?;
            if length == 0 {
                break;
            }
            writer.write(&piece[..length]).map_err(|error| self.failure(&error))?;
        }
        Ok(ObjectWriter::finish(writer).map_err(|error| self.failure(&error))?)
    }

    fn print(&mut self, path: Vec<u8>, digest: [u8; DIGEST]) -> Result<(), Failure> {
        self.lines.write_all(&line(&ids::id(&digest), &path)).map_err(cannot_print)?;
        self.known.insert(path, digest);
        Ok(())
    }

    fn leave_out(&mut self, path: &[u8], why: &str) {
        report(path, format_args!("{why}; it is left out"));
        self.outcome = Outcome::Incomplete;
    }

    fn failure(&self, error: &Error) -> Failure {
        container::failure(self.path, error)
    }
}

fn in_file(path: &[u8], error: &io::Error) -> Failure {
    Failure(format!("{}: {error}", shown(path)))
}

fn cannot_print(error: io::Error) -> Failure {
    Failure::cannot("write the list to standard output", error)
}
