//! Reading an object piece by piece, from whichever of its copies is sound.

use alloc::vec::Vec;

use super::find::{instead_of, open_loose, read_all};
use crate::dir::Dir;
use crate::disk::Disk;
use crate::error::Result;
use crate::format::FRAME;
use crate::loose;
use crate::read::{Placement, Stored, StoredReader};

/// An object that is being read piece by piece.
///
/// Where its copy is damaged or cannot be read, another sound copy is read instead, if there is one. An object of up
/// to 1 MiB is checked before any of its bytes are given out, also when only a part of it is read.
///
/// ```
/// # use loosepack::dir::cap::CapDir;
/// # let folder = tempfile::tempdir()?;
/// # let dir = CapDir::open(folder.path())?;
/// # let store = loosepack::Container::create(dir, Default::default(), Default::default())?;
/// # let id = store.add(b"some bytes")?;
/// let mut reader = store.reader(&id)?;
/// let mut buffer = [0; 4];
/// reader.seek(5);
/// let read = reader.read(&mut buffer)?;
/// assert_eq!(buffer[..read], b"byte"[..read]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ObjectReader<D: Dir> {
    disk: Disk<D>,
    reader: StoredReader<D::File>,
    verify: bool,
    /// All bytes of an object of at most one frame: checked before any is given out, so that another copy can still
    /// take the place of a damaged one.
    whole: Option<Vec<u8>>,
}

impl<D: Dir> ObjectReader<D> {
    pub(super) fn new(disk: Disk<D>, mut stored: Stored<D::File>, verify: bool) -> Result<Self> {
        // A large object is given out before it has been checked: of two copies, the one that has been checked is read.
        if matches!(stored.placement, Placement::Packed(_))
            && stored.size > FRAME as u64
            && let Ok(true) = loose::is_sound(&disk, &stored.id)
            && let Some(other) = open_loose(&disk, &stored.id)?
        {
            stored = other;
        }
        Ok(ObjectReader { disk, reader: StoredReader::new(stored, verify), verify, whole: None })
    }

    /// Memory to read it piece by piece.
    pub(crate) fn buffer(&self) -> Vec<u8> {
        self.reader.stored().buffer()
    }

    /// Size of the object in bytes.
    pub fn size(&self) -> u64 {
        // The index entry of a damaged object may be wrong as well.
        self.whole.as_ref().map_or(self.reader.stored().size, |whole| whole.len() as u64)
    }

    /// The byte that is read next.
    pub fn position(&self) -> u64 {
        self.reader.position()
    }

    /// Bytes between here and the end.
    pub fn left(&self) -> u64 {
        self.size().saturating_sub(self.reader.position())
    }

    /// Continues reading at this byte of the object. Beyond the end is the end.
    pub fn seek(&mut self, position: u64) {
        self.reader.seek(position);
    }

    /// Fills `buffer` as far as there are bytes; 0 is the end.
    ///
    /// # Errors
    /// When an object is read from its start to its end without `seek`, the read that would give the last bytes fails
    /// with [`Error::Corrupt`](crate::Error::Corrupt) unless the whole matches the id.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if let Some(whole) = &self.whole {
            let rest = whole.get(self.reader.position() as usize..).unwrap_or_default();
            let len = rest.len().min(buffer.len());
            buffer[..len].copy_from_slice(&rest[..len]);
            self.reader.seek(self.reader.position() + len as u64);
            return Ok(len);
        }
        let stored = self.reader.stored();
        let position = self.reader.position();
        let at_once = position == 0 && stored.size <= buffer.len() as u64;
        if self.verify && stored.size <= FRAME as u64 && !at_once && !buffer.is_empty() {
            self.whole = Some(read_all(&self.disk, stored, true)?);
            return self.read(buffer);
        }
        match self.reader.read(buffer) {
            // Bytes that have been given out and do not match the id cannot be taken back.
            Err(error) if self.reader.position() == position => {
                let other = instead_of(&self.disk, &self.reader.stored().id, error)?;
                self.reader.replace(other);
                self.reader.read(buffer)
            }
            result => result,
        }
    }
}
