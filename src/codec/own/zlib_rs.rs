//! DEFLATE by zlib-rs, which is several times faster where there is std.

use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;
use std::thread_local;

use ::zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush, Status};

use super::FINAL_BLOCK;
use crate::format::zlib_stream::EMPTY_BLOCK;

/// The largest window of DEFLATE, 32 KiB, as a power of two.
const WINDOW_BITS: u8 = 15;

thread_local! {
    // Kept from one call to the next: making one takes longer than compressing a small object.
    static DEFLATE: RefCell<Option<(u8, Deflate)>> = const { RefCell::new(None) };
    static INFLATE: RefCell<Inflate> = RefCell::new(Inflate::new(false, WINDOW_BITS));
}

/// The most that a stored block holds (RFC 1951, section 3.2.4).
const STORED_MAX: usize = 65_535;

/// DEFLATE blocks of `data` that refer to nothing before them, at `level` 1 to 9. They end in a final block if `last`,
/// else in an empty stored block on a byte boundary.
pub(crate) fn deflate(data: &[u8], level: u8, last: bool) -> Vec<u8> {
    let blocks = compressed(data, level, last);
    // The fast levels use codes that fit text, and make noise longer.
    if blocks.len() > data.len() && !data.is_empty() { stored(data, last) } else { blocks }
}

/// Frames the data without compressing it.
fn stored(data: &[u8], last: bool) -> Vec<u8> {
    let mut blocks = Vec::with_capacity(data.len() + data.len() / 1024 + 2 * EMPTY_BLOCK.len());
    let mut pieces = data.chunks(STORED_MAX).peekable();
    while let Some(piece) = pieces.next() {
        let len = piece.len() as u16;
        blocks.push(u8::from(last && pieces.peek().is_none()));
        blocks.extend(len.to_le_bytes());
        blocks.extend((!len).to_le_bytes());
        blocks.extend_from_slice(piece);
    }
    if !last {
        blocks.extend(EMPTY_BLOCK);
    }
    blocks
}

fn compressed(data: &[u8], level: u8, last: bool) -> Vec<u8> {
    DEFLATE.with_borrow_mut(|kept| {
        if kept.as_ref().is_none_or(|(of, _)| *of != level) {
            *kept = None;
        }
        let (_, deflater) = kept.get_or_insert_with(|| (level, Deflate::new(level.into(), false, WINDOW_BITS)));
        deflater.reset();
        let flush = if last { DeflateFlush::Finish } else { DeflateFlush::FullFlush };
        // Room for what does not shrink; there is more when that is not enough.
        let mut blocks = vec![0; data.len() + data.len() / 16 + 64];
        loop {
            let (read, written) = (deflater.total_in() as usize, deflater.total_out() as usize);
            let status = deflater.compress(&data[read..], &mut blocks[written..], flush);
            let written = deflater.total_out() as usize;
            // A flush is complete when it leaves room.
            if status.expect("the compressor is sound") == Status::StreamEnd || (!last && written < blocks.len()) {
                blocks.truncate(written);
                return blocks;
            }
            blocks.resize(2 * blocks.len(), 0);
        }
    })
}

/// Undoes [`deflate`]. `None` unless that gives exactly `size` bytes. `last`: there must be a final block.
pub(crate) fn inflate(data: &[u8], size: usize, last: bool) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    out.try_reserve_exact(size).ok()?;
    out.resize(size, 0);
    INFLATE.with_borrow_mut(|inflater| {
        inflater.reset(false);
        let mut status = inflater.decompress(data, &mut out, InflateFlush::NoFlush).ok()?;
        let read = inflater.total_in();
        let written = inflater.total_out() as usize;
        if status != Status::StreamEnd && !last {
            // A frame without a final block. With an empty one appended it must end.
            status = inflater.decompress(&FINAL_BLOCK, &mut out[written..], InflateFlush::NoFlush).ok()?;
        }
        let whole = read == data.len() as u64 && written == size && inflater.total_out() as usize == size;
        (status == Status::StreamEnd && whole).then_some(out)
    })
}
