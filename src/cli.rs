//! The command line's definition: what the command parses, and what the native host parses to know what to grant.

pub mod names;
pub mod preopens;
pub mod sizes;

// `clap::Subcommand` writes `format!`.
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::options::{Access, Compression};

/// The name that stands for standard input, or standard output.
pub const STANDARD: &str = "-";

/// Keep any number of objects, each under the SHA-256 of its bytes
///
/// A container is a directory that holds objects. One that is added is a file of its own, until `pack` moves it into
/// one of a few large files. Who reads never needs to know which.
#[derive(Debug, Clone, PartialEq, Eq, clap::Parser)]
#[command(name = "loosepack", version, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Cli {
    /// The container
    #[arg(short = 'C', long, global = true, value_name = "DIR", env = "LOOSEPACK_DIR", default_value = ".")]
    pub directory: String,

    /// Do not wait until what is written is on the device: for scratch data, which a power cut may cost
    #[arg(long, global = true)]
    pub no_sync: bool,

    /// Wait this long for another packer to end (add --to-pack, pack, clean)
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 0)]
    pub wait: u64,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  loosepack -C store init             make a container in the directory `store`
  loosepack -C store add -r photos    add a folder's files; prints `HASH  PATH`, as sha256sum does
  loosepack -C store get HASH > file  the bytes again, checked
  loosepack -C store pack             many small files into a few large ones
  loosepack -C store clean            remove the small ones

Exit status:
  0  done; also when the reader of the output has gone
  1  an object is absent, or damage was found
  2  wrong use, or failure (a WASI runtime other than loosepack's own tells it as 1)";

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, clap::Subcommand)]
pub enum Command {
    /// Make a container in an empty directory
    #[command(after_help = "\
Example:
  loosepack -C store init --pack-target 1G")]
    Init(Init),

    /// Add files and print their ids
    #[command(after_help = "\
Prints `HASH  PATH` for each file, as sha256sum does, once it is durable. A file that cannot be
added is reported and does not stop the others. In folders, symbolic links and special files are
skipped.

Examples:
  loosepack add a.txt b.txt
  loosepack add -r photos > photos.sha256
  loosepack add --to-pack --compress auto -r dataset
  tar c project | loosepack add -")]
    Add(Add),

    /// Write out the bytes of an object
    #[command(after_help = "\
The bytes are checked against the id. Damage may be known only at the end: what has come out on
standard output until then must not be used; a FILE stays what it was.

Examples:
  loosepack get HASH | tar x
  loosepack get HASH -o photo.jpg")]
    Get(Get),

    /// Tell which objects there are
    #[command(after_help = "\
Prints `ID  present` or `ID  absent` for each. The exit status is 1 if any is absent.

Examples:
  loosepack has HASH
  sha256sum *.jpg | loosepack has -")]
    Has(Ids),

    /// List all objects, sorted
    Ls(Ls),

    /// Tell what is known of objects
    Info(Ids),

    /// Move loose objects into packs
    #[command(after_help = "\
Can be done at any time: nobody who adds or reads needs to stop. The loose files stay until
`clean`. Each object is hashed again; a damaged one is reported and left where it is.

Example:
  loosepack -C store pack && loosepack -C store clean")]
    Pack(Pack),

    /// Remove the loose files of packed objects, and what writers that crashed left behind
    #[command(after_help = "\
Can be done at any time: nobody who adds or reads needs to stop. No object is ever removed.")]
    Clean(Format),

    /// Tell how much is stored
    Status(Format),

    /// Remove the mark of a packer that was killed
    #[command(after_help = "\
A packer leaves a mark, so that there is one at a time. One that was killed may leave it behind.
Without --force nothing is done.")]
    Unlock(Unlock),
}

/// Settings of a container, fixed when it is made.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Init {
    /// Begin another pack when one has this size: bytes, or a number with K, M, G or T (powers of 1024)
    #[arg(long, value_name = "SIZE", default_value = "4G", value_parser = sizes::parse)]
    pub pack_target: u64,

    /// zlib level of what is packed with compression: 1 is fast, 9 is small
    #[arg(long, value_name = "1-9", default_value_t = crate::layout::DEFAULT_COMPRESSION_LEVEL,
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

/// What a command line names, and so grants: nothing else of the host is within reach of the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    /// The container's directory.
    pub container: String,
    /// Make that directory when it is absent.
    pub create_container: bool,
    /// The container is written to; otherwise its directory is granted for reading only.
    pub writable: bool,
    /// Files, and with `recursive` also folders, for reading only. Standard input is not among them.
    pub inputs: Vec<String>,
    /// An input may be a folder; otherwise a folder among the inputs is a mistake, and what is in it is not granted.
    pub recursive: bool,
    /// The file that is written. Standard output is none.
    pub output: Option<String>,
}

impl Cli {
    /// What this command line grants.
    pub fn grants(&self) -> Grants {
        let (inputs, recursive) = match &self.command {
            Command::Add(add) => (add.paths.iter().filter(|path| *path != STANDARD).cloned().collect(), add.recursive),
            _ => (Vec::new(), false),
        };
        Grants {
            container: self.directory.clone(),
            create_container: matches!(self.command, Command::Init(_)),
            writable: self.access() == Access::ReadWrite,
            inputs,
            recursive,
            output: match &self.command {
                Command::Get(get) => get.file().map(String::from),
                _ => None,
            },
        }
    }

    /// What is done with the container.
    pub fn access(&self) -> Access {
        match self.command {
            Command::Init(_) | Command::Add(_) | Command::Pack(_) | Command::Clean(_) | Command::Unlock(_) => {
                Access::ReadWrite
            }
            Command::Get(_) | Command::Has(_) | Command::Ls(_) | Command::Info(_) | Command::Status(_) => {
                Access::ReadOnly
            }
        }
    }
}

impl Get {
    /// The file to write; `None` is standard output.
    pub fn file(&self) -> Option<&str> {
        self.output.as_deref().filter(|file| *file != STANDARD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory as _, Parser as _};

    fn parse(line: &str) -> Cli {
        Cli::try_parse_from(line.split(' ')).unwrap()
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_is_named_is_granted_and_nothing_else() {
        let grants = parse("loosepack add a - -r b -C store").grants();
        assert_eq!((grants.container.as_str(), grants.writable, grants.create_container), ("store", true, false));
        assert_eq!((grants.inputs, grants.recursive, grants.output), (["a", "b"].map(String::from).into(), true, None));

        let grants = parse("loosepack -C store get 00 -o file").grants();
        assert!(!grants.writable && grants.inputs.is_empty());
        assert_eq!(grants.output.as_deref(), Some("file"));
        assert_eq!(parse("loosepack get 00 -o -").grants().output, None);

        let grants = parse("loosepack -C store init").grants();
        assert!(grants.writable && grants.create_container);
    }
}
