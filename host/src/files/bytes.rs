//! Reading, writing and flushing files for the components.
//!
//! wasmtime's own way goes through an asynchronous runtime, copies what is written, and gives 64 KiB at most in one
//! read. As each component has a thread to itself, files are read and written right here, from and to its memory.

use std::fs::File;
use std::io;
use std::sync::Arc;

use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, Resource, WasmList};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::filesystem::{Descriptor, OpenMode};
use wasmtime_wasi::p2::bindings::sync::filesystem::types::ErrorCode;

use super::codes::code;
use crate::fetching::Fetching;

/// Bytes that one call gives at most: what the store reads at once.
const READ_MAX: u64 = 1 << 20;

type Handle = Resource<Descriptor>;
type Answer<T> = Result<T, ErrorCode>;

/// Replaces the functions of `descriptor` that this module is about.
pub(super) fn replace<T: WasiView + 'static>(
    types: &mut LinkerInstance<'_, T>,
    fetching: Fetching<T>,
) -> wasmtime::Result<()> {
    types.func_wrap(
        "[method]descriptor.read",
        move |mut store: StoreContextMut<'_, T>, (this, len, offset): (Handle, u64, u64)| {
            let len = len.min(READ_MAX);
            let readable = opened(&mut store, &this, OpenMode::READ)?;
            let present = |file: Arc<File>| {
                // The bytes stay until they have been read.
                let held = fetching(store.data()).map(|fetch| fetch.read(&file, offset..offset.saturating_add(len)));
                // Whatever the reason is: a file that is open is never absent.
                let _held = held.transpose().map_err(|_| ErrorCode::Io)?;
                read(&file, len, offset).map_err(code)
            };
            Ok((readable.and_then(present),))
        },
    )?;
    types.func_wrap(
        "[method]descriptor.write",
        |mut store: StoreContextMut<'_, T>, (this, bytes, offset): (Handle, WasmList<u8>, u64)| {
            let writable = opened(&mut store, &this, OpenMode::WRITE)?;
            let write = |file: Arc<File>| write_at(&file, bytes.as_le_slice(&store), offset).map_err(code);
            Ok((writable.and_then(write).map(|written| written as u64),))
        },
    )?;
    types.func_wrap(
        "[method]descriptor.set-size",
        |mut store: StoreContextMut<'_, T>, (this, size): (Handle, u64)| {
            let writable = opened(&mut store, &this, OpenMode::WRITE)?;
            Ok((writable.and_then(|file| file.set_len(size).map_err(code)),))
        },
    )?;
    types.func_wrap("[method]descriptor.sync", |mut store: StoreContextMut<'_, T>, (this,): (Handle,)| {
        let synced = match store.data_mut().ctx().table.get(&this)? {
            Descriptor::File(file) => file.file.sync_all(),
            Descriptor::Dir(dir) => sync_dir(&dir.dir),
        };
        Ok((synced.map_err(code),))
    })
}

/// A file that is open for this.
fn opened<T: WasiView>(
    store: &mut StoreContextMut<'_, T>,
    handle: &Handle,
    mode: OpenMode,
) -> wasmtime::Result<Answer<Arc<File>>> {
    Ok(match store.data_mut().ctx().table.get(handle)? {
        Descriptor::File(file) if file.open_mode.contains(mode) => Ok(file.file.clone()),
        Descriptor::File(_) => Err(ErrorCode::NotPermitted),
        Descriptor::Dir(_) => Err(ErrorCode::BadDescriptor),
    })
}

fn read(file: &File, len: u64, offset: u64) -> io::Result<(Vec<u8>, bool)> {
    let mut buffer = vec![0; len as usize];
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
