//! `loosepack add`

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use loosepack::io::ReadSource;
use loosepack::source::{FileSource, Source};
use loosepack::store::Adder;
use loosepack::{Access, Error, ObjectId, Store};
use serde_json::json;

use super::Compress;
use crate::STANDARD;
use crate::failure::{Failure, Outcome};
use crate::ids::next_line;
use crate::input::{self, Input, InputFile, cannot};
use crate::intake::{Large, read_head};
use crate::names::{self, shown};
use crate::output::Format;
use crate::progress::Progress;
use crate::session::Session;
use crate::sizes::counted;
use crate::walk::{self, Met, Walk};

/// Files after which what goes to packs is committed: what is printed late, and what a kill costs at most.
const COMMIT_PACKED: usize = 65_536;
/// The same limit for loose objects.
const COMMIT_LOOSE: usize = 1024;
/// Bytes, and files, that are handed over together.
const GROUP: (usize, usize) = (4 << 20, 1024);

/// Add files and print their ids
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints `HASH  PATH` for each file, as sha256sum does, once it is durable. A file that cannot be added \
is reported and does not stop the others. In folders, symbolic links and special files are skipped. \
An object that exists already is read, compared, and not stored again.

Examples:
  loosepack add a.txt b.txt
  loosepack add -r photos > photos.sha256
  loosepack add --to-pack --compress auto -r dataset
  find . -newer stamp -type f -print0 | loosepack add -0 --files-from -
  tar c project | loosepack add -")]
pub(crate) struct Add {
    /// Files; `-` is standard input
    #[arg(value_name = "PATH", required_unless_present = "files_from")]
    paths: Vec<PathBuf>,

    /// Add all files in folders, and in the folders within
    #[arg(short, long)]
    recursive: bool,

    /// Add the files whose paths are the lines of FILE; `-` is standard input
    #[arg(long, value_name = "FILE")]
    files_from: Option<PathBuf>,

    /// In FILE, each path ends in NUL instead of a line end
    #[arg(short = '0', long, requires = "files_from")]
    null: bool,

    /// Write straight to packs: faster for many files, but one process at a time
    #[arg(long)]
    to_pack: bool,

    /// When to compress; otherwise never
    #[arg(long, value_name = "WHEN", requires = "to_pack")]
    compress: Option<Compress>,

    /// End each line in NUL, and escape no name
    #[arg(short, long)]
    zero: bool,

    #[command(flatten)]
    format: Format,
}

impl Add {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        let standard = self.paths.iter().chain(&self.files_from).filter(|path| path.as_os_str() == STANDARD).count();
        if standard > 1 {
            return Err("standard input can be read only once: name `-` once".to_string().into());
        }
        let store: Box<dyn Store> = session.open(Access::ReadWrite)?;
        let adder = match self.to_pack {
            true => {
                let compression = self.compress.unwrap_or(Compress::Never).into();
                session.take_lock(|| store.pack_writer(compression))?
            }
            false => store.batch().map_err(|error| session.failure(error))?,
        };
        let progress = session.progress();
        let mut adding = Adding {
            session,
            add: self,
            adder,
            scratch: Vec::new(),
            group: Vec::new(),
            group_bytes: 0,
            added: Vec::new(),
            outcome: Outcome::Done,
            progress,
            files: 0,
            bytes: Arc::default(),
        };
        let result = adding.all();
        adding.progress.clear();
        let lost = (adding.added.len() + adding.group.len()) as u64;
        result.map_err(|failure| match lost {
            0 => failure,
            lost => failure.and(&format!("{} read since the last commit may not be stored", counted(lost, "file"))),
        })
    }
}

/// Files that are being added.
struct Adding<'a, 'b> {
    session: &'a mut Session<'b>,
    add: &'a Add,
    adder: Box<dyn Adder + 'a>,
    /// Buffer that files are read into.
    scratch: Vec<u8>,
    /// Read, and not handed over.
    group: Vec<(PathBuf, Vec<u8>)>,
    group_bytes: usize,
    /// Handed over, and not committed.
    added: Vec<(ObjectId, PathBuf)>,
    outcome: Outcome,
    progress: Progress,
    files: u64,
    /// Bytes that have been read.
    bytes: Arc<AtomicU64>,
}

impl Adding<'_, '_> {
    fn all(&mut self) -> Result<Outcome, Failure> {
        for path in &self.add.paths {
            self.path(path)?;
        }
        if let Some(list) = &self.add.files_from {
            self.listed(list)?;
        }
        self.commit()?;
        Ok(self.outcome)
    }

    /// Adds the files whose paths are in a list.
    fn listed(&mut self, list: &Path) -> Result<(), Failure> {
        let mut input: Box<dyn BufRead> = if list.as_os_str() == STANDARD {
            Box::new(BufReader::new(input::standard()?))
        } else {
            Box::new(BufReader::new(File::open(list).map_err(|error| cannot("open", list, &error))?))
        };
        let end = if self.add.null { 0 } else { b'\n' };
        let mut line = Vec::new();
        while next_line(&mut input, &mut line, &[end])? {
            let path = if self.add.null { &line[..] } else { line.strip_suffix(b"\r").unwrap_or(&line) };
            if !path.is_empty() {
                self.path(&path_of(path))?;
            }
        }
        Ok(())
    }

    fn path(&mut self, path: &Path) -> Result<(), Failure> {
        if path.as_os_str() == STANDARD {
            let standard = input::standard()?;
            return self.source(path, Box::new(ReadSource::new("standard input", standard)));
        }
        match input::open(path) {
            Ok(Input::File(file, before)) => {
                self.source(path, Box::new(FileSource::opened(shown(path), InputFile(file), before)))
            }
            Ok(Input::Folder) if self.add.recursive => self.folder(path),
            Ok(Input::Folder) => {
                self.problem(format!("{} is a folder: add what is in it with -r", shown(path)));
                Ok(())
            }
            Err(message) => {
                self.problem(message);
                Ok(())
            }
        }
    }

    fn folder(&mut self, name: &Path) -> Result<(), Failure> {
        let mut walk = match Walk::new(name, self.session.directory()?) {
            Ok(walk) => walk,
            Err(error) => {
                self.problem(cannot("list", name, &error));
                return Ok(());
            }
        };
        while let Some(met) = walk.next() {
            match met {
                Met::File(below) => {
                    let path = walk::join(name, &below);
                    match walk.open(&below) {
                        Ok(file) => {
                            let source = FileSource::new(shown(&path), move || Ok(InputFile(file)));
                            self.source(&path, Box::new(source))?;
                        }
                        Err(error) => self.problem(cannot("open", &path, &error)),
                    }
                }
                Met::Problem(message) => self.problem(message),
            }
        }
        if let Some(skipped) = walk.skipped().filter(|_| !self.session.is_quiet()) {
            self.progress.tell(skipped);
        }
        Ok(())
    }

    /// Adds the bytes of a source. A failure of the source does not stop the others; one of the container does.
    fn source(&mut self, path: &Path, mut source: Box<dyn Source + Send>) -> Result<(), Failure> {
        let (head, ended) = match read_head(&mut *source, &mut self.scratch) {
            Ok(read) => read,
            Err(error) => {
                self.problem(error.to_string());
                return Ok(());
            }
        };
        self.bytes.fetch_add(head.len() as u64, Ordering::Relaxed);
        self.files += 1;
        self.progress.read(self.files, self.bytes.load(Ordering::Relaxed));
        if ended {
            self.group_bytes += head.len();
            self.group.push((path.into(), head));
            if self.group_bytes < GROUP.0 && self.group.len() < GROUP.1 { Ok(()) } else { self.hand_over() }
        } else {
            self.hand_over()?;
            let bytes = self.bytes.clone();
            match self.adder.add_source(Box::new(Large::new(head, source, bytes))) {
                Ok(id) => self.note(id, path.into()),
                Err(error) if self.adder.check().is_ok() => {
                    self.problem(error.to_string());
                    Ok(())
                }
                Err(error) => Err(self.failed(error)),
            }
        }
    }

    /// Hands over what has been gathered.
    fn hand_over(&mut self) -> Result<(), Failure> {
        let contents: Vec<&[u8]> = self.group.iter().map(|(_, content)| &content[..]).collect();
        let ids = match self.adder.add_many(&contents) {
            Ok(ids) => ids,
            Err(error) => return Err(self.failed(error)),
        };
        self.group_bytes = 0;
        for (id, (path, _)) in ids.into_iter().zip(std::mem::take(&mut self.group)) {
            self.note(id, path)?;
        }
        Ok(())
    }

    fn note(&mut self, id: ObjectId, path: PathBuf) -> Result<(), Failure> {
        self.added.push((id, path));
        let many = if self.add.to_pack { COMMIT_PACKED } else { COMMIT_LOOSE };
        if self.added.len() < many { Ok(()) } else { self.commit_added() }
    }

    /// Describes a failure of the container.
    fn failed(&mut self, error: Error) -> Failure {
        // Objects added before it are committed if possible; a failure of that has the same cause.
        let _ = self.commit_added();
        self.session.failure(error)
    }

    fn commit(&mut self) -> Result<(), Failure> {
        self.hand_over()?;
        self.commit_added()
    }

    /// Makes durable what is not yet, and prints it.
    fn commit_added(&mut self) -> Result<(), Failure> {
        self.adder.commit().map_err(|error| self.session.failure(error))?;
        self.progress.clear();
        for (id, path) in self.added.drain(..) {
            match print(self.session, self.add, &id, &path) {
                // If stdout is closed, keep storing the remaining files.
                Ok(()) | Err(Failure::ReaderGone) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    fn problem(&mut self, message: String) {
        self.outcome = Outcome::Failed;
        self.progress.tell(message);
    }
}

fn print(session: &mut Session<'_>, add: &Add, id: &ObjectId, path: &Path) -> Result<(), Failure> {
    if add.format.json {
        return session.out.json(&json!({ "id": id.to_string(), "path": path.to_string_lossy() }));
    }
    let line = names::line(id, path.as_os_str().as_encoded_bytes(), add.zero);
    session.out.bytes_line(&line, if add.zero { 0 } else { b'\n' })
}

/// The path that a line of a list is.
#[cfg(unix)]
pub(super) fn path_of(line: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStringExt as _;
    OsString::from_vec(line.into()).into()
}

/// The path that a line of a list is.
#[cfg(not(unix))]
pub(super) fn path_of(line: &[u8]) -> PathBuf {
    OsString::from(String::from_utf8_lossy(line).into_owned()).into()
}
