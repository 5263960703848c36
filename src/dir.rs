//! The only door to the disk.
//!
//! Everything the store does to a disk goes through [`Dir`] and [`File`]. There are three implementations, held to one
//! conformance suite: `WasiDir` (the component's: a `wasi:filesystem` descriptor that the caller handed in), `CapDir`
//! (native) and, in the tests, `SimDir`, which loses unsynced data on purpose.
//!
//! # Paths
//!
//! A path is one or more components joined by `/`, relative to the directory, without `.`, `..`, empty components or a
//! trailing slash. The store's own are all made in [`format`](crate::format). `.` alone is the directory itself.
//! A final symbolic link is never followed ([`Code::Loop`]).
//!
//! # Durability
//!
//! - What [`File::write_at`] and [`File::set_len`] did survives a power cut once [`File::sync`] has returned.
//! - An entry made, renamed or removed survives a power cut once [`Dir::sync_dir`] of the directory that holds it has
//!   returned. A rename between two directories needs both, the target first.
//! - [`Dir::sync_all`], where there is such a thing, stands for all of them.
//! - Without them, anything may survive: all, none, or some of it in any order.
//! - After a failed sync nothing is known of what came before it, and a second one may succeed without doing the work.
//!   Whoever sees one fail must not go on.
//!
//! # Visibility
//!
//! What one handle wrote is seen at once by all others, of all processes of the machine, durable or not.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use crate::error::Code;

#[cfg(feature = "cap")]
pub mod cap;
#[cfg(all(target_arch = "wasm32", target_os = "wasi"))]
pub mod wasi;

/// A directory and what is below it. Cloning gives another handle on the same directory.
pub trait Dir: Clone {
    /// An open file.
    type File: File;
    /// A lock, held until dropped.
    type Lock;

    /// Makes a directory. [`Code::Exists`] when there is anything of this name.
    fn create_dir(&self, path: &str) -> Result<(), Code>;

    /// Makes a file and opens it for reading and writing. [`Code::Exists`] when there is anything of this name: of many
    /// who try at once, one succeeds.
    fn create_new(&self, path: &str) -> Result<Self::File, Code>;

    /// Opens a file for reading. Does not wait, as opening a pipe would: what is neither a file nor a directory is
    /// refused, here or when it is first used ([`Code::Invalid`]).
    fn open_read(&self, path: &str) -> Result<Self::File, Code>;

    /// Opens an existing file for reading and writing. Never truncates, and does not wait either.
    fn open_write(&self, path: &str) -> Result<Self::File, Code>;

    /// Gives a file another name, atomically: whoever opens `to` finds what was there before or the whole of `from`.
    /// Replaces a file.
    fn rename(&self, from: &str, to: &str) -> Result<(), Code>;

    /// Gives a file a second name in another directory, [`Code::Exists`] when there is anything of that name.
    /// [`Code::Unsupported`] where the system cannot do it.
    fn link(&self, from: &str, to_dir: &Self, to: &str) -> Result<(), Code> {
        let _ = (from, to_dir, to);
        Err(Code::Unsupported)
    }

    /// Removes a file. Who has it open can go on reading it; where the system cannot do that, removing fails.
    fn remove_file(&self, path: &str) -> Result<(), Code>;

    /// The entries of a directory, sorted by name. Entries that vanish meanwhile are left out; one that cannot be
    /// examined is an error.
    fn list(&self, path: &str) -> Result<Vec<Entry>, Code>;

    /// Kind, size and time of an entry.
    fn metadata(&self, path: &str) -> Result<Metadata, Code>;

    /// Makes the entries of a directory durable. Does nothing where the system cannot do it.
    fn sync_dir(&self, path: &str) -> Result<(), Code>;

    /// Makes everything written so far durable at once: all files and entries of the file system, and so of this
    /// directory. [`Code::Unsupported`] where the system cannot do it.
    fn sync_all(&self) -> Result<(), Code>;

    /// Returns whether the system can make anything durable.
    fn can_flush(&self) -> bool {
        true
    }

    /// Lets the group of a file or a directory read and write it, and the entries made in a directory belong to its
    /// group. Other permissions stay as they are. [`Code::Unsupported`] where the system, or the host, cannot do it.
    fn share(&self, _path: &str) -> Result<(), Code> {
        Err(Code::Unsupported)
    }

    /// A handle on the same directory that shares, as [`Dir::share`] does, whatever it and its clones make, before
    /// anything is written to it. Makes them as usual where that cannot be done.
    #[must_use]
    fn sharing(&self) -> Self {
        self.clone()
    }

    /// Locks a file, made when absent, against all other handles and processes. The system frees the lock when its
    /// holder dies. [`Code::WouldBlock`] when it is locked, [`Code::Unsupported`] where there are no such locks.
    fn try_lock(&self, path: &str) -> Result<Self::Lock, Code>;

    /// The present, in nanoseconds since 1970-01-01 UTC, on the clock of [`Metadata::modified`].
    fn now(&self) -> u64;
}

/// An open file.
pub trait File {
    /// Kind, size and time of the file.
    fn metadata(&self) -> Result<Metadata, Code>;

    /// Reads at a byte position. May read less than asked for; 0 is the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Code>;

    /// Reads at most `len` bytes into a new vector. For systems that return memory instead of filling it.
    fn read_vec_at(&self, len: usize, offset: u64) -> Result<Vec<u8>, Code> {
        let mut bytes = vec![0; len];
        let read = self.read_at(&mut bytes, offset)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Tells that bytes will be read soon, which some systems have to fetch from far away: those of one call, and of
    /// calls on other files that follow before anything is read, can be fetched together. A hint: it changes nothing of
    /// what is read, and does not fail.
    fn prefetch(&self, ranges: &[Range<u64>]) {
        let _ = ranges;
    }

    /// Writes at a byte position. May write less than given, but not nothing. A gap before it reads as zeros.
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize, Code>;

    /// Cuts the file, or extend it by zeros.
    fn set_len(&self, len: u64) -> Result<(), Code>;

    /// Makes contents and size durable.
    fn sync(&self) -> Result<(), Code>;
}

/// The kind of a directory entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
    /// A device, a pipe, a socket or something unknown.
    Other,
}

/// An entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
}

/// Metadata of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// Its kind.
    pub kind: Kind,
    /// Its size in bytes.
    pub len: u64,
    /// When it was last written, in nanoseconds since 1970-01-01 UTC; 0 where the system does not tell.
    pub modified: u64,
    /// How many names (hard links) it has; 0 or 1 where the system does not tell.
    pub links: u64,
}

impl Metadata {
    /// Returns whether the file has more than one name. A hard-linked copy of the container may have it too, so that it
    /// must not be changed in place.
    pub(crate) fn is_linked(&self) -> bool {
        self.links > 1
    }
}

/// Reads until `buffer` is full or the file ends; returns how much was read.
pub(crate) fn read_full_at(file: &impl File, buffer: &mut [u8], offset: u64) -> Result<usize, Code> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(Code::Interrupted) => {}
            Err(code) => return Err(code),
        }
    }
    Ok(done)
}

/// Reads `len` bytes, or less where the file ends.
pub(crate) fn read_full_vec_at(file: &impl File, len: usize, offset: u64) -> Result<Vec<u8>, Code> {
    let mut bytes = loop {
        match file.read_vec_at(len, offset) {
            Err(Code::Interrupted) => {}
            result => break result?,
        }
    };
    let read = bytes.len();
    if read > 0 && read < len {
        bytes.resize(len, 0);
        let more = read_full_at(file, &mut bytes[read..], offset + read as u64)?;
        bytes.truncate(read + more);
    }
    Ok(bytes)
}

/// Writes all of `bytes`.
pub(crate) fn write_all_at(file: &impl File, bytes: &[u8], offset: u64) -> Result<(), Code> {
    let mut done = 0;
    while done < bytes.len() {
        match file.write_at(&bytes[done..], offset + done as u64) {
            Ok(0) => return Err(Code::Io),
            Ok(n) => done += n,
            Err(Code::Interrupted) => {}
            Err(code) => return Err(code),
        }
    }
    Ok(())
}
