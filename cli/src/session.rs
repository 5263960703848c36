//! The context of a subcommand: the container that the command line names, the output, and the wording of failures.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use loosepack::{Access, Code, Config, Durability, Error, IoFailure, Options, Result, Store};

use crate::failure::{Failure, Outcome};
use crate::names::shown;
use crate::output::Output;
use crate::progress::Progress;
use crate::{Global, Host};

/// Between two attempts to take the pack lock.
const ATTEMPTS: Duration = Duration::from_millis(100);

/// The context of a subcommand.
pub(crate) struct Session<'a> {
    pub(crate) host: &'a dyn Host,
    global: &'a Global,
    pub(crate) out: Output,
}

impl<'a> Session<'a> {
    pub(crate) fn new(host: &'a dyn Host, global: &'a Global, out: Output) -> Self {
        Session { host, global, out }
    }

    /// The container's directory.
    pub(crate) fn directory(&self) -> Result<&'a Path, Failure> {
        let directory = &self.global.directory;
        if directory.as_os_str().is_empty() {
            return Err("the container's directory has an empty name: check -C and LOOSEPACK_DIR".to_string().into());
        }
        Ok(directory)
    }

    /// Opens the container for what the subcommand does with it.
    pub(crate) fn open(&self, access: Access) -> Result<Box<dyn Store>, Failure> {
        self.open_by(access, |host, dir, options| host.open(dir, options))
    }

    /// Opens the container though its index may be damaged or gone.
    pub(crate) fn open_damaged(&self, access: Access) -> Result<Box<dyn Store>, Failure> {
        self.open_by(access, |host, dir, options| host.open_damaged(dir, options))
    }

    /// Makes the container.
    pub(crate) fn create(&self, config: Config) -> Result<Box<dyn Store>, Failure> {
        self.open_by(Access::ReadWrite, |host, dir, options| host.create(dir, config, options))
    }

    fn open_by(
        &self,
        access: Access,
        open: impl FnOnce(&dyn Host, &Path, Options) -> Result<Box<dyn Store>>,
    ) -> Result<Box<dyn Store>, Failure> {
        let options = Options {
            access,
            durability: if self.global.no_sync { Durability::None } else { Durability::Full },
            holder: self.host.holder(),
            ..Options::default()
        };
        if access == Access::ReadWrite {
            self.writes()?;
        }
        let directory = self.directory()?;
        open(self.host, directory, options).map_err(|error| match error {
            // The directory itself, which is no file in it.
            Error::Io(IoFailure { path, code: Code::NotFound, .. }) if Path::new(&path) == directory => {
                self.no_container().into()
            }
            Error::Io(failure) if Path::new(&failure.path) == directory => {
                format!("cannot {} {}: {}", failure.operation, shown(directory), failure.code).into()
            }
            error => self.failure(error),
        })
    }

    /// Something is about to be written.
    pub(crate) fn writes(&self) -> Result<(), Failure> {
        self.host.writes().map_err(|error| {
            let remedy = "raise the limits of processes and of open files (`ulimit`)";
            format!("cannot start a thread: {error}; {remedy}").into()
        })
    }

    /// Takes the pack lock by way of `take`. While another packer has it, tries again for as long as `--wait` says.
    pub(crate) fn take_lock<T>(&self, mut take: impl FnMut() -> Result<T>) -> Result<T, Failure> {
        let (started, patience) = (Instant::now(), Duration::from_secs(self.global.wait));
        loop {
            match take() {
                Err(Error::Locked(_)) if started.elapsed() < patience => thread::sleep(ATTEMPTS),
                result => return result.map_err(|error| self.failure(error)),
            }
        }
    }

    /// How far an operation is.
    pub(crate) fn progress(&self) -> Progress {
        Progress::new(self.global.quiet)
    }

    /// Notes are not to be reported.
    pub(crate) fn is_quiet(&self) -> bool {
        self.global.quiet
    }

    /// A power failure may lose what is written.
    pub(crate) fn skips_flushes(&self) -> bool {
        self.global.no_sync
    }

    /// Words a failure of the container.
    pub(crate) fn failure(&self, error: Error) -> Failure {
        let outcome = match error {
            Error::NotFound(_) | Error::Corrupt(_) => Outcome::Lacking,
            _ => Outcome::Failed,
        };
        let message = match error {
            Error::NoContainer => self.no_container(),
            Error::Locked(holder) => {
                let remedy = "wait for it with --wait SECONDS; if it was killed and left a lock file, remove that with \
                              `loosepack unlock --force`";
                self.about(&format!("{holder}; {remedy}"))
            }
            error => self.about(&error.to_string()),
        };
        Failure::Told { outcome, message }
    }

    /// Something about the container, with its name: paths in messages are relative to it. The working directory needs
    /// none.
    pub(crate) fn about(&self, what: &str) -> String {
        match &self.global.directory {
            here if here.as_os_str() == "." => what.into(),
            directory => format!("{}: {what}", shown(directory)),
        }
    }

    /// There is none, and what to do.
    fn no_container(&self) -> String {
        match &self.global.directory {
            here if here.as_os_str() == "." => {
                "there is no container here: name one with -C DIR, or make one with `loosepack -C DIR init`".into()
            }
            directory => {
                let directory = shown(directory);
                format!("there is no container in {directory}: make one with `loosepack -C {directory} init`")
            }
        }
    }
}
