//! The container that the command line names.

use std::env;
use std::thread;
use std::time::{Duration, Instant};

use loosepack::bindings::wasi::filesystem::types::Descriptor;
use loosepack::cli::Cli;
use loosepack::cli::names::shown;
use loosepack::dir::wasi::WasiDir;
use loosepack::{Config, Container, Durability, Error, Options};

use crate::failure::{Failure, Outcome};
use crate::places;

/// Between two attempts to take the packer's place.
const ATTEMPTS: Duration = Duration::from_millis(100);

/// The container that the command line names, open.
pub(crate) struct Store<'a> {
    cli: &'a Cli,
    /// Its directory.
    pub(crate) folder: Descriptor,
    /// The container.
    pub(crate) container: Container<WasiDir>,
}

impl<'a> Store<'a> {
    /// Open the container for what the command does with it.
    pub(crate) fn open(cli: &'a Cli) -> Result<Self, Failure> {
        let folder = places::container(cli)?;
        let dir = directory(cli, &folder)?;
        let container = Container::open(dir, options(cli)).map_err(|error| failure(cli, error))?;
        Ok(Store { cli, folder, container })
    }

    /// Open the container though its index may be damaged or gone.
    pub(crate) fn open_damaged(cli: &'a Cli) -> Result<Self, Failure> {
        let folder = places::container(cli)?;
        let dir = directory(cli, &folder)?;
        let container = Container::open_damaged(dir, options(cli)).map_err(|error| failure(cli, error))?;
        Ok(Store { cli, folder, container })
    }

    /// Make the container.
    pub(crate) fn create(cli: &'a Cli, config: Config) -> Result<Self, Failure> {
        let folder = places::container(cli)?;
        let dir = directory(cli, &folder)?;
        let container = Container::create(dir, config, options(cli)).map_err(|error| failure(cli, error))?;
        Ok(Store { cli, folder, container })
    }

    /// Do what takes the packer's place; while another has it, as long as the command line says, try again.
    pub(crate) fn take_place<T>(&self, take: impl Fn(&Container<WasiDir>) -> Result<T, Error>) -> Result<T, Failure> {
        let (started, patience) = (Instant::now(), Duration::from_secs(self.cli.wait));
        loop {
            match take(&self.container) {
                Err(Error::Locked(_)) if started.elapsed() < patience => thread::sleep(ATTEMPTS),
                result => return result.map_err(|error| self.failure(error)),
            }
        }
    }

    /// What failed in the container.
    pub(crate) fn failure(&self, error: Error) -> Failure {
        failure(self.cli, error)
    }

    /// Something about the container, with its name where it has one.
    pub(crate) fn about(&self, what: &str) -> String {
        about(self.cli, what)
    }
}

fn directory(cli: &Cli, folder: &Descriptor) -> Result<WasiDir, Failure> {
    WasiDir::new(folder).map_err(|code| places::cannot("open", &cli.directory, code).into())
}

fn options(cli: &Cli) -> Options {
    Options {
        access: cli.access(),
        durability: if cli.no_sync { Durability::None } else { Durability::Full },
        verify: true,
        holder: env::var("LOOSEPACK_HOLDER").unwrap_or_else(|_| "loosepack (a WASI runtime without locks)".into()),
        ..Options::default()
    }
}

fn failure(cli: &Cli, error: Error) -> Failure {
    let outcome = match error {
        Error::NotFound(_) | Error::Corrupt(_) => Outcome::Lacking,
        _ => Outcome::Failed,
    };
    let message = match error {
        Error::NoContainer => no_container(cli),
        error => about(cli, &error.to_string()),
    };
    Failure::Told { outcome, message }
}

/// Paths in messages are relative to the container: its own name is put before them, unless it is the working directory.
fn about(cli: &Cli, what: &str) -> String {
    match cli.directory.as_str() {
        "." => what.into(),
        directory => format!("{}: {what}", shown(directory)),
    }
}

/// There is none, and what to do.
pub(crate) fn no_container(cli: &Cli) -> String {
    match cli.directory.as_str() {
        "." => "there is no container here: name one with -C DIR, or make one with `loosepack -C DIR init`".into(),
        directory => {
            let directory = shown(directory);
            format!("there is no container in {directory}: make one with `loosepack -C {directory} init`")
        }
    }
}
