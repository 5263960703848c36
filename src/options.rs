//! How a container is opened, and how objects are packed.

use alloc::string::String;

use crate::tuning::Tuning;

/// How a container is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// What the handle may do.
    pub access: Access,
    /// When an acknowledgement is given.
    pub durability: Durability,
    /// Check every object that is read from start to end against its id.
    pub verify: bool,
    /// Name of the user of this handle, for the message that a second packer gets. May be empty.
    pub holder: String,
    /// The sizes it works in.
    pub tuning: Tuning,
}

impl Default for Options {
    /// Reading and writing, full durability, verified reads.
    fn default() -> Self {
        Options {
            access: Access::ReadWrite,
            durability: Durability::Full,
            verify: true,
            holder: String::new(),
            tuning: Tuning::default(),
        }
    }
}

/// What a handle may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read only: a read-only medium is enough.
    ReadOnly,
    /// Read, add, pack and clean.
    ReadWrite,
}

/// When an acknowledgement is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Acknowledged means on the device: it survives a power cut.
    Full,
    /// No flush at all, for scratch data. The order of writes stays, so that a killed process still loses nothing.
    None,
}

/// When to compress what is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Store the bytes as they are.
    Never,
    /// Compress each object. One of up to 1 MiB that does not become smaller is stored as it is.
    Always,
    /// Compress an object when a sample of it shrinks by at least a tenth.
    Auto,
}
