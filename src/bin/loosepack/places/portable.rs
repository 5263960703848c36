//! Paths in the directories that a WASI runtime preopened.

use loosepack::bindings::wasi::filesystem::preopens::get_directories;
use loosepack::bindings::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, ErrorCode, OpenFlags, PathFlags,
};
use loosepack::cli::names::shown;
use loosepack::cli::{Cli, preopens};
use loosepack::dir::wasi::{WasiDir, code};
use loosepack::dir::{Dir as _, Kind};
use loosepack::{Code, Error, ObjectId};

use super::{cannot, cannot_read, special};
use crate::failure::Failure;
use crate::store::{Store, no_container};

thread_local! {
    static PREOPENED: Vec<(Descriptor, String)> = get_directories();
}

/// The container's directory, made when the command makes containers.
pub(crate) fn container(cli: &Cli) -> Result<Descriptor, Failure> {
    let path = &cli.directory;
    covering(path, |root, below| {
        if cli.grants().create_container && below != "." {
            match root.create_directory_at(below) {
                Ok(()) if cli.no_sync => {}
                Ok(()) => sync_parent(root, below).map_err(|code| cannot("sync the folder of", path, code))?,
                Err(ErrorCode::Exist) => {}
                Err(error) => return Err(cannot("create", path, code(error))),
            }
        }
        match root.open_at(PathFlags::SYMLINK_FOLLOW, below, OpenFlags::DIRECTORY, DescriptorFlags::READ) {
            Ok(folder) => Ok(folder),
            Err(ErrorCode::NoEntry) => Err(no_container(cli)),
            Err(error) => Err(cannot("open", path, code(error))),
        }
    })
    .map_err(Failure::from)
}

/// Open an input. A pipe is not: opening one blocks, and WASI could not read it.
pub(crate) fn input(path: &str) -> Result<Descriptor, String> {
    covering(path, |root, below| {
        let follow = PathFlags::SYMLINK_FOLLOW;
        let found = root.stat_at(follow, below).map_err(|error| cannot_read("open", path, error))?;
        let how = match found.type_ {
            DescriptorType::Directory => OpenFlags::DIRECTORY,
            DescriptorType::RegularFile => OpenFlags::empty(),
            // Among them pipes, which wasmtime calls unknown.
            _ => return Err(special(path)),
        };
        root.open_at(follow, below, how, DescriptorFlags::READ).map_err(|error| cannot_read("open", path, error))
    })
}

/// Write an object to a file.
pub(crate) fn save(store: &Store, id: &ObjectId, path: &str) -> Result<(), Failure> {
    covering(path, |root, below| {
        let dir = WasiDir::new(root).map_err(|code| cannot("open the folder of", path, code))?;
        match dir.metadata(below) {
            _ if path.ends_with('/') => return Err(cannot("write", path, Code::IsDirectory)),
            Ok(found) if found.kind == Kind::Dir => return Err(cannot("write", path, Code::IsDirectory)),
            Ok(found) if found.kind == Kind::Other => {
                let path = shown(path);
                return Err(format!("{path} is not a regular file: use `loosepack get ID > {path}`"));
            }
            _ => {}
        }
        Ok(store.container.get_to_file(id, &dir, below).map(|_| ()).map_err(|error| match error {
            Error::Io(failure) if failure.path == below => cannot(&failure.operation, path, failure.code).into(),
            error => store.failure(error),
        }))
    })?
}

/// Give `visit` the preopened directory that covers a path, and the path below it.
fn covering<T>(path: &str, visit: impl FnOnce(&Descriptor, &str) -> Result<T, String>) -> Result<T, String> {
    PREOPENED.with(|preopened| {
        let names = preopened.iter().map(|(_, name)| name.as_str());
        match preopens::cover(names, path) {
            Some((place, below)) => visit(&preopened[place].0, &below),
            None => Err(format!(
                "nothing is granted for {path}: give it with `wasmtime run --dir DIR ...`, where DIR is a folder that it \
                 is in",
                path = shown(path)
            )),
        }
    })
}

fn sync_parent(root: &Descriptor, below: &str) -> Result<(), Code> {
    let parent = below.rsplit_once('/').map_or(".", |(parent, _)| parent);
    WasiDir::new(root)?.sync_dir(parent)
}
