//! The codec by crates: sha2, and zlib-rs on all processors or, without std, miniz_oxide at once.

#[cfg(not(feature = "native"))]
mod inline;
#[cfg(not(feature = "native"))]
mod miniz;
mod stream;
#[cfg(feature = "native")]
mod threads;
mod work;
#[cfg(feature = "native")]
mod zlib_rs;

#[cfg(not(feature = "native"))]
use self::{inline as task, miniz as zlib};
#[cfg(feature = "native")]
use self::{threads as task, zlib_rs as zlib};

pub use self::task::Sha256;
pub use self::work::{Checking, Compressing, Decoding, Framing, sha256, sha256_many};

/// An empty final DEFLATE block with fixed codes, on a byte boundary.
const FINAL_BLOCK: [u8; 2] = [3, 0];

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;
    use alloc::vec;
    use alloc::vec::Vec;

    use super::super::Payload;
    use super::*;
    use crate::format::zlib_stream::{ADLER_OF_NOTHING, adler32};
    use crate::options::Compression;

    /// Compressible, but not by much: the squares' low bytes.
    fn sample(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * i / 7) as u8).collect()
    }

    fn deflate(data: &[u8], level: u8, last: bool) -> Vec<u8> {
        Framing::start(data.to_vec(), level, last).finish().0
    }

    fn inflate(data: &[u8], size: usize) -> Option<Vec<u8>> {
        let range = 0..data.len() as u32;
        let payload = Payload { range, size: size as u32, compressed: true, expected: None, adler: None };
        Decoding::start(data.to_vec(), vec![payload]).finish().pop().unwrap()
    }

    #[test]
    fn frames_come_back() {
        for (len, last) in [(0, true), (0, false), (1, true), (1, false), (100_000, true), (100_000, false)] {
            let data = sample(len);
            let blocks = deflate(&data, 1, last);
            assert_eq!(inflate(&blocks, len), Some(data), "{len} bytes, last: {last}");
            assert_eq!(inflate(&blocks, len + 1), None);
            assert_eq!(inflate(&blocks[..blocks.len() - 1], len), None);
        }
    }

    #[test]
    fn a_whole_stream_has_a_final_block() {
        let data = sample(3000);
        for (last, whole) in [(true, true), (false, false)] {
            let blocks = deflate(&data, 6, last);
            let (range, adler) = (0..blocks.len() as u32, Some(adler32(ADLER_OF_NOTHING, &data)));
            let payload = Payload { range, size: 3000, compressed: true, expected: None, adler };
            assert_eq!(Checking::start(blocks, vec![payload]).finish(), [whole]);
        }
    }

    #[test]
    fn frames_in_a_row_are_one_stream() {
        let data = sample(50_000);
        let mut stream = deflate(&data[..20_000], 6, false);
        stream.extend(deflate(&data[20_000..], 6, true));
        assert_eq!(inflate(&stream, data.len()), Some(data));
    }

    #[test]
    fn frames_of_noise_come_back() {
        // Longer than what it stands for, and with nothing that a matcher would find.
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let noise: Vec<u8> = (0..1 << 20).map(|_| next()).collect();
        for level in [1, 6, 9] {
            for last in [true, false] {
                let blocks = deflate(&noise, level, last);
                assert!(blocks.len() < noise.len() + 1024, "{} bytes", blocks.len());
                assert_eq!(inflate(&blocks, noise.len()).as_ref(), Some(&noise));
            }
        }
    }

    #[test]
    fn a_bomb_gives_no_more_than_announced() {
        let bomb = deflate(&vec![0; 10_000_000], 9, true);
        assert!(bomb.len() < 50_000);
        assert_eq!(inflate(&bomb, 1000), None);
    }

    #[test]
    fn damaged_blocks_are_none() {
        let blocks = deflate(&sample(3000), 6, true);
        for position in 0..blocks.len() {
            let mut damaged = blocks.clone();
            damaged[position] ^= 0x20;
            // Not all damage can be seen without the digest; none may do harm.
            let _ = inflate(&damaged, 3000);
        }
        assert_eq!(inflate(&[], 1), None);
        assert_eq!(inflate(&[0xff; 20], 100), None);
    }

    #[test]
    fn digests_are_those_of_the_standard() {
        let id = sha256(b"abc");
        assert_eq!(&id.to_hex()[..16], b"ba7816bf8f01cfea");
        assert_eq!(sha256_many(&[b"abc", b""]), [id, sha256(b"")]);
        let mut pieces = Sha256::default();
        pieces.update(b"a");
        pieces.update(b"bc");
        assert_eq!(pieces.finish(), id);
    }

    #[test]
    fn a_long_stream_hashes_as_its_pieces_do() {
        let data = sample(5 << 20);
        let mut pieces = Sha256::default();
        data.chunks(300_000).for_each(|piece| pieces.update(piece));
        assert_eq!(pieces.finish(), sha256(&data));
        // One that is given up.
        let mut pieces = Sha256::default();
        data.chunks(300_000).for_each(|piece| pieces.update(piece));
    }

    #[test]
    fn payloads_are_checked_each_by_itself() {
        let (a, b) = (sample(200_000), b"plain".to_vec());
        let mut bytes = deflate(&a, 1, true);
        let middle = bytes.len() as u32;
        bytes.extend(&b);
        let end = bytes.len() as u32;
        let packed =
            |expected| Payload { range: 0..middle, size: a.len() as u32, compressed: true, expected, adler: None };
        let plain = |expected| Payload { range: middle..end, size: 5, compressed: false, expected, adler: None };
        let (good_a, good_b, bad) = (Some(sha256(&a)), Some(sha256(&b)), Some(sha256(b"other")));
        let payloads = vec![packed(good_a), plain(good_b), packed(bad), plain(bad), packed(None), plain(None)];
        assert_eq!(Checking::start(&bytes[..], payloads.clone()).finish(), [true, true, false, false, true, true]);
        let found = Decoding::start(bytes, payloads).finish();
        let (a, b) = (Some(a), Some(b));
        assert_eq!(found, [a.clone(), b.clone(), None, None, a, b]);
    }

    #[test]
    fn payloads_that_lie_outside_are_none() {
        let payload = |range, size| Payload { range, size, compressed: false, expected: None, adler: None };
        let payloads = vec![payload(3..5, 2), payload(4..6, 2), payload(0..5, 4), payload(u32::MAX - 1..u32::MAX, 1)];
        let found = Decoding::start(b"12345".to_vec(), payloads).finish();
        assert_eq!(found, [Some(b"45".to_vec()), None, None, None]);
    }

    #[test]
    fn objects_are_compressed_in_their_order() {
        let mut contents = sample(3000);
        contents.extend(vec![7; 100_000]);
        let parts = vec![0..3000, 3000..103_000, 0..0];
        let streams = Compressing::start(Arc::new(contents.clone()), parts.clone(), 1, Compression::Always).finish();
        for (range, stream) in parts.into_iter().zip(&streams) {
            let plain = &contents[range.start as usize..range.end as usize];
            match stream {
                Some(stream) => assert_eq!(miniz_oxide::inflate::decompress_to_vec_zlib(stream).unwrap(), plain),
                None => assert!(plain.is_empty()),
            }
        }
        assert!(streams[1].is_some());
    }
}
