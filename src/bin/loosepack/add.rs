//! `loosepack add`

use std::io::{self, Read as _};

use loosepack::bindings::wasi::filesystem::types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags};
use loosepack::cli::names::{self, shown};
use loosepack::cli::sizes::counted;
use loosepack::cli::{Add, Cli, Compress, STANDARD};
use loosepack::dir::wasi::{WasiDir, WasiFile, code};
use loosepack::source::{FileSource, Source};
use loosepack::{Code, Error, IoFailure, LooseBatch, ObjectId, PackWriter};
use serde_json::json;

use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::places::{self, Input};
use crate::progress::Progress;
use crate::store::Store;
use crate::walk::{self, Met, Walk};

/// Files after which what goes to packs is committed: what is printed late, and what a kill costs at most.
const COMMIT_PACKED: usize = 65_536;
/// The same for what becomes loose.
const COMMIT_LOOSE: usize = 1024;

/// Add files.
pub(crate) fn run(cli: &Cli, add: &Add, out: &mut Output) -> Result<Outcome, Failure> {
    if add.paths.iter().filter(|path| *path == STANDARD).count() > 1 {
        return Err("standard input can be read once: name `-` once".to_string().into());
    }
    let store = Store::open(cli)?;
    let target = match add.to_pack {
        true => {
            let compression = add.compress.unwrap_or(Compress::Never).into();
            Target::Packs(Box::new(store.take_place(|container| PackWriter::open(container, compression))?))
        }
        false => Target::Loose(Box::new(store.container.batch().map_err(|error| store.failure(error))?)),
    };
    let meter = Meter { progress: Progress::new(), files: 0, bytes: 0 };
    let mut adding = Adding { store: &store, add, target, added: Vec::new(), out, outcome: Outcome::Done, meter };
    let result = adding.all();
    adding.meter.progress.clear();
    let lost = adding.added.len() as u64;
    result.map_err(|failure| match lost {
        0 => failure,
        lost => failure.and(&format!("{} read since the last commit may not be stored", counted(lost, "file"))),
    })
}

/// Files that are being added.
struct Adding<'a> {
    store: &'a Store<'a>,
    add: &'a Add,
    target: Target,
    /// Stored, but not committed.
    added: Vec<(ObjectId, String)>,
    out: &'a mut Output,
    outcome: Outcome,
    meter: Meter,
}

/// Where objects go.
enum Target {
    Loose(Box<LooseBatch<WasiDir>>),
    Packs(Box<PackWriter<WasiDir>>),
}

impl Target {
    fn add_source(&mut self, source: &mut dyn Source) -> Result<ObjectId, Error> {
        match self {
            Target::Loose(batch) => batch.add_source(source),
            Target::Packs(writer) => writer.add_source(source),
        }
    }

    /// Files to be added before they are committed.
    fn many(&self) -> usize {
        match self {
            Target::Loose(_) => COMMIT_LOOSE,
            Target::Packs(_) => COMMIT_PACKED,
        }
    }

    fn commit(&mut self) -> Result<(), Error> {
        match self {
            Target::Loose(batch) => batch.commit(),
            Target::Packs(writer) => writer.commit(),
        }
    }
}

/// How much has been read.
struct Meter {
    progress: Progress,
    files: u64,
    bytes: u64,
}

impl Adding<'_> {
    fn all(&mut self) -> Result<Outcome, Failure> {
        for path in &self.add.paths {
            if path == STANDARD {
                self.file(path, &mut Standard)?;
                continue;
            }
            match places::input(path) {
                Ok(Input::File(file)) => {
                    self.file(path, &mut FileSource::new(shown(path), || Ok(WasiFile::new(file))))?;
                }
                Ok(Input::Folder(folder)) if self.add.recursive => self.folder(path, &folder)?,
                Ok(Input::Folder(_)) => {
                    self.problem(format!("{} is a folder: add what is in it with -r", shown(path)));
                }
                Err(message) => self.problem(message),
            }
        }
        self.commit()?;
        Ok(self.outcome)
    }

    fn folder(&mut self, name: &str, folder: &Descriptor) -> Result<(), Failure> {
        for met in Walk::new(folder, name, &self.store.folder) {
            match met {
                Met::File(below) => {
                    let path = walk::join(name, &below);
                    // Named without a slash at its end, and no link: what it was when it was listed.
                    let open = || folder.open_at(PathFlags::empty(), &below, OpenFlags::empty(), DescriptorFlags::READ);
                    self.file(&path, &mut FileSource::new(shown(&path), || open().map(WasiFile::new).map_err(code)))?;
                }
                Met::Skipped(note) => self.meter.progress.tell(note),
                Met::Problem(message) => self.problem(message),
            }
        }
        Ok(())
    }

    /// Add what a source gives. What fails in the source does not stop the others; what fails in the container does.
    fn file(&mut self, name: &str, source: &mut dyn Source) -> Result<(), Failure> {
        let mut source = Metered { source, meter: &mut self.meter, failed: false };
        let result = self.target.add_source(&mut source);
        let source_failed = source.failed;
        match result {
            Ok(id) => {
                self.meter.files += 1;
                self.added.push((id, name.into()));
                if self.added.len() < self.target.many() { Ok(()) } else { self.commit() }
            }
            Err(error) if source_failed => {
                self.problem(error.to_string());
                Ok(())
            }
            Err(error) => {
                // Those before it are stored if they can be; what keeps them from it has the same cause.
                let _ = self.commit();
                Err(self.store.failure(error))
            }
        }
    }

    /// Make durable what is not yet, and print it.
    fn commit(&mut self) -> Result<(), Failure> {
        self.target.commit().map_err(|error| self.store.failure(error))?;
        self.meter.progress.clear();
        for (id, name) in self.added.drain(..) {
            let printed = match self.add.format.json {
                true => self.out.json(&json!({ "id": id.to_string(), "path": name })),
                false => self.out.line(&names::line(&id, &name)),
            };
            match printed {
                // Who does not want to read more wants the files to be stored all the same.
                Ok(()) | Err(Failure::ReaderGone) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    fn problem(&mut self, message: String) {
        self.outcome = Outcome::Failed;
        self.meter.progress.tell(message);
    }
}

/// A source whose bytes are counted, and that knows whether it failed.
struct Metered<'a> {
    source: &'a mut dyn Source,
    meter: &'a mut Meter,
    failed: bool,
}

impl Source for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let read = self.source.read(buffer).inspect_err(|_| self.failed = true)?;
        self.meter.bytes += read as u64;
        self.meter.progress.read(self.meter.files, self.meter.bytes);
        Ok(read)
    }
}

/// Standard input.
struct Standard;

impl Source for Standard {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        loop {
            match io::stdin().lock().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(read) => return Ok(read),
                Err(_) => {
                    let (operation, path) = ("read".into(), "standard input".into());
                    return Err(Error::Io(IoFailure { operation, path, code: Code::Io }));
                }
            }
        }
    }
}
