//! Looking at, making, renaming and removing files and directories for the components.
//!
//! wasmtime's own way goes through an asynchronous runtime, and gives reasons for failures that are wrong for many. The
//! sandbox is the same: `cap-primitives`, of which wasmtime has a copy.

use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use cap_fs_ext::MetadataExt as _;
use cap_primitives::fs::{self, DirOptions, FollowSymlinks, Metadata};
use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, Resource};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::filesystem::{Descriptor, Dir};
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::sync::filesystem::types::{DescriptorStat, ErrorCode, PathFlags};

use super::codes::code;
use super::listing::kind;

type Handle = Resource<Descriptor>;
type Answer<T> = Result<T, ErrorCode>;

/// Replaces the functions of `descriptor` that this module is about.
pub(super) fn replace<T: WasiView + 'static>(types: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    types.func_wrap("[method]descriptor.stat", |mut store: StoreContextMut<'_, T>, (this,): (Handle,)| {
        let metadata = match store.data_mut().ctx().table.get(&this)? {
            Descriptor::File(file) => Metadata::from_file(&file.file),
            Descriptor::Dir(dir) => Metadata::from_file(&dir.dir),
        };
        Ok((metadata.map(|metadata| stat(&metadata, metadata.nlink())).map_err(code),))
    })?;
    types.func_wrap(
        "[method]descriptor.stat-at",
        |mut store: StoreContextMut<'_, T>, (this, flags, path): (Handle, PathFlags, String)| {
            let follow =
                if flags.contains(PathFlags::SYMLINK_FOLLOW) { FollowSymlinks::Yes } else { FollowSymlinks::No };
            // Windows tells the number of links of open files only.
            let links = |metadata: &Metadata| if cfg!(unix) { metadata.nlink() } else { 1 };
            let look = |dir: &Dir| {
                fs::stat(&dir.dir, Path::new(&path), follow).map(|metadata| stat(&metadata, links(&metadata)))
            };
            Ok((directory(&mut store, &this)?.and_then(|dir| look(&dir).map_err(code)),))
        },
    )?;
    types.func_wrap(
        "[method]descriptor.create-directory-at",
        |mut store: StoreContextMut<'_, T>, (this, path): (Handle, String)| {
            let create = |dir: &Dir| fs::create_dir(&dir.dir, Path::new(&path), &DirOptions::new());
            Ok((change(&mut store, &this, create)?,))
        },
    )?;
    types.func_wrap(
        "[method]descriptor.unlink-file-at",
        |mut store: StoreContextMut<'_, T>, (this, path): (Handle, String)| {
            Ok((change(&mut store, &this, |dir| fs::remove_file(&dir.dir, Path::new(&path)))?,))
        },
    )?;
    types.func_wrap(
        "[method]descriptor.rename-at",
        |mut store: StoreContextMut<'_, T>, (this, from, other, to): (Handle, String, Handle, String)| {
            let target = match writable(&mut store, &other)? {
                Ok(target) => target.dir,
                Err(error) => return Ok((Err(error),)),
            };
            let rename = |dir: &Dir| fs::rename(&dir.dir, Path::new(&from), &target, Path::new(&to));
            Ok((change(&mut store, &this, rename)?,))
        },
    )
}

fn directory<T: WasiView>(store: &mut StoreContextMut<'_, T>, handle: &Handle) -> wasmtime::Result<Answer<Dir>> {
    Ok(match store.data_mut().ctx().table.get(handle)? {
        Descriptor::Dir(dir) => Ok(dir.clone()),
        Descriptor::File(_) => Err(ErrorCode::NotDirectory),
    })
}

fn writable<T: WasiView>(store: &mut StoreContextMut<'_, T>, handle: &Handle) -> wasmtime::Result<Answer<Dir>> {
    let allowed = |dir: Dir| if dir.perms.write_not_permitted() { Err(ErrorCode::NotPermitted) } else { Ok(dir) };
    Ok(directory(store, handle)?.and_then(allowed))
}

/// Changes something in a directory that may be written to.
fn change<T: WasiView>(
    store: &mut StoreContextMut<'_, T>,
    handle: &Handle,
    change: impl FnOnce(&Dir) -> io::Result<()>,
) -> wasmtime::Result<Answer<()>> {
    Ok(writable(store, handle)?.and_then(|dir| change(&dir).map_err(code)))
}

fn stat(metadata: &Metadata, links: u64) -> DescriptorStat {
    let time =
        |time: io::Result<cap_primitives::time::SystemTime>| time.ok().and_then(|time| datetime(time.into_std()));
    DescriptorStat {
        type_: kind(metadata.file_type()),
        link_count: links,
        size: metadata.len(),
        data_access_timestamp: time(metadata.accessed()),
        data_modification_timestamp: time(metadata.modified()),
        status_change_timestamp: None,
    }
}

fn datetime(time: SystemTime) -> Option<Datetime> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    Some(Datetime { seconds: since.as_secs(), nanoseconds: since.subsec_nanos() })
}
