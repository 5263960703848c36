//! `loosepack init`

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use loosepack::format::DEFAULT_COMPRESSION_LEVEL;
use loosepack::{Config, Sharing};

use crate::failure::{Failure, Outcome};
use crate::session::Session;
use crate::sizes;

/// Make a container in an empty directory
#[derive(Debug, clap::Args)]
#[command(after_help = "\
An interrupted `init` is completed by the next one.

With --shared group, everyone in the group of the directory can add, read, pack and delete, whatever their umask. Give the
directory the right group first: `mkdir store; chgrp GROUP store`.

Examples:
  loosepack init store
  loosepack -C store init --pack-target 1G
  loosepack init store --shared group")]
pub(crate) struct Init {
    /// The container, as with -C
    #[arg(value_name = "DIR", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub(super) dir: Option<PathBuf>,

    /// Start another pack when one has this size: bytes, or a number with K, M, G or T (powers of 1024)
    #[arg(long, value_name = "SIZE", default_value = "4G", value_parser = sizes::parse)]
    pack_target: u64,

    /// zlib level used when packing with compression: 1 is fast, 9 is small
    #[arg(long, value_name = "1-9", default_value_t = DEFAULT_COMPRESSION_LEVEL,
          value_parser = clap::value_parser!(u8).range(1..=9))]
    compression_level: u8,

    /// Let others use the container as its owner does
    #[arg(long, value_name = "WHO")]
    shared: Option<Shared>,
}

/// Who may use a container besides its owner.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Shared {
    /// The group of the directory
    Group,
}

impl Init {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        let shared = match self.shared {
            None => Sharing::Umask,
            Some(Shared::Group) => Sharing::Group,
        };
        let config = Config { pack_target: self.pack_target, compression_level: self.compression_level, shared };
        let store = session.create(config)?;
        let id = store.id().map_err(|error| session.failure(error))?;
        let made = session.about(&format!("made container {id}"));
        session.out.line(&made)?;
        Ok(Outcome::Done)
    }
}
