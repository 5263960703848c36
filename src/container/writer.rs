//! Writing a loose object piece by piece.

use crate::dir::Dir;
use crate::disk::Disk;
use crate::error::Result;
use crate::id::ObjectId;
use crate::loose::LooseWriter;
use crate::proof::Packed;

/// A loose object that is being written. Dropped before [`ObjectWriter::finish`], it leaves no object.
///
/// ```
/// # use loosepack::dir::cap::CapDir;
/// # let folder = tempfile::tempdir()?;
/// # let dir = CapDir::open(folder.path())?;
/// # let store = loosepack::Container::create(dir, Default::default(), Default::default())?;
/// let mut writer = store.writer()?;
/// writer.write(b"some ")?;
/// writer.write(b"bytes")?;
/// let id = writer.finish()?;
/// assert_eq!(store.get(&id)?, b"some bytes");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ObjectWriter<D: Dir> {
    writer: LooseWriter<D>,
    packed: Packed<D>,
}

impl<D: Dir> ObjectWriter<D> {
    pub(super) fn new(disk: &Disk<D>) -> Result<Self> {
        Ok(ObjectWriter { writer: LooseWriter::new(disk)?, packed: Packed::new(disk) })
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io); after it every call fails with
    /// [`Error::WriterFailed`](crate::Error::WriterFailed).
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer.write(bytes)
    }

    /// Completes the object and returns its ID.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io), [`Error::WriterFailed`](crate::Error::WriterFailed).
    pub fn finish(self) -> Result<ObjectId> {
        let ObjectWriter { writer, mut packed } = self;
        writer.finish(|id| Ok(packed.holds(id).is_some() && packed.flush().map(|()| true)?))
    }
}
