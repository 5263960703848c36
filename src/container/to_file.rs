//! Writing an object to a file outside the container.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use super::{Container, Content, ObjectReader};
use crate::dir::{Dir, File, write_all_at};
use crate::error::{Code, Context as _, Error, Result};
use crate::id::ObjectId;

/// Writes what `reader` gives to `file`, from its start; returns the number of bytes.
pub fn to<D: Dir>(reader: &mut ObjectReader<D>, file: &impl File, path: &str) -> Result<u64> {
    let mut buffer = reader.buffer();
    let mut position = 0;
    loop {
        let len = reader.read(&mut buffer)?;
        if len == 0 {
            return Ok(position);
        }
        write_all_at(file, &buffer[..len], position).during("write", path)?;
        position += len as u64;
    }
}

/// Writes the object to the file `path` of a directory. The file appears, and replaces an earlier one, when it is
/// complete.
pub(crate) fn to_file<D: Dir>(reader: &mut ObjectReader<D>, dir: &impl Dir, path: &str) -> Result<u64> {
    in_place(dir, path, |file| to(reader, file, path))
}

/// Has a file written beside `path`, hidden as long as it is not whole, and puts it in place.
fn in_place<D: Dir>(dir: &D, path: &str, write: impl FnOnce(&D::File) -> Result<u64>) -> Result<u64> {
    let (parent, name) = path.rsplit_once('/').map_or(("", path), |(parent, name)| (parent, name));
    let slash = if parent.is_empty() { "" } else { "/" };
    let mut attempt = 0;
    let (temporary, file) = loop {
        let temporary = format!("{parent}{slash}.{name}.{:x}-{attempt}", dir.now());
        match dir.create_new(&temporary) {
            Ok(file) => break (temporary, file),
            Err(Code::Exists) => attempt += 1,
            Err(code) => return Err(code).during("create", path),
        }
    };
    let written = write(&file);
    drop(file);
    let result = written.and_then(|len| dir.rename(&temporary, path).during("rename to", path).map(|()| len));
    result.inspect_err(|_: &Error| {
        let _ = dir.remove_file(&temporary);
    })
}

/// Writes objects to files of a directory, each under its id: small ones as they are read together, large ones by
/// themselves.
pub(super) fn many<D: Dir>(container: &Container<D>, ids: &[ObjectId], dir: &impl Dir) -> Result<Vec<Result<u64>>> {
    let mut results: Vec<Option<Result<u64>>> = ids.iter().map(|_| None).collect();
    let mut batch = container.read_many(ids.to_vec())?;
    loop {
        let items: Vec<_> = batch.next_block().into_items().collect();
        if items.is_empty() {
            break;
        }
        for (position, content) in items {
            let position = position as usize;
            let id = &ids[position];
            let path = id.to_text();
            results[position] = Some(match content {
                Content::Bytes(bytes) => in_place(dir, &path, |file| {
                    write_all_at(file, &bytes, 0).during("write", &path).map(|()| bytes.len() as u64)
                }),
                Content::TooLarge(_) => container.get_to_file(id, dir, &path),
                Content::Missing => Err(Error::NotFound(*id)),
                Content::Failed(error) => Err(error),
            });
        }
    }
    // An id that was asked for before has its file already.
    let first: BTreeMap<&ObjectId, usize> = ids.iter().enumerate().rev().map(|(position, id)| (id, position)).collect();
    let result = |(position, id): (usize, &ObjectId)| {
        let result = results[position].clone().or_else(|| results[*first.get(id)?].clone());
        result.unwrap_or(Err(Error::NotFound(*id)))
    };
    Ok(ids.iter().enumerate().map(result).collect())
}
