//! Opening files and directories for the components without waiting.
//!
//! wasmtime opens a pipe by waiting for somebody at its other end, so whoever can plant one in a container could stop
//! everybody who reads it. Here what exists is opened so that nothing waits, and what is neither a file nor a
//! directory is refused. The sandbox is the same: `cap-primitives`, of which wasmtime has a copy.

use std::fs::File;
use std::io;
use std::path::Path;

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt as _, OpenOptionsMaybeDirExt as _, OpenOptionsSyncExt as _};
use cap_primitives::fs::OpenOptions;
use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, Resource};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::filesystem::{Descriptor, Dir, File as WasiFile, OpenMode, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::sync::filesystem::types::{
    DescriptorFlags, ErrorCode, HostDescriptor as _, OpenFlags, PathFlags,
};

use super::Remember;
use super::codes::code;

type Arguments = (Resource<Descriptor>, PathFlags, String, OpenFlags, DescriptorFlags);

/// Replaces `descriptor.open-at`.
pub(super) fn replace<T: WasiView + 'static>(
    types: &mut LinkerInstance<'_, T>,
    remember: Remember<T>,
) -> wasmtime::Result<()> {
    types.func_wrap("[method]descriptor.open-at", move |mut store: StoreContextMut<'_, T>, arguments: Arguments| {
        Ok((open_at(store.data_mut(), arguments, remember)?,))
    })
}

fn open_at<T: WasiView>(
    state: &mut T,
    (dir, path_flags, path, open_flags, flags): Arguments,
    remember: Remember<T>,
) -> wasmtime::Result<Result<Resource<Descriptor>, ErrorCode>> {
    let known = [DescriptorFlags::READ, DescriptorFlags::READ | DescriptorFlags::WRITE].contains(&flags);
    let created = open_flags == OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
    let plain = path_flags == PathFlags::empty()
        && (created || [OpenFlags::empty(), OpenFlags::DIRECTORY].contains(&open_flags));
    let unfinished = if created { remember(state, &path) } else { None };
    let table = state.ctx().table;
    let parent = match table.get(&dir)? {
        Descriptor::Dir(parent) if plain && known => parent,
        // The container follows no links: wasmtime's own way opens these.
        _ => {
            let opened = state.filesystem().open_at(dir, path_flags, path, open_flags, flags);
            return opened.map_or_else(|error| Ok(Err(error.downcast()?.into())), |opened| Ok(Ok(opened)));
        }
    };
    let opened = if created {
        match unfinished {
            Some((unfinished, file)) => unfinished.make(file, || create(parent, &path)),
            None => create(parent, &path),
        }
    } else {
        open(parent, &path, open_flags.contains(OpenFlags::DIRECTORY), flags.contains(DescriptorFlags::WRITE))
    };
    match opened {
        Ok(opened) => Ok(Ok(table.push(opened)?)),
        Err(error) => Ok(Err(error)),
    }
}

/// Makes a file.
fn create(parent: &Dir, path: &str) -> Result<Descriptor, ErrorCode> {
    if parent.perms.write_not_permitted() {
        return Err(ErrorCode::NotPermitted);
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).follow(FollowSymlinks::No);
    let file = cap_primitives::fs::open(&parent.dir, Path::new(path), &options).map_err(code)?;
    Ok(Descriptor::File(WasiFile::new(file, parent.perms, OpenMode::READ | OpenMode::WRITE, true)))
}

/// Opens what exists: a directory, or a file that need not be one.
fn open(parent: &Dir, path: &str, directory: bool, write: bool) -> Result<Descriptor, ErrorCode> {
    if write && parent.perms.write_not_permitted() {
        return Err(ErrorCode::NotPermitted);
    }
    let file = open_unblocked(&parent.dir, path, write).map_err(code)?;
    let found = file.metadata().map_err(code)?;
    let mode = if write { OpenMode::READ | OpenMode::WRITE } else { OpenMode::READ };
    match (found.is_dir(), directory) {
        (true, _) => Ok(Descriptor::Dir(Dir::new(file, parent.perms, mode, true))),
        (false, true) => Err(ErrorCode::NotDirectory),
        (false, false) if found.is_file() => Ok(Descriptor::File(WasiFile::new(file, parent.perms, mode, true))),
        (false, false) => Err(ErrorCode::Invalid),
    }
}

fn open_unblocked(parent: &File, path: &str, write: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(write).maybe_dir(true).follow(FollowSymlinks::No);
    // Regular files and directories know no such waiting.
    if cfg!(unix) {
        options.nonblock(true);
    }
    cap_primitives::fs::open(parent, Path::new(path), &options)
}
