//! Whether something is worth compressing, by a sample of it.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use super::Compressing;
use crate::options::Compression;

/// Bytes of each of the pieces of a sample.
const SAMPLE_PIECE: usize = 16 << 10;
/// Number of places, spread evenly, that a sample is taken from.
const SAMPLE_PIECES: usize = 3;

/// Some of `content`, which is longer than a sample.
pub(super) fn sample(content: &[u8]) -> Vec<u8> {
    let stride = (content.len() - SAMPLE_PIECE) / (SAMPLE_PIECES - 1);
    (0..SAMPLE_PIECES).flat_map(|number| &content[number * stride..][..SAMPLE_PIECE]).copied().collect()
}

/// Guesses whether a large object that starts with `content` is worth compressing.
pub(crate) fn worth_trying(content: &[u8], compression: Compression) -> bool {
    match compression {
        Compression::Never => false,
        Compression::Always => true,
        Compression::Auto => {
            let sample = Arc::new(sample(content));
            let all = 0..sample.len() as u32;
            Compressing::start(sample, vec![all], 1, Compression::Auto).finish().iter().all(Option::is_some)
        }
    }
}
