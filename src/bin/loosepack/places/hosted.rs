//! What the native host hands over: what the command line names, and nothing else.

use loosepack::bindings::loosepack::store::grants;
use loosepack::bindings::wasi::filesystem::types::{Descriptor, ErrorCode};
use loosepack::cli::Cli;
use loosepack::dir::wasi::{WasiFile, code};
use loosepack::{Error, ObjectId, export};

use super::{cannot, cannot_read};
use crate::failure::Failure;
use crate::store::{Store, no_container};

/// The container's directory, made when the command makes containers.
pub(crate) fn container(cli: &Cli) -> Result<Descriptor, Failure> {
    match grants::container(cli.grants().create_container) {
        Ok(folder) => Ok(folder),
        Err(ErrorCode::NoEntry) => Err(no_container(cli).into()),
        Err(error) => Err(cannot("open", &cli.directory, code(error)).into()),
    }
}

/// Open an input.
pub(crate) fn input(path: &str) -> Result<Descriptor, String> {
    grants::input(path).map_err(|error| cannot_read("open", path, error))
}

/// Write an object to a file. One that was there before stays until all is written.
pub(crate) fn save(store: &Store, id: &ObjectId, path: &str) -> Result<(), Failure> {
    // First, so that there is no file for an object that is absent.
    let mut reader = store.container.reader(id).map_err(|error| store.failure(error))?;
    let output = grants::Output::open(path).map_err(|error| cannot("create", path, code(error)))?;
    let file = WasiFile::new(output.file());
    export::to(&mut reader, &file, path).map_err(|error| match error {
        Error::Io(failure) if failure.path == path => cannot(&failure.operation, path, failure.code).into(),
        error => store.failure(error),
    })?;
    drop(file);
    grants::Output::commit(output).map_err(|error| cannot("create", path, code(error)).into())
}
