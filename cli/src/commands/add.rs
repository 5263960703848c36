//! `loosepack add`

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use loosepack::io::ReadSource;
use loosepack::source::{FileSource, Source};
use loosepack::{Access, ObjectId, Store};
use serde_json::json;

use super::Compress;
use crate::STANDARD;
use crate::exclude::Exclude;
use crate::failure::{Failure, Outcome};
use crate::ids::next_line;
use crate::input::{self, CommandSource, Input, InputFile, cannot};
use crate::intake::{Intake, Refused};
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

/// Add files and print their ids
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints `HASH  PATH` for each file, as sha256sum does, once it is durable. A file that cannot be added \
is reported and does not stop the others. In folders, symbolic links and special files are skipped. \
An object that exists already is read, compared, and not stored again. A named pipe is read to its end; \
one without a writer is waited for 3 seconds.

PATTERNs are those of .gitignore: `*`, `?`, `[a-z]`, `{a,b}` match within a name, `**` matches any folders. One \
without a slash matches names in all folders; one with a slash at its start or within, the path below \
the folder that -r was given, or the path in the list; one that ends in a slash, folders only, with all \
that is in them. `!PATTERN` adds again what an earlier one left out, unless its folder is left out. A \
PATH of the command line itself is always added.

Examples:
  loosepack add a.txt b.txt
  loosepack add -r photos > photos.sha256
  loosepack add --to-pack --compress auto -r dataset
  find . -newer stamp -type f -print0 | loosepack add -0 --files-from -
  tar c project | loosepack add -
  loosepack add -r --one-file-system --exclude '*.o' --exclude /target/ src
  loosepack add --stdin-from-command pg_dump --clean shop")]
pub(crate) struct Add {
    /// Files; `-` is standard input
    #[arg(value_name = "PATH", required_unless_present_any = ["files_from", "stdin_from_command"])]
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

    /// Leave out what matches in folders and in FILE; may be given more than once
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,

    /// In folders, leave out what is on other file systems
    #[arg(short = 'x', long, requires = "recursive")]
    one_file_system: bool,

    /// Run a command, and add what it writes to its standard output, unless it fails. All arguments that follow
    /// belong to it
    #[arg(long, value_name = "CMD", num_args = 1.., allow_hyphen_values = true,
          conflicts_with_all = ["paths", "files_from"])]
    stdin_from_command: Vec<OsString>,

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
        if self.one_file_system && cfg!(not(unix)) {
            return Err("--one-file-system: file systems cannot be told apart here".to_string().into());
        }
        let exclude = if self.exclude.is_empty() { None } else { Some(Exclude::new(&self.exclude)?) };
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
            exclude: exclude.as_ref(),
            intake: Intake::new(adder),
            outcome: Outcome::Done,
            progress,
            files: 0,
        };
        let result = adding.all();
        adding.progress.clear();
        let lost = adding.intake.pending() as u64;
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
    exclude: Option<&'a Exclude>,
    intake: Intake<'a, PathBuf>,
    outcome: Outcome,
    progress: Progress,
    files: u64,
}

impl Adding<'_, '_> {
    fn all(&mut self) -> Result<Outcome, Failure> {
        for path in &self.add.paths {
            self.path(path)?;
        }
        if let Some(list) = &self.add.files_from {
            self.listed(list)?;
        }
        if let [program, arguments @ ..] = &self.add.stdin_from_command[..] {
            match CommandSource::start(program, arguments) {
                Ok(source) => self.source(Path::new(STANDARD), Box::new(source))?,
                Err(message) => self.problem(message),
            }
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
            let path = path_of(path);
            let is_left_out = self.exclude.is_some_and(|exclude| exclude.has_named(&path));
            if !path.as_os_str().is_empty() && !is_left_out {
                self.path(&path)?;
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
            Ok(Input::Pipe(pipe)) => self.source(path, Box::new(ReadSource::new(shown(path), pipe))),
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
        let walk = Walk::new(name, self.session.directory()?, self.exclude).and_then(|mut walk| {
            if self.add.one_file_system {
                walk.stay()?;
            }
            Ok(walk)
        });
        let mut walk = match walk {
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
                        Ok(Some(file)) => {
                            let source = FileSource::new(shown(&path), move || Ok(InputFile(file)));
                            self.source(&path, Box::new(source))?;
                        }
                        Ok(None) => {}
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
    fn source(&mut self, path: &Path, source: Box<dyn Source + Send>) -> Result<(), Failure> {
        match self.intake.add(path.into(), source) {
            Ok(()) => {}
            Err(Refused::Source(error)) => {
                self.problem(error.to_string());
                return Ok(());
            }
            Err(Refused::Container(error)) => {
                // Objects added before it are committed if possible; a failure of that has the same cause.
                if let Ok(added) = self.intake.commit_added() {
                    print_all(self.session, self.add, &mut self.progress, added)?;
                }
                return Err(self.session.failure(error));
            }
        }
        self.files += 1;
        self.progress.read(self.files, self.intake.bytes());
        let many = if self.add.to_pack { COMMIT_PACKED } else { COMMIT_LOOSE };
        if self.intake.pending() < many { Ok(()) } else { self.commit() }
    }

    /// Makes durable what is not yet, and prints it.
    fn commit(&mut self) -> Result<(), Failure> {
        let added = self.intake.commit().map_err(|error| self.session.failure(error))?;
        print_all(self.session, self.add, &mut self.progress, added)
    }

    fn problem(&mut self, message: String) {
        self.outcome = Outcome::Failed;
        self.progress.tell(message);
    }
}

/// Prints what is durable.
fn print_all(
    session: &mut Session<'_>,
    add: &Add,
    progress: &mut Progress,
    added: impl Iterator<Item = (ObjectId, PathBuf)>,
) -> Result<(), Failure> {
    progress.clear();
    for (id, path) in added {
        match print(session, add, &id, &path) {
            // If stdout is closed, keep storing the remaining files.
            Ok(()) | Err(Failure::ReaderGone) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
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
