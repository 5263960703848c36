//! Whether the record of an object is where the index says.

use alloc::format;

use super::walk::find;
use crate::dir::{File, read_full_at};
use crate::error::{Context as _, Result};
use crate::format::frame_table;
use crate::format::location::{Location, Place};
use crate::format::names;
use crate::format::record::{HEADER_MAX, HEADER_START, Header, parse_header};
use crate::id::ObjectId;

/// The header of the record whose payload starts at a place; `None` when there is none before it.
fn header_before(file: &impl File, (pack, offset): Place) -> Result<Option<Header>> {
    let path = || format!("{} at byte {offset}", names::pack(pack));
    let start = offset.saturating_sub(HEADER_MAX as u64);
    let mut before = alloc::vec![0; (offset - start) as usize];
    let read = read_full_at(file, &mut before, start).during("read", &path())?;
    let line = before
        .len()
        .checked_sub(1)
        .map_or(0, |last| before[..last].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
    let text = find(&before[line..], HEADER_START).map(|at| &before[line + at..]);
    Ok(text
        .filter(|_| read == before.len())
        .and_then(|text| parse_header(text).filter(|header| header.bytes == text.len() as u64)))
}

/// Where the record ends whose payload starts at a place; `None` when there is none.
pub(crate) fn record_end(file: &impl File, place: Place) -> Result<Option<u64>> {
    let Some(header) = header_before(file, place)? else { return Ok(None) };
    let payload_end = place.1.checked_add(header.length).and_then(|end| end.checked_add(1));
    Ok(payload_end.and_then(|end| end.checked_add(frame_table::length(header.size, header.length))))
}

/// Returns whether the record of an object is where the index says, as far as its header tells.
pub(crate) fn has_header(file: &impl File, id: &ObjectId, location: &Location) -> Result<bool> {
    let agrees = header_before(file, location.place())?
        .is_some_and(|header| header.id == *id && header.size == location.size && header.length == location.length);
    Ok(agrees)
}

/// Returns whether the record of an object is where the index says, as far as its header and its line end tell;
/// otherwise what is wrong with it.
pub(crate) fn record_at(file: &impl File, id: &ObjectId, location: &Location) -> Result<Result<(), &'static str>> {
    if !has_header(file, id, location)? {
        return Ok(Err("the header before it does not match the index"));
    }
    let mut end = [0];
    let place = location.offset + location.length;
    let read = read_full_at(file, &mut end, place).during("read", &names::pack(location.pack))?;
    Ok(if read == 1 && end == *b"\n" { Ok(()) } else { Err("no line end follows its payload") })
}
