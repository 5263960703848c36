//! DEFLATE by miniz_oxide, which needs no std.

use alloc::vec::Vec;

use miniz_oxide::deflate::core::{CompressorOxide, TDEFLFlush, compress_to_output, create_comp_flags_from_zip_params};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

use super::FINAL_BLOCK;

/// DEFLATE blocks of `data` that refer to nothing before them, at `level` 1 to 9. They end in a final block if `last`,
/// else in an empty stored block on a byte boundary.
pub(crate) fn deflate(data: &[u8], level: u8, last: bool) -> Vec<u8> {
    // Window bits 0: no zlib header. Strategy 0: the default one.
    let flags = create_comp_flags_from_zip_params(i32::from(level), 0, 0);
    let flush = if last { TDEFLFlush::Finish } else { TDEFLFlush::Full };
    let mut blocks = Vec::with_capacity(data.len() / 2);
    compress_to_output(&mut CompressorOxide::new(flags), data, flush, |piece| {
        blocks.extend_from_slice(piece);
        true
    });
    blocks
}

/// Undoes [`deflate`]. `None` unless that gives exactly `size` bytes. `last`: there must be a final block.
pub(crate) fn inflate(data: &[u8], size: usize, last: bool) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    out.try_reserve_exact(size).ok()?;
    out.resize(size, 0);
    // More input is announced so that a frame without a final block ends by running out of it, not by an error. With an
    // empty final block appended it must end.
    let flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF | inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;
    let mut inflater = DecompressorOxide::new();
    let (status, read, written) = decompress(&mut inflater, data, &mut out, 0, flags);
    let ended = status == TINFLStatus::Done
        || !last
            && decompress(&mut inflater, &FINAL_BLOCK, &mut out, written, flags)
                == (TINFLStatus::Done, FINAL_BLOCK.len(), 0);
    (ended && read == data.len() && written == size).then_some(out)
}
