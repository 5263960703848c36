//! The command line's definition: what the command parses, and what the native host parses to know what to grant.

mod arguments;
mod grants;
pub mod names;
pub mod preopens;
pub mod sizes;

// `clap::Subcommand` writes `format!`.
use alloc::format;
use alloc::string::String;

pub use self::arguments::{Add, Compress, Format, Get, Ids, Init, Ls, Pack, Shard, Unlock, Verify};
pub use self::grants::Grants;

/// The name of standard input and standard output.
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

    /// Wait this long for another packer to end (add --to-pack, pack, clean, reindex)
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
One that was interrupted is completed by the next.

Example:
  loosepack -C store init --pack-target 1G")]
    Init(Init),

    /// Add files and print their ids
    #[command(after_help = "\
Prints `HASH  PATH` for each file, as sha256sum does, once it is durable. A file that cannot be
added is reported and does not stop the others. In folders, symbolic links and special files are
skipped. What is stored already, loose or packed, is read and compared, and not stored again.

Examples:
  loosepack add a.txt b.txt
  loosepack add -r photos > photos.sha256
  loosepack add --to-pack --compress auto -r dataset
  tar c project | loosepack add -")]
    Add(Add),

    /// Write out the bytes of an object
    #[command(after_help = "\
The bytes are checked against the id. Finding may be known only at the end: what has come out on
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
`clean`. Each object is hashed again; a damaged one is reported and left where it is. How many are
packed already, and were left for `clean`, is told as a note.

Example:
  loosepack -C store pack && loosepack -C store clean")]
    Pack(Pack),

    /// Remove the loose files of packed objects, and what writers that crashed left behind
    #[command(after_help = "\
Can be done at any time: nobody who adds or reads needs to stop. No object is ever removed. Files that
a writer left unfinished are removed when they are a day old; younger ones are told of in a note.")]
    Clean(Format),

    /// Tell how much is stored
    Status(Format),

    /// Read and check everything: objects, packs, index
    #[command(after_help = "\
Can be done at any time, and takes nobody's place. Finding is reported and does not stop it; the exit
status is 1 if any was found, and 2 if something may not be read: nobody knows whether that is damaged.
What a crash left behind and costs nothing is told as a note.

With --json, a line is {\"file\", \"problem\"} for damage, {\"file\", \"note\"} for a note,
{\"file\", \"unread\"} for what may not be read,
{\"done\", \"total\"} when a unit of work is done; the last one sums up. A unit is one of the 256
directories of loose objects, the index, or a pack.

Examples:
  loosepack -C store verify
  loosepack -C store verify --shard 0/4 --json
  loosepack -C store verify --from 300    go on after 300 units")]
    Verify(Verify),

    /// Rebuild the index from the packs, when it is damaged or gone
    #[command(after_help = "\
Each record of the packs is read and checked. What can still be read of the old index counts as well:
deletions are kept, and so is each entry whose object is damaged, so that its loss is not taken for
its absence. The old index stays until the new one takes its place. Readers and those who add files
need not stop. What is damaged, cannot be read, or is left out is reported, and the exit status is
then 1.")]
    Reindex(Format),

    /// Remove the mark of a packer that was killed
    #[command(after_help = "\
A packer leaves a mark, so that there is one at a time. One that was killed may leave it behind.
Without --force nothing is done.")]
    Unlock(Unlock),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
