//! Reading files for the components without a detour.
//!
//! wasmtime's own `descriptor.read` goes through an asynchronous runtime and gives 64 KiB at most: as each component has a
//! thread to itself, the file can be read right here, and large pieces at once.

use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, Resource};
use wasmtime_wasi::filesystem::{Descriptor, File, OpenMode};
use wasmtime_wasi::p2::bindings::sync::filesystem::types::ErrorCode;

use crate::grants::code;
use crate::state::State;

/// Bytes that one call gives at most: what the store reads at once.
const READ_MAX: u64 = 1 << 20;

/// What a read gives: bytes, and whether the file ends with them.
type Read = Result<(Vec<u8>, bool), ErrorCode>;

/// Replace `descriptor.read`.
pub(super) fn replace(types: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    types.func_wrap(
        "[method]descriptor.read",
        |store: StoreContextMut<'_, State>, (descriptor, len, offset): (Resource<Descriptor>, u64, u64)| {
            let read = match store.data().table.get(&descriptor)? {
                Descriptor::File(file) => read(file, len, offset),
                Descriptor::Dir(_) => Err(ErrorCode::BadDescriptor),
            };
            Ok((read,))
        },
    )
}

fn read(file: &File, len: u64, offset: u64) -> Read {
    if !file.open_mode.contains(OpenMode::READ) {
        return Err(ErrorCode::NotPermitted);
    }
    let mut buffer = vec![0; len.min(READ_MAX) as usize];
    #[cfg(unix)]
    let read = std::os::unix::fs::FileExt::read_at(&*file.file, &mut buffer, offset);
    #[cfg(windows)]
    let read = std::os::windows::fs::FileExt::seek_read(&*file.file, &mut buffer, offset);
    buffer.truncate(read.map_err(code)?);
    let end = buffer.is_empty();
    Ok((buffer, end))
}
