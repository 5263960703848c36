//! The container: making, opening and packing it.

use std::fs;

use loosepack_guest::container::Container;
use loosepack_guest::directory;
use loosepack_guest::maintenance::pack_and_clean;
use loosepack_guest::store_types::{Access, Compression, Config, Error, OpenOptions};

use crate::failure::{Failure, Outcome};

/// Opens the container at a path.
pub(crate) fn open(path: &str, access: Access) -> Result<Container, Failure> {
    let dir = directory(path).map_err(|error| Failure(error.to_string()))?;
    Container::open(&dir, &options(access)).map_err(|error| failure(path, &error))
}

/// Makes a container in a folder, which is made if it does not exist.
pub(crate) fn init(path: &str) -> Result<Outcome, Failure> {
    if !fs::metadata(path).is_ok_and(|found| found.is_dir()) {
        fs::create_dir_all(path).map_err(|error| Failure::cannot(format_args!("create {path}"), error))?;
    }
    let dir = directory(path).map_err(|error| Failure(error.to_string()))?;
    let container = Container::create(&dir, Config::default(), &options(Access::ReadWrite))
        .map_err(|error| failure(path, &error))?;
    println!("{path}: made container {}", container.id());
    Ok(Outcome::Complete)
}

/// Moves loose objects into packs, and removes their files.
pub(crate) fn pack(path: &str) -> Result<Outcome, Failure> {
    let container = open(path, Access::ReadWrite)?;
    let job = pack_and_clean(&container, Compression::Auto).map_err(|error| failure(path, &error))?;
    let mut outcome = Outcome::Complete;
    loop {
        let progress = job.step().map_err(|error| failure(path, &error))?;
        for problem in progress.problems.iter().chain(&progress.unread) {
            eprintln!("tarstore: {path}/{}: {}", problem.file, problem.message);
            outcome = Outcome::Incomplete;
        }
        if progress.finished {
            println!("packed {} objects, {} bytes", progress.objects, progress.bytes);
            return Ok(outcome);
        }
    }
}

/// The failure of the store for the container at `path`.
pub(crate) fn failure(path: &str, error: &Error) -> Failure {
    Failure(format!("{path}: {}", error.message()))
}

fn options(access: Access) -> OpenOptions {
    OpenOptions { access, holder: "tarstore".into(), ..OpenOptions::default() }
}
