//! SHA-256, DEFLATE and Adler-32: the first two from the host where it gives them, else from crates within.

#[cfg(not(feature = "hosted"))]
mod embedded;
#[cfg(not(feature = "hosted"))]
pub use embedded::{Sha256, deflate, inflate, sha256};

#[cfg(feature = "hosted")]
mod host;
#[cfg(feature = "hosted")]
pub use host::{Sha256, deflate, inflate, sha256};

/// The Adler-32 of `data` appended to what `sum` stands for (RFC 1950, section 9); 1 stands for nothing.
pub(crate) fn adler32(sum: u32, data: &[u8]) -> u32 {
    let mut adler = adler2::Adler32::from_checksum(sum);
    adler.write_slice(data);
    adler.checksum()
}

#[cfg(all(test, not(feature = "hosted")))]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// Compressible, but not by much: the squares' low bytes.
    fn sample(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * i / 7) as u8).collect()
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
    fn frames_in_a_row_are_one_stream() {
        let data = sample(50_000);
        let mut stream = deflate(&data[..20_000], 6, false);
        stream.extend(deflate(&data[20_000..], 6, true));
        assert_eq!(inflate(&stream, data.len()), Some(data));
    }

    #[test]
    fn a_bomb_gives_no_more_than_announced() {
        let bomb = deflate(&alloc::vec![0; 10_000_000], 9, true);
        assert!(bomb.len() < 20_000);
        assert_eq!(inflate(&bomb, 1000), None);
    }

    #[test]
    fn digests_are_those_of_the_standard() {
        let id = sha256(b"abc");
        assert_eq!(&id.to_hex()[..16], b"ba7816bf8f01cfea");
        let mut pieces = Sha256::default();
        pieces.update(b"a");
        pieces.update(b"bc");
        assert_eq!(pieces.finish(), id);
        assert_eq!(adler32(adler32(1, b"Wiki"), b"pedia"), 0x11E6_0398);
    }
}
