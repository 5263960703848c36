//! The context of a subcommand: the container that the command line names, the output, and the wording of failures.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use loosepack::{Access, BackupOptions, Code, Config, Durability, Error, IoFailure, Job, Options, Result, Store};

use crate::failure::{Failure, Outcome};
use crate::names::shown;
use crate::output::Output;
use crate::progress::Progress;
use crate::{Global, Host, Transfer};

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

    /// Returns whether the container is one on object storage, which is read only.
    pub(crate) fn is_remote(&self) -> bool {
        #[cfg(feature = "remote")]
        let is_remote = crate::remotes::url_of(&self.global.directory).is_some();
        #[cfg(not(feature = "remote"))]
        let is_remote = false;
        is_remote
    }

    /// The container is about to be examined: of one on object storage nothing is believed that was fetched before.
    pub(crate) fn examines(&self) -> Result<(), Failure> {
        #[cfg(feature = "remote")]
        if let Some(url) = crate::remotes::url_of(&self.global.directory) {
            let view = crate::remotes::told(url, self.host.remotes().view(url))?;
            view.fetcher
                .forget_all()
                .map_err(|error| about(url.as_ref(), &format!("cannot empty the cache: {error}")))?;
        }
        Ok(())
    }

    /// Opens the container for what the subcommand does with it. What it lacks is read from the remote that it was
    /// pushed to or cloned from.
    pub(crate) fn open(&self, access: Access) -> Result<Box<dyn Store + 'a>, Failure> {
        let here = self.open_here(access)?;
        #[cfg(feature = "remote")]
        let here = crate::remotes::through(here, self.directory()?, self.host, self.options(Access::ReadOnly))?;
        Ok(here)
    }

    /// Opens the container, without any remote.
    pub(crate) fn open_here(&self, access: Access) -> Result<Box<dyn Store>, Failure> {
        self.open_by(access, |host, dir, options| host.open(dir, options))
    }

    /// Opens the container though its index may be damaged or gone.
    pub(crate) fn open_damaged(&self, access: Access) -> Result<Box<dyn Store>, Failure> {
        self.open_by(access, |host, dir, options| host.open_damaged(dir, options))
    }

    /// Opens the container in another directory.
    pub(crate) fn open_other(&self, directory: &Path, access: Access) -> Result<Box<dyn Store>, Failure> {
        let opened = self.host.open(directory, self.options(access));
        opened.map_err(|error| self.failure_in(directory, error))
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
        if access == Access::ReadWrite {
            self.writes()?;
        }
        let directory = self.directory()?;
        open(self.host, directory, self.options(access)).map_err(|error| self.failure_in(directory, error))
    }

    /// How containers are opened.
    pub(crate) fn options(&self, access: Access) -> Options {
        Options {
            access,
            durability: if self.global.no_sync { Durability::None } else { Durability::Full },
            holder: self.host.holder(),
            ..Options::default()
        }
    }

    /// Starts a job between the container and another directory.
    pub(crate) fn transfer(&self, other: &Path, transfer: &Transfer) -> Result<Box<dyn Job>, Failure> {
        self.transfer_from(self.directory()?, other, transfer)
    }

    /// Starts a job between the container in any directory and another directory. While another packer has the pack
    /// lock, tries again for as long as `--wait` says.
    pub(crate) fn transfer_from(
        &self,
        directory: &Path,
        other: &Path,
        transfer: &Transfer,
    ) -> Result<Box<dyn Job>, Failure> {
        self.writes()?;
        // A backup only reads, but to give packs a second name.
        let access = match transfer {
            Transfer::Backup(BackupOptions { link: false, .. }) => Access::ReadOnly,
            _ => Access::ReadWrite,
        };
        // What fails afterwards is about the directory that is written to, or the other one.
        self.host.open(directory, self.options(Access::ReadOnly)).map_err(|error| self.failure_in(directory, error))?;
        self.take_lock_in(other, || self.host.transfer(directory, self.options(access), other, transfer))
    }

    /// Something is about to be written.
    pub(crate) fn writes(&self) -> Result<(), Failure> {
        self.host.writes().map_err(|error| {
            let remedy = "raise the limits of processes and of open files (`ulimit`)";
            format!("cannot start a thread: {error}; {remedy}").into()
        })
    }

    /// Takes the pack lock by way of `take`. While another packer has it, tries again for as long as `--wait` says.
    pub(crate) fn take_lock<T>(&self, take: impl FnMut() -> Result<T>) -> Result<T, Failure> {
        self.take_lock_in(&self.global.directory, take)
    }

    fn take_lock_in<T>(&self, directory: &Path, mut take: impl FnMut() -> Result<T>) -> Result<T, Failure> {
        let (started, patience) = (Instant::now(), Duration::from_secs(self.global.wait));
        loop {
            match take() {
                Err(Error::Locked(_)) if started.elapsed() < patience => thread::sleep(ATTEMPTS),
                result => return result.map_err(|error| self.failure_in(directory, error)),
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
        self.failure_in(&self.global.directory, error)
    }

    /// Words a failure of the container in any directory.
    pub(crate) fn failure_in(&self, directory: &Path, error: Error) -> Failure {
        let outcome = match error {
            Error::NotFound(_) | Error::Corrupt(_) => Outcome::Lacking,
            _ => Outcome::Failed,
        };
        #[cfg(feature = "remote")]
        let is_io = matches!(error, Error::Io(_));
        let message = match error {
            Error::NoContainer => no_container(directory),
            // The directory itself, which is no file in it.
            Error::Io(IoFailure { path, code: Code::NotFound, .. }) if Path::new(&path) == directory => {
                no_container(directory)
            }
            Error::Io(failure) if Path::new(&failure.path) == directory => {
                format!("cannot {} {}: {}", failure.operation, shown(directory), failure.code)
            }
            Error::Locked(holder) => {
                let remedy = "wait for it with --wait SECONDS; if it was killed and left a lock file, remove that with \
                              `loosepack unlock --force`";
                about(directory, &format!("{holder}; {remedy}"))
            }
            error => about(directory, &error.to_string()),
        };
        #[cfg(feature = "remote")]
        let message = match self.host.remotes().failure().filter(|_| is_io) {
            Some(failure) => format!("{message}; {failure}"),
            None => message,
        };
        Failure::Told { outcome, message }
    }

    /// Something about the container, with its name: paths in messages are relative to it. The working directory needs
    /// none.
    pub(crate) fn about(&self, what: &str) -> String {
        about(&self.global.directory, what)
    }
}

/// Something about the container in a directory, or of a URL, with its name.
pub(crate) fn about(directory: &Path, what: &str) -> String {
    #[cfg(feature = "remote")]
    if let Some(url) = crate::remotes::url_of(directory) {
        return format!("{}: {what}", loosepack_remote::harmless(url));
    }
    if directory.as_os_str() == "." { what.into() } else { format!("{}: {what}", shown(directory)) }
}

/// There is none, and what to do.
fn no_container(directory: &Path) -> String {
    if directory.as_os_str() == "." {
        return "there is no container here: name one with -C DIR, or make one with `loosepack -C DIR init`".into();
    }
    let directory = shown(directory);
    format!("there is no container in {directory}: make one with `loosepack -C {directory} init`")
}
