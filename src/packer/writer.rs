//! Objects straight to packs.

use alloc::vec::Vec;

use super::Packer;
use super::frames::{Head, read_head};
use crate::codec;
use crate::container::Container;
use crate::dir::Dir;
use crate::error::Result;
use crate::format::FRAME;
use crate::id::ObjectId;
use crate::options::Compression;
use crate::source::Source;

/// Writes objects straight to packs. Holds the pack lock until dropped.
///
/// Objects that are packed already are dropped before they are written. The others become visible and durable together
/// at [`PackWriter::commit`], [`PackWriter::finish`], and whenever a bounded number of them has gathered.
///
/// ```
/// # use loosepack::dir::cap::CapDir;
/// # let folder = tempfile::tempdir()?;
/// # let dir = CapDir::open(folder.path())?;
/// # let store = loosepack::Container::create(dir, Default::default(), Default::default())?;
/// let mut writer = store.pack_writer(loosepack::Compression::Never)?;
/// let id = writer.add(b"some bytes")?;
/// writer.finish()?;
/// assert_eq!(store.get(&id)?, b"some bytes");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PackWriter<D: Dir>(Packer<D>);

impl<D: Dir> Container<D> {
    /// Takes the pack lock, and starts writing objects straight to packs.
    ///
    /// # Errors
    /// [`Error::Locked`](crate::Error::Locked) when another packer has it; those of opening the index and the last
    /// pack.
    pub fn pack_writer(&self, compression: Compression) -> Result<PackWriter<D>> {
        Packer::new(self, compression).map(PackWriter)
    }
}

impl<D: Dir> PackWriter<D> {
    /// Appends an object.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io); after it every call fails.
    pub fn add(&mut self, content: &[u8]) -> Result<ObjectId> {
        if content.len() > FRAME {
            let (head, mut rest) = content.split_at(FRAME + 1);
            return self.0.add_large(head.into(), &mut rest, None);
        }
        let id = codec::sha256(content);
        self.0.add(id, content)?;
        Ok(id)
    }

    /// Appends objects; the ids are in their order.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io); after it every call fails.
    pub fn add_many<T: AsRef<[u8]>>(&mut self, contents: &[T]) -> Result<Vec<ObjectId>> {
        let small: Vec<&[u8]> = contents.iter().map(AsRef::as_ref).filter(|content| content.len() <= FRAME).collect();
        let mut small_ids = codec::sha256_many(&small).into_iter();
        let mut add = |content: &[u8]| match content.len() <= FRAME {
            true => {
                let id = small_ids.next().unwrap_or_else(|| codec::sha256(content));
                self.0.add(id, content).map(|()| id)
            }
            false => self.add(content),
        };
        contents.iter().map(|content| add(content.as_ref())).collect()
    }

    pub(super) fn packer(&mut self) -> &mut Packer<D> {
        &mut self.0
    }

    /// Appends what a source gives.
    ///
    /// # Errors
    /// When the source fails, nothing is appended and the writer goes on. When writing fails, every later call fails:
    /// [`PackWriter::check`] tells the two apart.
    pub fn add_source(&mut self, source: &mut dyn Source) -> Result<ObjectId> {
        self.check()?;
        match read_head(source, self.0.piece())? {
            Head::Whole(content) => self.add(&content),
            Head::Large(head) => self.0.add_large(head, source, None),
        }
    }

    /// Returns whether the writer still writes.
    ///
    /// # Errors
    /// [`Error::WriterFailed`](crate::Error::WriterFailed) after a write that failed.
    pub fn check(&self) -> Result<()> {
        self.0.check()
    }

    /// Makes everything added so far visible and durable.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io); after it every call fails.
    pub fn commit(&mut self) -> Result<()> {
        self.0.commit()
    }

    /// Commits, and releases the pack lock. A writer that is dropped instead loses everything added since the last
    /// commit.
    ///
    /// # Errors
    /// Those of [`PackWriter::commit`].
    pub fn finish(mut self) -> Result<()> {
        self.commit()
    }
}
