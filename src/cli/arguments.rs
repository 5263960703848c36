//! The arguments of each subcommand.

use alloc::string::String;
use alloc::vec::Vec;
use core::str::FromStr;

use super::{STANDARD, sizes};
use crate::Part;
use crate::format::container_json::DEFAULT_COMPRESSION_LEVEL;
use crate::options::Compression;

/// Settings of a container, fixed when it is made.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Init {
    /// Begin another pack when one has this size: bytes, or a number with K, M, G or T (powers of 1024)
    #[arg(long, value_name = "SIZE", default_value = "4G", value_parser = sizes::parse)]
    pub pack_target: u64,

    /// zlib level of what is packed with compression: 1 is fast, 9 is small
    #[arg(long, value_name = "1-9", default_value_t = DEFAULT_COMPRESSION_LEVEL,
          value_parser = clap::value_parser!(u8).range(1..=9))]
    pub compression_level: u8,
}

/// What to add.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Add {
    /// Files; `-` is standard input
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<String>,

    /// Add all files that are in folders, and in folders within
    #[arg(short, long)]
    pub recursive: bool,

    /// Write to packs at once: faster for many files, but only one at a time can do it
    #[arg(long)]
    pub to_pack: bool,

    /// When to compress; otherwise never
    #[arg(long, value_name = "WHEN", requires = "to_pack")]
    pub compress: Option<Compress>,

    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

/// What to write out.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Get {
    /// Objects, written out one after the other; `-` reads lines from standard input: an id, or what `add` and sha256sum
    /// print
    #[arg(value_name = "ID", required = true)]
    pub ids: Vec<String>,

    /// Write the one object to this file, which appears, or is replaced, when all is there and checked
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<String>,
}

/// Which objects.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Ids {
    /// Objects; `-` reads lines from standard input: an id, or what `add` and sha256sum print
    #[arg(value_name = "ID", required = true)]
    pub ids: Vec<String>,

    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

/// How to list.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Ls {
    /// Tell the size of each, and where it is
    #[arg(short, long)]
    pub long: bool,

    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

/// How to pack.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Pack {
    /// When to compress
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub compress: Compress,

    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

/// What to verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub struct Verify {
    /// Do a share of the work: number I, counted from 0, of N that are started
    #[arg(long, value_name = "I/N", default_value = "0/1", hide_default_value = true)]
    pub shard: Shard,

    /// Leave out so many units of work, as they were done before it was stopped
    #[arg(long, value_name = "UNITS", default_value_t = 0, hide_default_value = true)]
    pub from: u64,

    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

/// A share of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Its number, from 0 on.
    pub number: u32,
    /// Of so many.
    pub of: u32,
}

impl FromStr for Shard {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, of) = text.split_once('/').ok_or("it is I/N, as 0/4 is the first of four")?;
        match (number.parse(), of.parse()) {
            (Ok(number), Ok(of)) if number < of => Ok(Shard { number, of }),
            _ => Err("it is I/N with I less than N, as 0/4 is the first of four"),
        }
    }
}

impl Verify {
    /// What part of the container that is.
    pub fn part(&self) -> Part {
        Part { from: self.from, shards: self.shard.of, shard: self.shard.number }
    }
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub struct Format {
    /// Print JSON: an object on each line
    #[arg(long)]
    pub json: bool,
}

/// How sure the user is.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Unlock {
    /// No packer runs, on any machine: two at once would damage the container
    #[arg(long, required = true)]
    pub force: bool,
}

/// When to compress what is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Compress {
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

impl Get {
    /// The file to write; `None` is standard output.
    pub fn file(&self) -> Option<&str> {
        self.output.as_deref().filter(|file| *file != STANDARD)
    }
}
