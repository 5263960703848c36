//! A file for each object.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use loosepack::ObjectId;

use super::pack::{Packer, Reader};
use super::verify;
use crate::Result;
use crate::side::sha256;
use crate::system::flush_file_system;

/// Makes the folders that every store would have from its creation on.
pub(super) fn prepare(folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder.join("incoming"))?;
    for shard in 0..=u8::MAX {
        fs::create_dir(folder.join(format!("{shard:02x}")))?;
    }
    Ok(folder.into())
}

/// Write, flush if so, rename, flush the name if so.
pub(super) fn add(folder: &Path, content: &[u8], sync: bool) -> Result<ObjectId> {
    let id = sha256(content);
    let incoming = folder.join("incoming/1");
    let mut file = File::create_new(&incoming)?;
    file.write_all(content)?;
    if sync {
        file.sync_all()?;
    }
    let target = path(folder, &id);
    fs::rename(&incoming, &target)?;
    if sync && let Some(shard) = target.parent() {
        File::open(shard)?.sync_all()?;
    }
    Ok(id)
}

/// Writes all, flushes, renames all, flushes.
pub(super) fn add_batch(folder: &Path, contents: &[Vec<u8>]) -> Result<()> {
    let incoming = folder.join("incoming");
    for (number, content) in contents.iter().enumerate() {
        File::create_new(incoming.join(number.to_string()))?.write_all(content)?;
    }
    let file_system = File::open(folder)?;
    flush_file_system(&file_system)?;
    for (number, content) in contents.iter().enumerate() {
        fs::rename(incoming.join(number.to_string()), path(folder, &sha256(content)))?;
    }
    flush_file_system(&file_system)
}

pub(super) fn get(folder: &Path, id: &ObjectId) -> Result<Vec<u8>> {
    let content = fs::read(path(folder, id))?;
    verify(id, &content)?;
    Ok(content)
}

/// List, read, check, append, flush.
pub(super) fn pack(folder: &Path, to: &Path) -> Result<usize> {
    let mut packer = Packer::create(to, false)?;
    let mut count = 0;
    let mut content = Vec::new();
    each(folder, |path| {
        content.clear();
        File::open(path)?.read_to_end(&mut content)?;
        count += 1;
        packer.add(&content)
    })?;
    packer.finish()?;
    Ok(count)
}

/// List, read the packed copy and check it, remove the file.
pub(super) fn clean(folder: &Path, packed: &Path) -> Result<usize> {
    let packed = Reader::open(packed)?;
    let mut count = 0;
    each(folder, |path| {
        let (Some(shard), Some(name)) = (path.parent().and_then(Path::file_name), path.file_name()) else {
            return Err("a path has no name".into());
        };
        let digits = [shard.as_encoded_bytes(), name.as_encoded_bytes()].concat();
        let id = ObjectId::from_hex(&digits).ok_or("a file is no object")?;
        packed.get(&id)?;
        count += 1;
        Ok(fs::remove_file(path)?)
    })?;
    Ok(count)
}

fn each(folder: &Path, mut run: impl FnMut(&Path) -> Result<()>) -> Result<()> {
    for shard in 0..=u8::MAX {
        for entry in fs::read_dir(folder.join(format!("{shard:02x}")))? {
            run(&entry?.path())?;
        }
    }
    Ok(())
}

fn path(folder: &Path, id: &ObjectId) -> PathBuf {
    let hex = id.to_string();
    folder.join(&hex[..2]).join(&hex[2..])
}
