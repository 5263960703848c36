//! Inflating the frames of a compressed object.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::Stored;
use crate::codec::Decoding;
use crate::dir::File;
use crate::error::Result;
use crate::format::frame_table::frame_count;
use crate::format::location::Location;

/// Frames that are being inflated, in their order: the one that is wanted and, when an object is read on and on, those
/// after it.
#[derive(Default)]
pub(super) struct FramesAhead {
    going: VecDeque<(u64, Result<Decoding>)>,
    /// The frame after the one that was wanted last: if it is wanted next, so are probably those after it.
    next: Option<u64>,
}

impl FramesAhead {
    /// Starts at the first frame of an object that is read to its end.
    pub(super) fn of_all() -> Self {
        FramesAhead { next: Some(0), ..FramesAhead::default() }
    }

    /// The bytes of a frame.
    pub(super) fn take<F: File>(&mut self, stored: &Stored<F>, location: &Location, number: u64) -> Result<Vec<u8>> {
        let on_and_on = self.next == Some(number);
        self.next = Some(number + 1);
        self.going.retain(|(going, _)| *going >= number && on_and_on);
        let first = self.going.back().map_or(number, |(last, _)| last + 1);
        let ahead = if on_and_on { number + stored.tuning.ahead as u64 } else { number + 1 };
        for frame in first..ahead.min(frame_count(stored.size)) {
            self.going.push_back((frame, stored.start_frame(location, frame)));
        }
        let wanted = self.going.pop_front().map(|(_, decoding)| decoding);
        let bytes = wanted.transpose()?.and_then(|decoding| decoding.finish().pop().flatten());
        bytes.ok_or_else(|| stored.corrupt("its zlib stream is damaged"))
    }
}
