//! When to compress, and the form of a zlib stream (RFC 1950) made of frames.

use alloc::vec::Vec;

use crate::codec::{adler32, deflate};
use crate::options::Compression;

/// Objects up to this size are no dearer to compress than to sample.
const SAMPLE_MIN: usize = 64 << 10;
/// Bytes of each of the pieces of a sample.
const SAMPLE_PIECE: usize = 16 << 10;
/// A sample is taken from so many places, spread evenly.
const SAMPLE_PIECES: usize = 3;

/// Whether an object that starts with `content` is worth compressing, as far as can be told without doing it.
pub(crate) fn worth_trying(content: &[u8], compression: Compression) -> bool {
    match compression {
        Compression::Never => false,
        Compression::Always => !content.is_empty(),
        Compression::Auto if content.len() <= SAMPLE_MIN => !content.is_empty(),
        Compression::Auto => {
            let stride = (content.len() - SAMPLE_PIECE) / (SAMPLE_PIECES - 1);
            let pieces = (0..SAMPLE_PIECES).map(|number| &content[number * stride..][..SAMPLE_PIECE]);
            let compressed: usize = pieces.map(|piece| deflate(piece, 1, true).len()).sum();
            pays(SAMPLE_PIECES * SAMPLE_PIECE, compressed, compression)
        }
    }
}

/// Whether so many compressed bytes in place of so many plain ones are worth inflating them.
fn pays(plain: usize, compressed: usize, compression: Compression) -> bool {
    match compression {
        Compression::Never => false,
        Compression::Always => compressed < plain,
        Compression::Auto => compressed <= plain - plain / 10,
    }
}

/// The zlib stream of an object of one frame; `None` when the object is better stored as it is.
pub(crate) fn compress(content: &[u8], level: u8, compression: Compression) -> Option<Vec<u8>> {
    if !worth_trying(content, compression) {
        return None;
    }
    let mut stream = Vec::from(header(level));
    stream.extend(deflate(content, level, true));
    stream.extend(adler32(1, content).to_be_bytes());
    pays(content.len(), stream.len(), compression).then_some(stream)
}

/// What a zlib stream starts with: method 8, a window of 32 KiB, and a hint at the level.
pub(crate) fn header(level: u8) -> [u8; 2] {
    let hint = match level {
        0..=1 => 0x01,
        2..=5 => 0x5e,
        6 => 0x9c,
        _ => 0xda,
    };
    [0x78, hint]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_zlib() {
        let content = b"hello hello hello hello hello hello hello".repeat(20);
        for level in 1..=9 {
            let stream = compress(&content, level, Compression::Always).unwrap();
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
            assert_eq!(compress(&noise, 1, compression), None);
            assert_eq!(compress(b"", 1, compression), None);
        }
        assert!(!worth_trying(&noise, Compression::Auto));
        assert!(worth_trying(&[7; 200_000], Compression::Auto));
    }
}
