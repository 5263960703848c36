//! Merging the index into one file.

use core::ops::ControlFlow;

use super::{Job, Progress, Running, Work};
use crate::container::Container;
use crate::dir::Dir;
use crate::error::Result;
use crate::index::IndexWriter;
use crate::packer::session::PackerSession;

/// Folds the log and all runs of the index in one step.
struct Fold<D: Dir> {
    index: IndexWriter<D>,
    _session: PackerSession<D>,
}

impl<D: Dir> Container<D> {
    /// Starts to merge the log and all runs of the index into one run, beside which there is an empty log. Does nothing
    /// if the index is one file already.
    ///
    /// The index merges its files by itself as it grows, and leaves a few, which is enough for local disks. Mirrors and
    /// object storage want few files that do not change: afterwards the index is one. It is written anew each time, so
    /// fold before a copy rather than after each batch. It takes little memory, and room on the disk for a second copy
    /// of the index. A crash leaves the old index or the new one. Entries of deleted objects stay, for
    /// [`Container::reindex`].
    ///
    /// There is one unit of progress; the objects counted are all packed ones.
    ///
    /// # Errors
    /// [`Error::Locked`](crate::Error::Locked) when a packer is at work; those of opening the index.
    pub fn fold(&self) -> Result<impl Job + use<D>> {
        let session = PackerSession::open(self)?;
        let index = session.index()?;
        Ok(Running::new(Fold { index, _session: session }, Progress::of(1)))
    }
}

impl<D: Dir> Work for Fold<D> {
    fn advance(&mut self, progress: &mut Progress) -> Result<ControlFlow<()>> {
        self.index.fold_all()?;
        let totals = self.index.index().totals();
        (progress.objects, progress.bytes) = (totals.objects, totals.size);
        Ok(ControlFlow::Break(()))
    }
}
