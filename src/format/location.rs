//! Where a packed object lies, and what many of them add up to.

/// Where a packed object lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location {
    /// Number of the pack.
    pub pack: u32,
    /// Where the payload starts, in bytes from the start of the pack.
    pub offset: u64,
    /// Length of the payload in bytes.
    pub length: u64,
    /// Size of the object in bytes.
    pub size: u64,
}

/// Where a record lies: the number of its pack, and where its payload starts. Packs are written one after the other,
/// so a later record has a greater place.
pub(crate) type Place = (u32, u64);

impl Location {
    pub(crate) fn place(&self) -> Place {
        (self.pack, self.offset)
    }

    /// Returns whether the payload is a zlib stream: a payload of the object's own size is the object itself.
    pub fn compressed(&self) -> bool {
        self.length != self.size
    }
}

/// Sums over all committed entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Number of objects.
    pub objects: u64,
    /// Their sizes, in bytes.
    pub size: u64,
    /// The lengths of their payloads, in bytes.
    pub length: u64,
}

impl Totals {
    pub(crate) fn add(&mut self, location: &Location) {
        self.objects = self.objects.saturating_add(1);
        self.size = self.size.saturating_add(location.size);
        self.length = self.length.saturating_add(location.length);
    }

    pub(crate) fn remove(&mut self, location: &Location) {
        self.objects = self.objects.saturating_sub(1);
        self.size = self.size.saturating_sub(location.size);
        self.length = self.length.saturating_sub(location.length);
    }
}
