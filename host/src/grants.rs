//! What a command line names, opened when the command asks for it. Nothing else can be opened.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use loosepack::layout;
use wasmtime::component::Resource;
use wasmtime_wasi::FsPerms;
use wasmtime_wasi::filesystem::{Descriptor, Dir, File as WasiFile, OpenMode};
use wasmtime_wasi::p2::bindings::sync::filesystem::types::ErrorCode;

use crate::bindings::hosted::loosepack::store::grants::{Host, HostOutput};
use crate::interrupt::Unfinished;
use crate::state::State;

/// What may be opened. Empty by default.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    /// The container directory, and whether it may be written to.
    pub(crate) container: Option<(PathBuf, FsPerms)>,
    /// Whether the container directory may be made.
    pub(crate) create_container: bool,
    /// Inputs under the names the command knows them by.
    pub(crate) inputs: BTreeMap<String, OsString>,
    /// Whether an input may be a directory.
    pub(crate) recursive: bool,
    /// The output file.
    pub(crate) output: Option<String>,
    /// What is removed when the command is interrupted.
    pub(crate) unfinished: Arc<Unfinished>,
}

impl Grants {
    /// Whether anything can be written.
    pub(crate) fn writes(&self) -> bool {
        self.output.is_some() || matches!(self.container, Some((_, FsPerms::ReadWrite)))
    }

    /// The path of a file that the container is to make, if it is one that has its place later.
    pub(crate) fn unfinished_file(&self, path: &str) -> Option<PathBuf> {
        let (container, _) = self.container.as_ref().filter(|(_, perms)| *perms == FsPerms::ReadWrite)?;
        layout::is_unfinished(path).then(|| container.join(path))
    }
}

/// An output file that is being written: under another name, until it is complete.
#[expect(unreachable_pub, reason = "the generated bindings export it")]
pub struct Output {
    file: Descriptor,
    target: PathBuf,
    /// Where it is written to; `None` for what cannot be replaced by a rename, such as a device.
    temporary: Option<PathBuf>,
    unfinished: Arc<Unfinished>,
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(temporary) = self.temporary.take() {
            // What cannot be removed is left beside the target under a name that tells what it is.
            let _ = std::fs::remove_file(&temporary);
            self.unfinished.done(&temporary);
        }
    }
}

impl Output {
    fn open(target: &Path, unfinished: Arc<Unfinished>) -> io::Result<Self> {
        let special = std::fs::metadata(target).is_ok_and(|found| !found.is_file() && !found.is_dir());
        if special {
            let file = writable(OpenOptions::new().write(true).open(target)?);
            return Ok(Output { file, target: target.into(), temporary: None, unfinished });
        }
        // A rename would replace the link itself, and not what it leads to.
        let target = if target.is_symlink() { target.canonicalize()? } else { target.to_path_buf() };
        let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let end = format!(".{}.part", std::process::id());
        let named = |start: &OsStr| {
            let mut hidden = OsString::from(".");
            hidden.push(start);
            hidden.push(&end);
            target.with_file_name(hidden)
        };
        let create = |temporary: &Path| {
            let create = || OpenOptions::new().write(true).create_new(true).open(temporary);
            unfinished.make(temporary.into(), create)
        };
        let mut temporary = named(name);
        let file = create(&temporary).or_else(|error| {
            // A name that just fits leaves no room for what is added to it.
            if error.kind() != io::ErrorKind::InvalidFilename {
                return Err(error);
            }
            temporary = named(OsStr::new("loosepack"));
            create(&temporary)
        })?;
        let output = Output { file: writable(file), target, temporary: Some(temporary.clone()), unfinished };
        // As if the file that is there were written to.
        if let Ok(found) = std::fs::metadata(&output.target) {
            std::fs::set_permissions(temporary, found.permissions())?;
        }
        Ok(output)
    }

    fn commit(mut self) -> io::Result<()> {
        if let Some(temporary) = &self.temporary {
            std::fs::rename(temporary, &self.target)?;
            self.unfinished.done(temporary);
            self.temporary = None;
        }
        Ok(())
    }
}

fn writable(file: File) -> Descriptor {
    Descriptor::File(WasiFile::new(file, FsPerms::ReadWrite, OpenMode::WRITE, true))
}

/// A handle on a directory.
pub(crate) fn open_dir(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(windows)]
    {
        use std::os::windows::fs::OpenOptionsExt as _;
        // FILE_FLAG_BACKUP_SEMANTICS: needed to open a directory.
        options.custom_flags(0x0200_0000);
    }
    let dir = options.open(path)?;
    if dir.metadata()?.is_dir() { Ok(dir) } else { Err(io::ErrorKind::NotADirectory.into()) }
}

/// A directory as the components see it.
pub(crate) fn directory(dir: File, perms: FsPerms) -> Descriptor {
    Descriptor::Dir(Dir::new(dir, perms, OpenMode::READ | OpenMode::WRITE, true))
}

/// The reason behind an error of the operating system.
pub(crate) fn code(error: io::Error) -> ErrorCode {
    wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode::from(error).into()
}

impl State {
    fn hand_over(&mut self, descriptor: Descriptor) -> Result<Resource<Descriptor>, ErrorCode> {
        self.table.push(descriptor).map_err(|_| ErrorCode::InsufficientMemory)
    }
}

impl Host for State {
    fn container(&mut self, create: bool) -> Result<Resource<Descriptor>, ErrorCode> {
        let (path, perms) = self.grants.container.clone().ok_or(ErrorCode::NotPermitted)?;
        if create && self.grants.create_container {
            std::fs::create_dir_all(&path).map_err(code)?;
        }
        let dir = open_dir(&path).map_err(code)?;
        self.hand_over(directory(dir, perms))
    }

    fn input(&mut self, path: String) -> Result<Resource<Descriptor>, ErrorCode> {
        let granted = self.grants.inputs.get(&path).ok_or(ErrorCode::NotPermitted)?;
        if granted.to_str().is_none() {
            return Err(ErrorCode::IllegalByteSequence);
        }
        // Looked at first: opening a pipe would wait for somebody to write to it.
        let found = std::fs::metadata(granted).map_err(code)?;
        if !found.is_file() && !found.is_dir() {
            return Err(ErrorCode::Invalid);
        }
        let file = File::open(granted).map_err(code)?;
        let descriptor = if found.is_dir() {
            if !self.grants.recursive {
                return Err(ErrorCode::IsDirectory);
            }
            directory(open_dir(Path::new(granted)).map_err(code)?, FsPerms::ReadOnly)
        } else {
            Descriptor::File(WasiFile::new(file, FsPerms::ReadOnly, OpenMode::READ, true))
        };
        self.hand_over(descriptor)
    }
}

impl HostOutput for State {
    fn open(&mut self, path: String) -> Result<Resource<Output>, ErrorCode> {
        if self.grants.output.as_ref() != Some(&path) {
            return Err(ErrorCode::NotPermitted);
        }
        if Path::new(&path).is_dir() {
            return Err(ErrorCode::IsDirectory);
        }
        let output = Output::open(Path::new(&path), self.grants.unfinished.clone()).map_err(code)?;
        self.table.push(output).map_err(|_| ErrorCode::InsufficientMemory)
    }

    fn file(&mut self, output: Resource<Output>) -> wasmtime::Result<Resource<Descriptor>> {
        let file = self.table.get(&output)?.file.clone();
        Ok(self.table.push(file)?)
    }

    fn commit(&mut self, output: Resource<Output>) -> Result<(), ErrorCode> {
        let output = self.table.delete(output).map_err(|_| ErrorCode::BadDescriptor)?;
        output.commit().map_err(code)
    }

    fn drop(&mut self, output: Resource<Output>) -> wasmtime::Result<()> {
        self.table.delete(output)?;
        Ok(())
    }
}
