//! Reading, writing and flushing files for the components.
//!
//! wasmtime's own way goes through an asynchronous runtime, copies what is written, and gives 64 KiB at most in one read. As
//! each component has a thread to itself, files are read and written right here, from and to its memory.

use std::fs::File;
use std::io;

use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, Resource, WasmList};
use wasmtime_wasi::filesystem::{Descriptor, File as WasiFile, OpenMode};
use wasmtime_wasi::p2::bindings::sync::filesystem::types::ErrorCode;

use super::codes::code;
use crate::state::State;

/// Bytes that one call gives at most: what the store reads at once.
const READ_MAX: u64 = 1 << 20;

type Caller<'a> = StoreContextMut<'a, State>;
type Handle = Resource<Descriptor>;
type Answer<T> = Result<T, ErrorCode>;

/// Replace the functions of `descriptor` that this module is about.
pub(super) fn replace(types: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    types.func_wrap("[method]descriptor.read", |store: Caller<'_>, (this, len, offset): (Handle, u64, u64)| {
        let readable = opened(&store, &this, OpenMode::READ)?;
        Ok((readable.and_then(|file| read(&file.file, len, offset).map_err(code)),))
    })?;
    types.func_wrap(
        "[method]descriptor.write",
        |store: Caller<'_>, (this, bytes, offset): (Handle, WasmList<u8>, u64)| {
            let file = match opened(&store, &this, OpenMode::WRITE)? {
                Ok(file) => &file.file,
                Err(error) => return Ok((Err(error),)),
            };
            Ok((write_at(file, bytes.as_le_slice(&store), offset).map(|written| written as u64).map_err(code),))
        },
    )?;
    types.func_wrap("[method]descriptor.set-size", |store: Caller<'_>, (this, size): (Handle, u64)| {
        let writable = opened(&store, &this, OpenMode::WRITE)?;
        Ok((writable.and_then(|file| file.file.set_len(size).map_err(code)),))
    })?;
    types.func_wrap("[method]descriptor.sync", |store: Caller<'_>, (this,): (Handle,)| {
        let synced = match store.data().table.get(&this)? {
            Descriptor::File(file) => file.file.sync_all(),
            Descriptor::Dir(dir) => sync_dir(&dir.dir),
        };
        Ok((synced.map_err(code),))
    })
}

/// A file that is open for this.
fn opened<'a>(store: &'a Caller<'_>, handle: &Handle, mode: OpenMode) -> wasmtime::Result<Answer<&'a WasiFile>> {
    Ok(match store.data().table.get(handle)? {
        Descriptor::File(file) if file.open_mode.contains(mode) => Ok(file),
        Descriptor::File(_) => Err(ErrorCode::NotPermitted),
        Descriptor::Dir(_) => Err(ErrorCode::BadDescriptor),
    })
}

fn read(file: &File, len: u64, offset: u64) -> io::Result<(Vec<u8>, bool)> {
    let mut buffer = vec![0; len.min(READ_MAX) as usize];
    let read = read_at(file, &mut buffer, offset)?;
    buffer.truncate(read);
    let end = buffer.is_empty();
    Ok((buffer, end))
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::write_at(file, bytes, offset)
}

#[cfg(windows)]
fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_write(file, bytes, offset)
}

#[cfg(unix)]
fn sync_dir(dir: &File) -> io::Result<()> {
    dir.sync_all()
}

/// Windows flushes no directories.
#[cfg(windows)]
fn sync_dir(_: &File) -> io::Result<()> {
    Ok(())
}
