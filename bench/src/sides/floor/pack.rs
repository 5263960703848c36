//! One file of records and one of sorted, fixed-width index lines.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use loosepack::ObjectId;
use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush, Status};

use super::{PIECE, verify};
use crate::Result;
use crate::side::{ensure, sha256};

/// The window of zlib, as a power of two.
const WINDOW_BITS: u8 = 15;
/// Digits of a number in the index.
const DIGITS: usize = 15;
/// An index line: an id, three numbers, a space before each, a line feed.
const LINE: usize = ObjectId::HEX_LEN + 3 * (DIGITS + 1) + 1;

/// Where an object is.
#[derive(Clone, Copy)]
pub(super) struct Place {
    offset: u64,
    length: usize,
    size: usize,
}

/// Writes records.
pub(super) struct Packer {
    pack: File,
    index: File,
    buffer: Vec<u8>,
    written: u64,
    places: Vec<(ObjectId, Place)>,
    deflater: Option<(Deflate, Vec<u8>)>,
}

impl Packer {
    pub(super) fn create(folder: &Path, compress: bool) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let deflater = compress.then(|| (Deflate::new(1, true, WINDOW_BITS), Vec::new()));
        Ok(Packer {
            pack: File::create_new(folder.join("pack"))?,
            index: File::create_new(folder.join("index"))?,
            buffer: Vec::with_capacity(2 * PIECE),
            written: 0,
            places: Vec::new(),
            deflater,
        })
    }

    pub(super) fn add(&mut self, content: &[u8]) -> Result<()> {
        self.push(sha256(content), content)
    }

    /// Writes an object whose id is known.
    pub(super) fn push(&mut self, id: ObjectId, content: &[u8]) -> Result<()> {
        let payload = match &mut self.deflater {
            Some((deflater, out)) => deflate(deflater, content, out)?,
            None => content,
        };
        let (size, length) = (content.len(), payload.len());
        let enc = if length == size { "none" } else { "zlib" };
        writeln!(self.buffer, r#"{{"id":"{}","size":{size},"length":{length},"enc":"{enc}"}}"#, id)?;
        self.places.push((id, Place { offset: self.written + self.buffer.len() as u64, length, size }));
        self.buffer.extend_from_slice(payload);
        self.buffer.push(b'\n');
        if self.buffer.len() >= PIECE {
            self.write_out()?;
        }
        Ok(())
    }

    fn write_out(&mut self) -> Result<()> {
        self.pack.write_all(&self.buffer)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Writes the rest and the index, flushes both; the ids in their order.
    pub(super) fn finish(mut self) -> Result<Vec<ObjectId>> {
        self.write_out()?;
        self.pack.sync_all()?;
        let ids = self.places.iter().map(|(id, _)| *id).collect();
        self.places.sort_unstable_by_key(|(id, _)| *id);
        for (id, Place { offset, length, size }) in &self.places {
            writeln!(self.buffer, "{} {offset:DIGITS$} {length:DIGITS$} {size:DIGITS$}", id)?;
        }
        self.index.write_all(&self.buffer)?;
        self.index.sync_all()?;
        Ok(ids)
    }
}

/// The zlib stream of these bytes, or the bytes if that is not shorter.
fn deflate<'a>(deflater: &mut Deflate, content: &'a [u8], out: &'a mut Vec<u8>) -> Result<&'a [u8]> {
    deflater.reset();
    out.resize(content.len() + content.len() / 8 + 128, 0);
    let status = deflater.compress(content, out, DeflateFlush::Finish).map_err(|error| format!("{error:?}"))?;
    ensure(status == Status::StreamEnd, "the compressor did not end")?;
    let len = deflater.total_out() as usize;
    Ok(if len < content.len() { &out[..len] } else { content })
}

/// Reads records, with the index in memory.
pub(super) struct Reader {
    pack: File,
    places: Vec<(ObjectId, Place)>,
}

impl Reader {
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let text = fs::read(folder.join("index"))?;
        let places = text.chunks_exact(LINE).map(parse).collect::<Result<_>>()?;
        Ok(Reader { pack: File::open(folder.join("pack"))?, places })
    }

    pub(super) fn find(&self, id: &ObjectId) -> Option<Place> {
        let found = self.places.binary_search_by_key(id, |(id, _)| *id).ok()?;
        Some(self.places[found].1)
    }

    pub(super) fn get(&self, id: &ObjectId) -> Result<Vec<u8>> {
        let place = self.find(id).ok_or("an object is missing")?;
        read(&self.pack, id, place)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = ObjectId> {
        self.places.iter().map(|(id, _)| *id)
    }

    /// Reads all of these, an allocation each, in the order of the pack.
    pub(super) fn read_all(
        &self,
        ids: &[ObjectId],
        mut each: impl FnMut(&ObjectId, Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let mut wanted = Vec::with_capacity(ids.len());
        for id in ids {
            wanted.push((*id, self.find(id).ok_or("an object is missing")?));
        }
        wanted.sort_unstable_by_key(|(_, place)| place.offset);
        let (mut window, mut start) = (Vec::new(), 0);
        for (number, (id, place)) in wanted.iter().enumerate() {
            let end = place.offset + place.length as u64;
            if end > start + window.len() as u64 {
                start = place.offset;
                let near = |(_, place): &&(ObjectId, Place)| place.offset + place.length as u64 - start <= PIECE as u64;
                let last = wanted[number..]
                    .iter()
                    .take_while(near)
                    .last()
                    .map_or(end, |(_, place)| place.offset + place.length as u64);
                window.resize((last - start) as usize, 0);
                (&self.pack).seek(SeekFrom::Start(start))?;
                (&self.pack).read_exact(&mut window)?;
            }
            let payload = &window[(place.offset - start) as usize..][..place.length];
            let content = match place.length == place.size {
                true => payload.to_vec(),
                false => inflate(payload, place.size)?,
            };
            verify(id, &content)?;
            each(id, content)?;
        }
        Ok(())
    }
}

/// Reads an object of a folder, without reading its whole index.
pub(super) fn find_on_disk(folder: &Path, id: &ObjectId) -> Result<Vec<u8>> {
    let mut index = File::open(folder.join("index"))?;
    let mut lines = 0..index.metadata()?.len() / LINE as u64;
    let mut line = [0; LINE];
    while !lines.is_empty() {
        let middle = lines.start + (lines.end - lines.start) / 2;
        index.seek(SeekFrom::Start(middle * LINE as u64))?;
        index.read_exact(&mut line)?;
        let (found, place) = parse(&line)?;
        match found.cmp(id) {
            std::cmp::Ordering::Less => lines.start = middle + 1,
            std::cmp::Ordering::Greater => lines.end = middle,
            std::cmp::Ordering::Equal => return read(&File::open(folder.join("pack"))?, id, place),
        }
    }
    Err(format!("there is no object {}", id).into())
}

fn read(mut pack: &File, id: &ObjectId, place: Place) -> Result<Vec<u8>> {
    let mut payload = vec![0; place.length];
    pack.seek(SeekFrom::Start(place.offset))?;
    pack.read_exact(&mut payload)?;
    let content = if place.length == place.size { payload } else { inflate(&payload, place.size)? };
    verify(id, &content)?;
    Ok(content)
}

fn inflate(payload: &[u8], size: usize) -> Result<Vec<u8>> {
    let mut content = vec![0; size];
    let mut inflater = Inflate::new(true, WINDOW_BITS);
    let status =
        inflater.decompress(payload, &mut content, InflateFlush::Finish).map_err(|error| format!("{error:?}"))?;
    ensure(status == Status::StreamEnd && inflater.total_out() == size as u64, "a stream does not fit")?;
    Ok(content)
}

fn parse(line: &[u8]) -> Result<(ObjectId, Place)> {
    let (id, numbers) = line.split_at(ObjectId::HEX_LEN);
    let id = ObjectId::from_hex(id).ok_or("an index line has no id")?;
    let mut numbers = std::str::from_utf8(numbers)?.split_ascii_whitespace();
    let mut next = || numbers.next().ok_or("an index line is too short");
    Ok((id, Place { offset: next()?.parse()?, length: next()?.parse()?, size: next()?.parse()? }))
}
