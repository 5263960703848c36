//! Objects counted by size and by how far they were compressed: a fixed number of sums, however many objects there are.

use loosepack::{ObjectInfo, Placement};

/// Classes of sizes: no bytes at all, and one for each power of two.
pub(super) const SIZES: usize = u64::BITS as usize + 1;

/// Classes of compressed objects: ten percent of the size each, and one for those that compression made longer.
pub(super) const RATIOS: usize = 11;

/// A number of objects and their sizes added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(super) objects: u64,
    pub(super) bytes: u64,
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        *self = self.plus(Amount { objects: 1, bytes });
    }

    pub(super) fn plus(self, other: Amount) -> Amount {
        Amount { objects: self.objects.saturating_add(other.objects), bytes: self.bytes.saturating_add(other.bytes) }
    }
}

/// The objects of a container, counted.
#[derive(Debug)]
pub(crate) struct Survey {
    /// Packed objects by [`size_class`].
    pub(super) packed: [Amount; SIZES],
    /// Objects that are loose only, likewise.
    pub(super) loose: [Amount; SIZES],
    /// Compressed objects by the length of their payload, in tenths of the size.
    pub(super) ratios: [Amount; RATIOS],
    /// Packed objects that are stored as they are.
    pub(super) plain: Amount,
    /// Bytes that compressed objects take.
    pub(super) compressed_length: u64,
}

impl Default for Survey {
    fn default() -> Self {
        let (none, nothing) = (Amount::default(), [Amount::default(); SIZES]);
        Survey { packed: nothing, loose: nothing, ratios: [none; RATIOS], plain: none, compressed_length: 0 }
    }
}

impl Survey {
    /// Counts an object.
    pub(crate) fn add(&mut self, info: &ObjectInfo) {
        let class = size_class(info.size);
        match info.placement {
            Placement::Loose => self.loose[class].add(info.size),
            Placement::Packed(location) => {
                self.packed[class].add(info.size);
                if location.compressed() {
                    self.ratios[ratio_class(location.length, info.size)].add(info.size);
                    self.compressed_length = self.compressed_length.saturating_add(location.length);
                } else {
                    self.plain.add(info.size);
                }
            }
        }
    }

    /// All objects.
    pub(crate) fn total(&self) -> Amount {
        self.packed.iter().chain(&self.loose).fold(Amount::default(), |sum, class| sum.plus(*class))
    }

    /// Compressed objects.
    pub(super) fn compressed(&self) -> Amount {
        self.ratios.iter().fold(Amount::default(), |sum, class| sum.plus(*class))
    }
}

/// The class of a size: 0 for no bytes, otherwise `n` for sizes from `2^(n-1)` to below `2^n`.
fn size_class(size: u64) -> usize {
    (u64::BITS - size.leading_zeros()) as usize
}

/// The class of a length: `n` for `n` tenths of the size up to below `n + 1` tenths; the last one from the size on.
fn ratio_class(length: u64, size: u64) -> usize {
    let tenths = u128::from(length) * 10 / u128::from(size.max(1));
    usize::try_from(tenths).map_or(RATIOS - 1, |tenths| tenths.min(RATIOS - 1))
}

#[cfg(test)]
mod tests {
    use loosepack::Location;

    use super::*;

    #[test]
    fn classes_of_sizes_are_powers_of_two() {
        for (size, class) in [(0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (1023, 10), (1024, 11), (u64::MAX, SIZES - 1)] {
            assert_eq!(size_class(size), class, "{size}");
        }
    }

    #[test]
    fn classes_of_lengths_are_tenths_of_the_size() {
        for (length, size, class) in [
            (0, 10, 0),
            (1, 10, 1),
            (99, 1000, 0),
            (999, 1000, 9),
            (1000, 999, 10),
            (8, 0, 10),
            (u64::MAX, 1, 10),
            (u64::MAX - 1, u64::MAX, 9),
        ] {
            assert_eq!(ratio_class(length, size), class, "{length} of {size}");
        }
    }

    #[test]
    fn objects_are_counted_by_place_and_size() {
        let mut survey = Survey::default();
        let packed = |size, length| ObjectInfo {
            size,
            placement: Placement::Packed(Location { pack: 0, offset: 0, length, size }),
        };
        survey.add(&ObjectInfo { size: 5, placement: Placement::Loose });
        survey.add(&packed(7, 7));
        survey.add(&packed(1000, 250));
        survey.add(&packed(u64::MAX, 9));
        assert_eq!(survey.loose[3], Amount { objects: 1, bytes: 5 });
        assert_eq!(survey.packed[3], Amount { objects: 1, bytes: 7 });
        assert_eq!(survey.plain, Amount { objects: 1, bytes: 7 });
        assert_eq!(survey.ratios[2], Amount { objects: 1, bytes: 1000 });
        assert_eq!(survey.compressed_length, 259);
        assert_eq!(survey.total(), Amount { objects: 4, bytes: u64::MAX }, "sums do not overflow");
    }
}
