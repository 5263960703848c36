//! The command line of loosepack, over any [`Store`].
//!
//! It is compiled natively, where the crate `loosepack-host` keeps the store in a sandbox, and to WASI, with the store
//! built in. [`run`] is the program; a [`Host`] is what the two differ in.
//!
//! One subcommand is one file of `commands`: its arguments, its help, and what it does.

mod advice;
mod commands;
mod exchange;
mod exclude;
mod failure;
mod fetch;
mod folder;
mod ids;
mod input;
mod intake;
mod jobs;
mod lines;
mod names;
mod output;
pub mod preopens;
mod progress;
#[cfg(feature = "remote")]
mod remotes;
mod report;
mod save;
mod session;
mod sizes;
mod spans;
mod tree;
mod walk;

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{CommandFactory as _, FromArgMatches as _};
use loosepack::{BackupOptions, Config, Job, ObjectId, Options, Result, Store};

use crate::commands::Command;
use crate::failure::{Failure, Outcome, tell};
use crate::output::Output;
use crate::session::Session;

/// The name of standard input and standard output.
const STANDARD: &str = "-";

/// The environment that the program runs in.
pub trait Host: Sync {
    /// Opens the container in a directory, or, where there are remotes, that of a URL.
    ///
    /// # Errors
    /// Those of opening it.
    fn open(&self, dir: &Path, options: Options) -> Result<Box<dyn Store>>;

    /// Opens a container whose index may be damaged or gone.
    ///
    /// # Errors
    /// Those of opening it.
    fn open_damaged(&self, dir: &Path, options: Options) -> Result<Box<dyn Store>>;

    /// Makes a container in a directory. Creates the directory if it is missing.
    ///
    /// # Errors
    /// Those of making it.
    fn create(&self, dir: &Path, config: Config, options: Options) -> Result<Box<dyn Store>>;

    /// Opens the container in a directory, and starts a job between it and another directory.
    ///
    /// # Errors
    /// Those of opening either, and of starting the job.
    fn transfer(&self, dir: &Path, options: Options, other: &Path, transfer: &Transfer) -> Result<Box<dyn Job>>;

    /// Returns the remotes that are in use.
    #[cfg(feature = "remote")]
    fn remotes(&self) -> &loosepack_remote::Remotes;

    /// Opens what a view of a remote shows.
    ///
    /// # Errors
    /// Those of opening it.
    #[cfg(feature = "remote")]
    fn open_view(&self, view: &loosepack_remote::View, options: Options) -> Result<Box<dyn Store>>;

    /// Returns the name of this process, for others who want the pack lock.
    fn holder(&self) -> String;

    /// Something is about to be written: from now on, what [`Host::make`] made is removed when the process is
    /// interrupted.
    ///
    /// # Errors
    /// When that cannot be arranged.
    fn writes(&self) -> io::Result<()> {
        Ok(())
    }

    /// Creates a file that is removed if the process is interrupted.
    ///
    /// # Errors
    /// Those of `create`.
    fn make(&self, _path: &Path, create: &mut dyn FnMut() -> io::Result<File>) -> io::Result<File> {
        create()
    }

    /// A file that was made so has its final name, or is gone.
    fn made(&self, _path: &Path) {}
}

/// What is copied between a container and another directory.
#[derive(Debug, Clone)]
pub enum Transfer {
    /// Objects of the container in the other directory, these or all, are copied to this one.
    Import(Option<Vec<ObjectId>>),
    /// Damaged objects are mended with those of the container in the other directory.
    Repair,
    /// The other directory, made when it is missing, becomes a copy of the container.
    Backup(BackupOptions),
}

/// Keep any number of objects, each under the SHA-256 of its bytes
///
/// A container is a directory of objects. Each added object is a file of its own until `pack` moves it into one of a few
/// large files. Readers never need to know which.
#[derive(Debug, clap::Parser)]
#[command(name = "loosepack", version, max_term_width = 100, after_help = AFTER_HELP)]
struct Cli {
    #[command(flatten)]
    global: Global,

    #[command(subcommand)]
    command: Command,
}

/// Options of all subcommands.
#[derive(Debug, Clone, clap::Args)]
struct Global {
    /// The container: a directory, or the URL of a remote
    #[arg(short = 'C', long, global = true, value_name = "DIR", env = "LOOSEPACK_DIR", default_value = HERE,
          value_parser = OsStringValueParser::new().map(PathBuf::from))]
    directory: PathBuf,

    /// Skip fsync: faster, but a power failure may lose recent writes
    #[arg(long, global = true)]
    no_sync: bool,

    /// Wait up to this long for another packer to finish
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 0)]
    wait: u64,

    /// Show no progress, and report no notes
    #[arg(short, long, global = true)]
    quiet: bool,
}

/// The container where none is named.
const HERE: &str = ".";

impl Global {
    /// Takes the container that an argument of the subcommand names.
    fn set_directory(&mut self, directory: &Path) -> Result<(), String> {
        if self.directory != Path::new(HERE) && self.directory != directory {
            let [option, argument] = [&self.directory, directory].map(names::shown);
            return Err(format!("the container is {option} by -C or LOOSEPACK_DIR, and {argument} by DIR: name one"));
        }
        self.directory = directory.into();
        Ok(())
    }
}

const AFTER_HELP: &str = "\
Examples:
  loosepack -C store init             make a container in the directory `store`
  loosepack -C store add -r photos    add a folder's files; prints `HASH  PATH`, as sha256sum does
  loosepack -C store get HASH > file  get the bytes back, checked
  loosepack -C store pack --clean     move many small files into a few large ones
  loosepack -C store backup DIR       copy what is new to a backup
  loosepack -C store doctor           check everything, and say what to do

Exit status:
  0  success; also when the reader of the output has gone
  1  an object is absent, or damage was found
  2  wrong use, or failure (WASI runtimes report it as 1)";

/// Options of all subcommands that the help of some does not show, because they mean nothing there.
const UNUSED: [(&str, &[&str]); 2] = [
    ("no_sync", &["get", "has", "ls", "info", "status", "verify", "doctor", "serve", "completions"]),
    ("wait", &["init", "get", "has", "ls", "info", "status", "verify", "doctor", "serve", "unlock", "completions"]),
];

/// Returns the definition of the command line, from which manual pages and completions are made as well.
pub fn definition() -> clap::Command {
    let mut definition = Cli::command();
    for (option, subcommands) in UNUSED {
        let hidden = definition.get_arguments().find(|argument| argument.get_id() == option).cloned();
        definition = definition.mut_subcommands(|subcommand| match &hidden {
            Some(hidden) if subcommands.contains(&subcommand.get_name()) => subcommand.arg(hidden.clone().hide(true)),
            _ => subcommand,
        });
    }
    definition
}

/// Runs the program with these arguments, its own name first.
pub fn run(host: &dyn Host, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let parsed = definition().try_get_matches_from(arguments).and_then(|found| Cli::from_arg_matches(&found));
    let outcome = match parsed {
        Ok(cli) => execute(host, &cli),
        Err(answer) => refuse(&answer),
    };
    match outcome {
        Outcome::Done => ExitCode::SUCCESS,
        Outcome::Lacking => ExitCode::from(1),
        Outcome::Failed => ExitCode::from(2),
    }
}

/// The arguments were wrong, or asked for help.
fn refuse(answer: &clap::Error) -> Outcome {
    if !answer.use_stderr() {
        // A reader that has gone has read enough.
        drop(answer.print());
        return Outcome::Done;
    }
    match answer.render().to_string().strip_prefix("error: ") {
        Some(message) => tell(message.trim_end()),
        // The help, for lack of a command.
        None => drop(answer.print()),
    }
    Outcome::Failed
}

fn execute(host: &dyn Host, cli: &Cli) -> Outcome {
    let mut global = cli.global.clone();
    if let Some(directory) = cli.command.directory()
        && let Err(problem) = global.set_directory(directory)
    {
        tell(&problem);
        return Outcome::Failed;
    }
    let mut session = Session::new(host, &global, Output::new());
    let result = cli.command.run(&mut session);
    #[cfg(feature = "remote")]
    if !session.is_quiet()
        && let Some(requests) = host.remotes().requests().filter(|requests| requests.all() > 0)
    {
        tell(remotes::account(&requests));
    }
    // Flushed in any case: what was printed before a failure is true.
    let flushed = session.out.flush();
    match (result, flushed) {
        (Ok(outcome), Ok(())) => outcome,
        (Ok(Outcome::Failed), Err(Failure::ReaderGone)) => Outcome::Failed,
        (Err(Failure::ReaderGone), _) | (Ok(_), Err(Failure::ReaderGone)) => Outcome::Done,
        (Err(Failure::Told { outcome, message }), _) | (Ok(_), Err(Failure::Told { outcome, message })) => {
            tell(&message);
            outcome
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches as _;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        definition().debug_assert();
    }

    #[test]
    fn options_that_mean_nothing_are_taken_and_not_shown() {
        let mut definition = definition();
        definition.build();
        for (option, subcommands) in UNUSED {
            for subcommand in definition.get_subcommands() {
                let argument = subcommand.get_arguments().find(|argument| argument.get_id() == option);
                let hides = argument.is_some_and(clap::Arg::is_hide_set);
                assert_eq!(hides, subcommands.contains(&subcommand.get_name()), "{option} {}", subcommand.get_name());
            }
            for name in subcommands {
                assert!(definition.find_subcommand(name).is_some(), "{name}");
            }
        }
        for arguments in
            [&["loosepack", "--wait", "7", "ls", "--no-sync"][..], &["loosepack", "ls", "--no-sync", "--wait", "7"]]
        {
            let found = super::definition().try_get_matches_from(arguments).expect("they are taken");
            let cli = Cli::from_arg_matches(&found).expect("they fit");
            assert!(cli.global.no_sync && cli.global.wait == 7);
        }
    }
}
