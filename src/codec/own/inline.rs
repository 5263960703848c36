//! Work that is done at once.

use sha2::Digest as _;

use crate::id::ObjectId;

/// Work that has been started, and is done.
pub(super) struct Task<T>(T);

impl<T> Task<T> {
    /// Does it.
    pub(super) fn start(_size: usize, work: impl FnOnce() -> T) -> Self {
        Task(work())
    }

    /// Returns the result.
    pub(super) fn finish(self) -> T {
        self.0
    }
}

/// The id of bytes that come piece by piece.
#[derive(Default)]
pub struct Sha256(sha2::Sha256);

impl Sha256 {
    /// Appends `data`.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The id of everything appended.
    pub fn finish(self) -> ObjectId {
        ObjectId::from_bytes(self.0.finalize().into())
    }
}
