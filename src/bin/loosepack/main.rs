//! The command: a WASI program around the store.
//!
//! There are two builds. In the portable one, paths lie in the directories that the runtime preopened. In the hosted one
//! (feature `hosted`) the native host hands over exactly what the command line names.

#![cfg(target_arch = "wasm32")]

mod add;
mod clean;
mod failure;
mod get;
mod has;
mod ids;
mod info;
mod init;
mod jobs;
mod ls;
mod output;
mod pack;
mod places;
mod progress;
mod reindex;
mod status;
mod store;
mod unlock;
mod verify;
mod walk;

use std::process::{self, ExitCode};

use clap::Parser as _;
use loosepack::cli::{Cli, Command};

use crate::failure::{Failure, Outcome, tell};
use crate::output::Output;

fn main() -> ExitCode {
    let outcome = match Cli::try_parse() {
        Ok(cli) => run(&cli),
        Err(answer) => parsed(&answer),
    };
    // WASI 0.2 knows success and failure. So that a host can tell 1 from 2, 1 is an exit that fails, and 2 is a run
    // that fails; a host that does not look makes both 1.
    match outcome {
        Outcome::Done => ExitCode::SUCCESS,
        Outcome::Lacking => process::exit(1),
        Outcome::Failed => ExitCode::from(2),
    }
}

/// The arguments were wrong, or asked for help.
fn parsed(answer: &clap::Error) -> Outcome {
    if !answer.use_stderr() {
        // A reader that has gone has read enough.
        drop(answer.print());
        return Outcome::Done;
    }
    match answer.render().to_string().strip_prefix("error: ") {
        Some(message) => tell(message.trim_end()),
        // The help, for want of a command.
        None => drop(answer.print()),
    }
    Outcome::Failed
}

fn run(cli: &Cli) -> Outcome {
    let mut out = Output::new();
    let result = dispatch(cli, &mut out);
    // Flushed in any case: what was printed before a failure is true.
    let flushed = out.flush();
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

fn dispatch(cli: &Cli, out: &mut Output) -> Result<Outcome, Failure> {
    match &cli.command {
        Command::Init(init) => init::run(cli, init, out),
        Command::Add(add) => add::run(cli, add, out),
        Command::Get(get) => get::run(cli, get, out),
        Command::Has(ids) => has::run(cli, ids, out),
        Command::Ls(ls) => ls::run(cli, ls, out),
        Command::Info(ids) => info::run(cli, ids, out),
        Command::Pack(pack) => pack::run(cli, pack, out),
        Command::Clean(format) => clean::run(cli, *format, out),
        Command::Status(format) => status::run(cli, *format, out),
        Command::Verify(verify) => verify::run(cli, verify, out),
        Command::Reindex(format) => reindex::run(cli, *format, out),
        Command::Unlock(_) => unlock::run(cli, out),
    }
}
