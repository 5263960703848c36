//! Payloads that lie close together in a pack, and share a read.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use crate::codec::Payload;
use crate::dir::{File, read_full_vec_at};
use crate::error::{Context as _, Error, Result};
use crate::format::location::Location;
use crate::format::names;
use crate::read::Stored;
use crate::tuning::Tuning;

/// Packed objects that lie close together. `T`: what the caller knows them by.
pub(crate) struct Window<T> {
    /// In the order of their offsets.
    pub(crate) objects: Vec<(Location, T)>,
    start: u64,
    end: u64,
    size: u64,
    /// The most bytes that are read together, and that they stand for.
    most: u64,
}

/// The number of a pack, and ranges of its bytes.
type Ranges = (u32, Vec<Range<u64>>);

/// Where the payloads of objects lie that will be read next, of those that are sorted by pack and offset, last first:
/// the ranges of each pack, up to about as many bytes as are told ahead, in as many packs as may be open. Returns how
/// many of the objects that leaves.
pub(crate) fn ahead<T>(packed: &[(Location, T)], tuning: &Tuning) -> (Vec<Ranges>, usize) {
    let mut packs: Vec<Ranges> = Vec::new();
    let (mut left, mut bytes) = (packed.len(), 0_u64);
    for (location, _) in packed.iter().rev() {
        let Location { pack, offset, length, size } = *location;
        let end = offset.saturating_add(length);
        if packs.last().is_none_or(|(number, _)| *number != pack) {
            if packs.len() == tuning.open_packs {
                break;
            }
            packs.push((pack, Vec::new()));
        }
        // Larger objects are not read with others.
        if size <= tuning.together
            && let Some((_, ranges)) = packs.last_mut()
        {
            match ranges.last_mut() {
                Some(last) if offset <= last.end.saturating_add(tuning.gap) => {
                    bytes = bytes.saturating_add(end.saturating_sub(last.end));
                    last.end = last.end.max(end);
                }
                _ if bytes >= tuning.fetch_bytes => break,
                _ => {
                    bytes = bytes.saturating_add(length);
                    ranges.push(offset..end);
                }
            }
        }
        left -= 1;
        if bytes >= tuning.fetch_bytes.saturating_mul(2) {
            break;
        }
    }
    (packs, left)
}

impl<T: Copy> Window<T> {
    /// Takes the next ones of objects that are sorted by pack and offset, last first. `None` when there are no more.
    pub(crate) fn take(packed: &mut Vec<(Location, T)>, tuning: &Tuning) -> Option<Self> {
        let (first, _) = *packed.last()?;
        let (gap, most) = (tuning.gap, tuning.together);
        let mut window = Window { objects: Vec::new(), start: first.offset, end: first.offset, size: 0, most };
        while let Some((location, known)) = packed.last().copied() {
            let end = window.end.max(location.offset + location.length);
            let size = window.size.saturating_add(location.size);
            let beyond = location.pack != first.pack
                || location.offset > window.end.saturating_add(gap)
                || end - window.start > most
                || size > most;
            if beyond && !window.objects.is_empty() {
                break;
            }
            packed.pop();
            window.objects.push((location, known));
            (window.end, window.size) = (end, size);
        }
        Some(window)
    }

    /// Where in the window's bytes the payload of one of its objects lies.
    pub(crate) fn range(&self, location: &Location) -> Range<usize> {
        let start = (location.offset - self.start) as usize;
        start..start + location.length as usize
    }

    /// Reads the window: its bytes, and how each object is got out of them. `open` finds an object, whose file is read.
    /// `None` when there is damage, or an object that is too large: each by itself tells.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn read<F: File>(
        &self,
        verify: bool,
        mut open: impl FnMut(Location, T) -> Result<Option<Stored<F>>>,
    ) -> Result<Option<(Vec<u8>, Vec<Payload>)>> {
        if self.end - self.start > self.most || self.size > self.most {
            return Ok(None);
        }
        let mut payloads = Vec::with_capacity(self.objects.len());
        let mut pack: Option<(Arc<F>, u32)> = None;
        for (location, known) in &self.objects {
            let stored = match open(*location, *known) {
                Ok(Some(stored)) => stored,
                Ok(None) | Err(Error::Corrupt(_)) => return Ok(None),
                Err(error) => return Err(error),
            };
            let Some(payload) = stored.payload(self.start, verify) else { return Ok(None) };
            payloads.push(payload);
            pack.get_or_insert_with(|| (stored.file(), location.pack));
        }
        let Some((file, number)) = pack else { return Ok(None) };
        let len = (self.end - self.start) as usize;
        let bytes = read_full_vec_at(&*file, len, self.start).during("read", &names::pack(number))?;
        Ok((bytes.len() == len).then_some((bytes, payloads)))
    }
}
