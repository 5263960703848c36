//! The steps that are measured. Each is a row of the table.

use crate::work::Work;

/// A step. Those of a suite are run in the order they have here, and work on what the ones before have left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// All objects straight to packs, flushed once at the end.
    Direct,
    /// All objects straight to packs, compressed.
    DirectZlib,
    /// All objects of [`Step::Direct`] in one request.
    ReadMany,
    /// Some of them, a request each.
    ReadOne,
    /// Whether they are there, all in one request.
    ExistsMany,
    /// Some of them, a request each.
    ExistsOne,
    /// One of them, by a process started for it.
    Cold,
    /// Check everything that is stored of [`Step::Direct`].
    Verify,
    /// Files of one object each, not flushed.
    Loose,
    /// Files of one object each, each flushed before the next is added.
    LooseSync,
    /// Files of one object each, durable together.
    LooseBatch,
    /// Read those of [`Step::Loose`], a request each.
    ReadLoose,
    /// Move those of [`Step::Loose`] to packs, flushed.
    PackLoose,
    /// Remove the files of what was packed.
    Clean,
    /// Free the bytes of every second object of [`Step::Direct`], which were deleted before, flushed.
    Repack,
    /// Text files to packs, compressed, flushed once.
    Text,
    /// Read all of them.
    TextRead,
    /// Check everything that is stored of them.
    TextVerify,
    /// One large file to a pack, flushed.
    Large,
    /// Read it.
    LargeRead,
    /// The same large file to a pack, compressed, flushed.
    LargeZlib,
    /// Read it.
    LargeZlibRead,
    /// Free the bytes of every second piece of it, each an object of 64 KiB, flushed.
    RepackPieces,
    /// A program adds files that it is given the names of, not flushed.
    AddNamed,
    /// A program adds the named files straight to packs, flushed once.
    AddNamedPacked,
    /// A program adds all files below a folder straight to packs, flushed once.
    AddTree,
    /// A program prints all objects of [`Step::AddNamedPacked`], given their ids.
    GetAll,
    /// A program tells whether they are there.
    HasAll,
    /// A program lists them.
    ListAll,
    /// A container of disk_objectstore, with objects loose, packed, compressed, and both loose and packed, to one that is
    /// empty, flushed.
    Import,
    /// The same objects to an empty container of disk_objectstore, flushed.
    Export,
}

/// Steps that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Suite {
    /// Many objects of 0 to 1000 bytes: the workload by which the Python package presents itself
    Small,
    /// A tree of real text files, compressed
    Text,
    /// One large object
    Large,
    /// Whole processes of the command lines, on the same small objects
    Command,
    /// The same small objects from a container of disk_objectstore, and to one
    Exchange,
    /// One operation in containers of growing size, memory and disk
    Growth,
}

impl Suite {
    /// Its steps.
    pub fn steps(self) -> Vec<Step> {
        Step::ALL.into_iter().filter(|step| step.suite() == self).collect()
    }
}

/// The unit of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Microseconds an object.
    Micros,
    /// Milliseconds in all.
    Millis,
    /// Seconds in all.
    Seconds,
}

impl Unit {
    /// Its sign.
    pub fn sign(self) -> &'static str {
        match self {
            Unit::Micros => "us",
            Unit::Millis => "ms",
            Unit::Seconds => "s",
        }
    }

    /// Converts the seconds spent on `objects` objects.
    pub fn of(self, seconds: f64, objects: usize) -> f64 {
        match self {
            Unit::Micros => seconds * 1e6 / objects as f64,
            Unit::Millis => seconds * 1e3,
            Unit::Seconds => seconds,
        }
    }
}

impl Step {
    /// All steps in their order.
    pub const ALL: [Step; 31] = [
        Step::Direct,
        Step::DirectZlib,
        Step::ReadMany,
        Step::ReadOne,
        Step::ExistsMany,
        Step::ExistsOne,
        Step::Cold,
        Step::Verify,
        Step::Loose,
        Step::LooseSync,
        Step::LooseBatch,
        Step::ReadLoose,
        Step::PackLoose,
        Step::Clean,
        Step::Repack,
        Step::Text,
        Step::TextRead,
        Step::TextVerify,
        Step::Large,
        Step::LargeRead,
        Step::LargeZlib,
        Step::LargeZlibRead,
        Step::RepackPieces,
        Step::AddNamed,
        Step::AddNamedPacked,
        Step::AddTree,
        Step::GetAll,
        Step::HasAll,
        Step::ListAll,
        Step::Import,
        Step::Export,
    ];

    /// The suite it belongs to.
    pub fn suite(self) -> Suite {
        match self {
            _ if self <= Step::Repack => Suite::Small,
            _ if self <= Step::TextVerify => Suite::Text,
            _ if self <= Step::RepackPieces => Suite::Large,
            _ if self <= Step::ListAll => Suite::Command,
            _ => Suite::Exchange,
        }
    }

    /// The label of the row.
    pub fn label(self) -> &'static str {
        match self {
            Step::Direct => "direct to packs, one sync",
            Step::DirectZlib => "direct to packs, compressed",
            Step::ReadMany => "read many",
            Step::ReadOne => "read one by one",
            Step::ExistsMany => "exists, many",
            Step::ExistsOne => "exists, one by one",
            Step::Cold => "cold `get`, whole process",
            Step::Verify => "verify everything",
            Step::Loose => "loose add, no sync",
            Step::LooseSync => "loose add, each synced",
            Step::LooseBatch => "loose adds as one durable batch",
            Step::ReadLoose => "read one by one, loose",
            Step::PackLoose => "pack loose, synced",
            Step::Clean => "clean",
            Step::Repack => "repack, half of the objects deleted",
            Step::Text => "text files to packs, compressed",
            Step::TextRead => "text files, read all",
            Step::TextVerify => "text files, verify everything",
            Step::Large => "large object to a pack",
            Step::LargeRead => "large object, out",
            Step::LargeZlib => "large object to a pack, compressed",
            Step::LargeZlibRead => "large object, compressed, out",
            Step::RepackPieces => "repack, half of its 64 KiB pieces deleted",
            Step::AddNamed => "`add` of named files, no sync",
            Step::AddNamedPacked => "`add --to-pack` of named files",
            Step::AddTree => "`add --to-pack` of a tree",
            Step::GetAll => "`get` of all",
            Step::HasAll => "`has` of all",
            Step::ListAll => "`ls`",
            Step::Import => "import from disk_objectstore",
            Step::Export => "export to disk_objectstore",
        }
    }

    /// The unit of its times.
    pub fn unit(self) -> Unit {
        match self {
            Step::Cold => Unit::Millis,
            _ if matches!(self.suite(), Suite::Small | Suite::Command | Suite::Exchange) => Unit::Micros,
            _ => Unit::Seconds,
        }
    }

    /// How many objects it works on.
    pub fn objects(self, work: &Work) -> usize {
        match self {
            Step::Cold => 1,
            Step::ReadOne | Step::ExistsOne => work.some().len(),
            Step::Loose | Step::LooseBatch | Step::ReadLoose | Step::PackLoose | Step::Clean => work.some().len(),
            Step::LooseSync => work.few().len(),
            // Those that stay.
            Step::Repack => work.contents.len() - work.contents.len() / 2,
            _ if matches!(self.suite(), Suite::Small | Suite::Command | Suite::Exchange) => work.contents.len(),
            _ if self.suite() == Suite::Text => work.texts.paths.len(),
            _ => 1,
        }
    }
}
