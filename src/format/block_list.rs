//! The lines behind the entries of a run: each a list of strings of one length, one for each of its blocks.

use alloc::vec::Vec;

/// What such a line looks like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockList {
    /// The text before the strings.
    pub(crate) start: &'static [u8],
    /// Bytes of a string, its quotes, and a comma or, behind the last, a space.
    pub(crate) item: usize,
    /// What the line is called in errors.
    pub(crate) name: &'static str,
}

/// The text after the strings.
pub(crate) const END: &[u8] = b"]}\n";

impl BlockList {
    /// Returns the length in bytes of the line of a run of `blocks` blocks.
    pub(crate) fn line_length(&self, blocks: u64) -> u64 {
        blocks * self.item as u64 + (self.start.len() + END.len()) as u64
    }
}

/// Completes the text of a line, whose last string, if there is any, is at the end of `text`.
pub(crate) fn end(text: &mut Vec<u8>) {
    if let Some(separator) = text.last_mut().filter(|last| **last == b',') {
        *separator = b' ';
    }
    text.extend_from_slice(END);
}
