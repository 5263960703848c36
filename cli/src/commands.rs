//! The subcommands, one file each.

mod add;
mod backup;
mod batch;
mod clean;
mod clone;
mod completions;
mod delete;
mod doctor;
mod export;
mod fold;
mod gc;
mod get;
mod has;
mod import;
mod info;
mod init;
mod ls;
mod pack;
mod pull;
mod push;
mod reindex;
mod remote;
mod repack;
mod repair;
mod restore;
mod serve;
mod status;
mod unlock;
mod verify;

use std::path::Path;

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
    Gc(gc::Gc),
    Repack(repack::Repack),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Repair(repair::Repair),
    Status(status::Status),
    Verify(verify::Verify),
    Doctor(doctor::Doctor),
    Serve(serve::Serve),
    Clone(clone::Clone),
    Push(push::Push),
    Pull(pull::Pull),
    Remote(remote::Remote),
    Import(import::Import),
    Export(export::Export),
    Reindex(reindex::Reindex),
    Fold(fold::Fold),
    Unlock(unlock::Unlock),
    Batch(batch::Batch),
    Completions(completions::Completions),
}

impl Command {
    /// The container, if an argument of the subcommand names it.
    pub(crate) fn directory(&self) -> Option<&Path> {
        match self {
            Command::Init(command) => command.dir.as_deref(),
            _ => None,
        }
    }

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
            Command::Gc(command) => command.run(session),
            Command::Repack(command) => command.run(session),
            Command::Backup(command) => command.run(session),
            Command::Restore(command) => command.run(session),
            Command::Repair(command) => command.run(session),
            Command::Status(command) => command.run(session),
            Command::Verify(command) => command.run(session),
            Command::Doctor(command) => command.run(session),
            Command::Serve(command) => command.run(session),
            Command::Clone(command) => command.run(session),
            Command::Push(command) => command.run(session),
            Command::Pull(command) => command.run(session),
            Command::Remote(command) => command.run(session),
            Command::Import(command) => command.run(session),
            Command::Export(command) => command.run(session),
            Command::Reindex(command) => command.run(session),
            Command::Fold(command) => command.run(session),
            Command::Unlock(command) => command.run(session),
            Command::Batch(command) => command.run(session),
            Command::Completions(command) => command.run(session),
        }
    }
}

/// The failure of a build that cannot reach object storage.
#[cfg(not(feature = "remote"))]
fn no_remotes() -> Failure {
    "this build knows no remotes: use the native command `loosepack`".to_string().into()
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
