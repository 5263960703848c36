//! The zlib stream of an object of one frame.

use alloc::vec::Vec;

use super::super::sample::sample;
use super::zlib::deflate;
use crate::format::zlib_stream::{ADLER_OF_NOTHING, adler32, header};
use crate::options::Compression;

/// Objects up to this size cost no more to compress than to sample.
const SAMPLE_MIN: usize = 64 << 10;

/// The zlib stream of an object of one frame; `None` when the object is better stored as it is.
pub(super) fn stream(content: &[u8], level: u8, compression: Compression) -> Option<Vec<u8>> {
    if content.is_empty() || compression == Compression::Never {
        return None;
    }
    if compression == Compression::Auto && content.len() > SAMPLE_MIN {
        stream(&sample(content), 1, compression)?;
    }
    let mut stream = Vec::from(header(level));
    stream.extend(deflate(content, level, true));
    stream.extend(adler32(ADLER_OF_NOTHING, content).to_be_bytes());
    pays(content.len(), stream.len(), compression).then_some(stream)
}

/// Returns whether storing `compressed` bytes instead of `plain` bytes is worth the time of inflating them.
fn pays(plain: usize, compressed: usize, compression: Compression) -> bool {
    match compression {
        Compression::Never => false,
        Compression::Always => compressed < plain,
        Compression::Auto => compressed <= plain - plain / 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::sample::worth_trying;

    #[test]
    fn streams_are_zlib() {
        let content = b"hello hello hello hello hello hello hello".repeat(20);
        for level in 1..=9 {
            let stream = stream(&content, level, Compression::Always).unwrap();
            let plain = miniz_oxide::inflate::decompress_to_vec_zlib(&stream).unwrap();
            assert_eq!(plain, content, "level {level}");
            assert_eq!(u16::from_be_bytes([stream[0], stream[1]]) % 31, 0, "level {level}");
        }
    }

    #[test]
    fn what_does_not_shrink_stays() {
        // A linear congruential generator's high bytes (Knuth's MMIX constants) look random to DEFLATE.
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        let noise: Vec<u8> = (0..200_000).map(|_| next()).collect();
        for compression in [Compression::Never, Compression::Always, Compression::Auto] {
            assert_eq!(stream(&noise, 1, compression), None);
            assert_eq!(stream(b"", 1, compression), None);
        }
        assert!(!worth_trying(&noise, Compression::Auto));
        assert!(worth_trying(&[7; 200_000], Compression::Auto));
    }
}
