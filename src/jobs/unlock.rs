//! Removing lock files that killed packers left behind.

use alloc::string::String;

use crate::container::Container;
use crate::dir::Dir;
use crate::error::Result;
use crate::packer::lock;

impl<D: Dir> Container<D> {
    /// Removes the lock file that a packer left behind when it was killed. Only for a person who knows that none is
    /// running: it would let two packers work at once. Returns what the lock file said of its holder; `None` when
    /// there was none.
    ///
    /// # Errors
    /// [`Error::Locked`](crate::Error::Locked) when the operating system knows that the holder is alive.
    pub fn force_unlock(&self) -> Result<Option<String>> {
        self.check_writable()?;
        lock::force_unlock(&self.disk.dir)
    }
}
