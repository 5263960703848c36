//! The subcommands, one file each.

mod add;
mod clean;
mod delete;
mod export;
mod get;
mod has;
mod import;
mod info;
mod init;
mod ls;
mod pack;
mod reindex;
mod status;
mod unlock;
mod verify;

use loosepack::Compression;

use crate::failure::{Failure, Outcome};
use crate::session::Session;

/// A subcommand.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Init(init::Init),
    Add(add::Add),
    Get(get::Get),
    Has(has::Has),
    Ls(ls::Ls),
    Info(info::Info),
    Delete(delete::Delete),
    Pack(pack::Pack),
    Clean(clean::Clean),
    Status(status::Status),
    Verify(verify::Verify),
    Import(import::Import),
    Export(export::Export),
    Reindex(reindex::Reindex),
    Unlock(unlock::Unlock),
}

impl Command {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        match self {
            Command::Init(command) => command.run(session),
            Command::Add(command) => command.run(session),
            Command::Get(command) => command.run(session),
            Command::Has(command) => command.run(session),
            Command::Ls(command) => command.run(session),
            Command::Info(command) => command.run(session),
            Command::Delete(command) => command.run(session),
            Command::Pack(command) => command.run(session),
            Command::Clean(command) => command.run(session),
            Command::Status(command) => command.run(session),
            Command::Verify(command) => command.run(session),
            Command::Import(command) => command.run(session),
            Command::Export(command) => command.run(session),
            Command::Reindex(command) => command.run(session),
            Command::Unlock(command) => command.run(session),
        }
    }
}

/// When to compress what is packed.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Compress {
    /// Store bytes as they are
    Never,
    /// Compress each object
    Always,
    /// Compress an object when a sample of it becomes smaller
    Auto,
}

impl From<Compress> for Compression {
    fn from(compress: Compress) -> Self {
        match compress {
            Compress::Never => Compression::Never,
            Compress::Always => Compression::Always,
            Compress::Auto => Compression::Auto,
        }
    }
}
