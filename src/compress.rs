//! When to compress, and the form of a zlib stream (RFC 1950) made of frames.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use crate::codec::Compressing;
use crate::options::Compression;

/// Objects up to this size are no dearer to compress than to sample.
#[cfg(not(feature = "hosted"))]
const SAMPLE_MIN: usize = 64 << 10;
/// Bytes of each of the pieces of a sample.
const SAMPLE_PIECE: usize = 16 << 10;
/// A sample is taken from so many places, spread evenly.
const SAMPLE_PIECES: usize = 3;

/// An empty final DEFLATE block with fixed codes, on a byte boundary.
#[cfg(not(feature = "hosted"))]
pub(crate) const FINAL_BLOCK: [u8; 2] = [3, 0];

/// An empty stored block of DEFLATE (RFC 1951, section 3.2.4), from a byte boundary to a byte boundary.
pub(crate) const EMPTY_BLOCK: [u8; 5] = [0, 0, 0, 0xff, 0xff];

/// The Adler-32 of nothing.
pub(crate) const ADLER_OF_NOTHING: u32 = 1;

/// Some of `content`, which is longer than a sample.
fn sample(content: &[u8]) -> Vec<u8> {
    let stride = (content.len() - SAMPLE_PIECE) / (SAMPLE_PIECES - 1);
    (0..SAMPLE_PIECES).flat_map(|number| &content[number * stride..][..SAMPLE_PIECE]).copied().collect()
}

/// Whether a large object that starts with `content` is worth compressing, as far as can be told without doing it.
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

/// The Adler-32 (RFC 1950, section 9) of what `first` stands for followed by `len` bytes that `second` stands for.
///
/// Its low half is 1 plus all bytes, its high half the sum of the low halves after each byte: so each of the later ones
/// counts what the first bytes have added.
pub(crate) fn adler32_append(first: u32, second: u32, len: u64) -> u32 {
    const MODULUS: u64 = 65_521;
    let halves = |sum: u32| (u64::from(sum & 0xffff), u64::from(sum >> 16));
    let ((low, high), (more_low, more_high)) = (halves(first), halves(second));
    let added = (low + MODULUS - 1) % MODULUS;
    let low = (added + more_low) % MODULUS;
    let high = (high + more_high + len % MODULUS * added) % MODULUS;
    (high << 16 | low) as u32
}

/// The Adler-32 of what `sum` stands for followed by `data`.
pub(crate) fn adler32(sum: u32, data: &[u8]) -> u32 {
    let mut adler = adler2::Adler32::from_checksum(sum);
    adler.write_slice(data);
    adler.checksum()
}

#[cfg(not(feature = "hosted"))]
pub(crate) use here::stream;

/// What the codec does where it is a part of this build.
#[cfg(not(feature = "hosted"))]
mod here {
    use super::{ADLER_OF_NOTHING, SAMPLE_MIN, adler32, header, sample};
    use crate::codec::zlib::deflate;
    use crate::options::Compression;
    use alloc::vec::Vec;

    /// The zlib stream of an object of one frame; `None` when the object is better stored as it is.
    pub(crate) fn stream(content: &[u8], level: u8, compression: Compression) -> Option<Vec<u8>> {
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

    /// Whether so many compressed bytes in place of so many plain ones are worth inflating them.
    fn pays(plain: usize, compressed: usize, compression: Compression) -> bool {
        match compression {
            Compression::Never => false,
            Compression::Always => compressed < plain,
            Compression::Auto => compressed <= plain - plain / 10,
        }
    }
}

#[cfg(all(test, not(feature = "hosted")))]
mod tests {
    use super::*;

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

    #[test]
    fn checksums_of_parts_make_that_of_the_whole() {
        let adler32 = |data: &[u8]| adler32(ADLER_OF_NOTHING, data);
        assert_eq!(adler32(b"Wikipedia"), 0x11E6_0398);
        let data: Vec<u8> = (0..200_000_u32).map(|i| ((i * i) >> 3) as u8).collect();
        for middle in [0, 1, 7, 65_521, 100_000, 200_000] {
            let (first, second) = data.split_at(middle);
            let sum = adler32_append(adler32(first), adler32(second), second.len() as u64);
            assert_eq!(sum, adler32(&data), "{middle}");
        }
        assert_eq!(adler32_append(ADLER_OF_NOTHING, adler32(&data), 200_000), adler32(&data));
    }
}
