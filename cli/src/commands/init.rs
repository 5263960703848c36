//! `loosepack init`

use loosepack::Config;
use loosepack::format::DEFAULT_COMPRESSION_LEVEL;

use crate::failure::{Failure, Outcome};
use crate::session::Session;
use crate::sizes;

/// Make a container in an empty directory
#[derive(Debug, clap::Args)]
#[command(after_help = "\
An interrupted `init` is completed by the next one.

Example:
  loosepack -C store init --pack-target 1G")]
pub(crate) struct Init {
    /// Start another pack when one has this size: bytes, or a number with K, M, G or T (powers of 1024)
    #[arg(long, value_name = "SIZE", default_value = "4G", value_parser = sizes::parse)]
    pack_target: u64,

    /// zlib level used when packing with compression: 1 is fast, 9 is small
    #[arg(long, value_name = "1-9", default_value_t = DEFAULT_COMPRESSION_LEVEL,
          value_parser = clap::value_parser!(u8).range(1..=9))]
    compression_level: u8,
}

impl Init {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        let config = Config { pack_target: self.pack_target, compression_level: self.compression_level };
        let store = session.create(config)?;
        let id = store.id().map_err(|error| session.failure(error))?;
        let made = session.about(&format!("made container {id}"));
        session.out.line(&made)?;
        Ok(Outcome::Done)
    }
}
