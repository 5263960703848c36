//! Listing directories for the components.
//!
//! wasmtime's own way examines each entry, which a listing of Linux need not.

use std::io;
use std::path::Component;
use std::vec;

use cap_primitives::fs::{self, FileType};
use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, Resource, ResourceType};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::bindings::sync::filesystem::types::{DescriptorType, DirectoryEntry, ErrorCode};

use super::codes::code;

type Entry = Result<DirectoryEntry, ErrorCode>;

/// Entries of a directory that have not been asked for.
struct Entries(vec::IntoIter<Entry>);

/// Replaces listing, and the resource that it gives.
pub(super) fn replace<T: WasiView + 'static>(types: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    types.resource("directory-entry-stream", ResourceType::host::<Entries>(), |mut store, rep| {
        store.data_mut().ctx().table.delete(Resource::<Entries>::new_own(rep))?;
        Ok(())
    })?;
    types.func_wrap(
        "[method]descriptor.read-directory",
        |mut store: StoreContextMut<'_, T>, (this,): (Resource<Descriptor>,)| {
            let listed = match store.data_mut().ctx().table.get(&this)? {
                Descriptor::Dir(dir) => list(&dir.dir).map_err(code),
                Descriptor::File(_) => Err(ErrorCode::NotDirectory),
            };
            Ok((match listed {
                Ok(entries) => Ok(store.data_mut().ctx().table.push(Entries(entries.into_iter()))?),
                Err(error) => Err(error),
            },))
        },
    )?;
    types.func_wrap(
        "[method]directory-entry-stream.read-directory-entry",
        |mut store: StoreContextMut<'_, T>, (this,): (Resource<Entries>,)| {
            Ok((store.data_mut().ctx().table.get_mut(&this)?.0.next().transpose(),))
        },
    )
}

fn list(dir: &std::fs::File) -> io::Result<Vec<Entry>> {
    let entries = fs::read_dir(dir, std::path::Path::new(&Component::CurDir))?;
    let entry = |entry: io::Result<fs::DirEntry>| {
        let entry = entry.map_err(code)?;
        let type_ = kind(entry.file_type().map_err(code)?);
        let name = entry.file_name().into_string().map_err(|_| ErrorCode::IllegalByteSequence)?;
        Ok(DirectoryEntry { type_, name })
    };
    Ok(entries.map(entry).collect())
}

/// The kind of a file as WASI has it. What is neither a file, a directory nor a link may be anything.
pub(super) fn kind(file_type: FileType) -> DescriptorType {
    if file_type.is_file() {
        DescriptorType::RegularFile
    } else if file_type.is_dir() {
        DescriptorType::Directory
    } else if file_type.is_symlink() {
        DescriptorType::SymbolicLink
    } else {
        DescriptorType::Unknown
    }
}
