//! Making all packs durable.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::dir::{Dir, File as _, Kind};
use crate::disk::Disk;
use crate::disk::{directory, small_file};
use crate::error::{IoFailure, Result};
use crate::format::names::{self, PACKS};

/// Makes all packs durable: a packer that was killed, or did not flush, may have left some that are not. Returns their
/// lengths, and why some cannot be opened.
pub(crate) fn flush_all<D: Dir>(disk: &Disk<D>) -> Result<(BTreeMap<u32, u64>, Vec<IoFailure>)> {
    let (mut packs, mut unopened) = (BTreeMap::new(), Vec::new());
    for entry in small_file::list(&disk.dir, PACKS)? {
        if let Some(number) = names::pack_number(&entry.name).filter(|_| entry.kind == Kind::File) {
            let path = names::pack(number);
            let opened = disk.open_read(&path).and_then(|file| Ok((file.metadata()?.len, file)));
            let (len, file) = match opened {
                Ok(opened) => opened,
                Err(code) => {
                    unopened.push(IoFailure { operation: "open".into(), path, code });
                    continue;
                }
            };
            disk.flush.file(&file, &path)?;
            packs.insert(number, len);
        }
    }
    if !packs.is_empty() {
        directory::settle(disk, PACKS)?;
        disk.flush.dir(&disk.dir, PACKS)?;
    }
    Ok((packs, unopened))
}
