//! The form of a zlib stream (RFC 1950) that is made of frames.

use core::ops::Range;

/// Bytes before the DEFLATE blocks of a stream.
pub(crate) const HEADER: usize = 2;
/// Bytes after them: the Adler-32.
pub(crate) const TRAILER: usize = 4;

/// An empty stored block of DEFLATE (RFC 1951, section 3.2.4), from a byte boundary to a byte boundary.
pub(crate) const EMPTY_BLOCK: [u8; 5] = [0, 0, 0, 0xff, 0xff];

/// The Adler-32 of nothing.
pub(crate) const ADLER_OF_NOTHING: u32 = 1;

/// Returns the first bytes of a zlib stream: method 8, a window of 32 KiB, and a hint at the level.
pub(crate) fn header(level: u8) -> [u8; 2] {
    let hint = match level {
        0..=1 => 0x01,
        2..=5 => 0x5e,
        6 => 0x9c,
        _ => 0xda,
    };
    [0x78, hint]
}

/// Method 8, a window of at most 32 KiB, no dictionary, and a right checksum (RFC 1950, section 2.2).
pub(crate) fn is_header(header: &[u8]) -> bool {
    let &[method, flags] = header else { return false };
    method & 15 == 8 && method >> 4 <= 7 && flags & 32 == 0 && u16::from_be_bytes([method, flags]).is_multiple_of(31)
}

/// Returns where in a stream its DEFLATE blocks are, and the Adler-32 at its end; `None` if its ends are not those of a
/// stream.
pub(crate) fn parts(stream: &[u8]) -> Option<(Range<usize>, u32)> {
    let (header, rest) = stream.split_at_checked(HEADER)?;
    let (blocks, trailer) = rest.split_last_chunk::<TRAILER>()?;
    is_header(header).then_some((HEADER..HEADER + blocks.len(), u32::from_be_bytes(*trailer)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn checksums_of_parts_make_that_of_the_whole() {
        let adler32 = |data: &[u8]| adler32(ADLER_OF_NOTHING, data);
        assert_eq!(adler32(b"Wikipedia"), 0x11E6_0398);
        let data: Vec<u8> = (0..200_000_u32).map(|i| (i.wrapping_mul(i) >> 3) as u8).collect();
        for middle in [0, 1, 7, 65_521, 100_000, 200_000] {
            let (first, second) = data.split_at(middle);
            let sum = adler32_append(adler32(first), adler32(second), second.len() as u64);
            assert_eq!(sum, adler32(&data), "{middle}");
        }
        assert_eq!(adler32_append(ADLER_OF_NOTHING, adler32(&data), 200_000), adler32(&data));
    }
}
