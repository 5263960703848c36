//! Locks of the operating system for the components.

use std::fs::TryLockError;

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::fs::OpenOptions;
use wasmtime::component::Resource;
use wasmtime_wasi::WasiCtxView;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::bindings::sync::filesystem::types::ErrorCode;

use crate::bindings::loosepack::host::locking::{Host, HostLock};
use crate::files::code;

/// Locked until dropped; the operating system frees it when the process ends.
#[expect(unreachable_pub, reason = "the generated bindings export it")]
pub struct Lock(std::fs::File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that another thread is just starting has inherited it, and holds
        // the lock until it runs its own program. A file that cannot be unlocked is closed all the same.
        let _ = self.0.unlock();
    }
}

/// Returns whether an error tells that the file system has no locks: ENOSYS on Lustre without `flock`, ENOLCK on NFS
/// without its lock service. They are never mistaken for a lock that somebody holds, which is EWOULDBLOCK.
#[cfg(target_os = "linux")]
fn is_missing(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    let errno = Errno::from_io_error(error);
    errno.is_some_and(|errno| [Errno::NOSYS, Errno::NOLCK, Errno::OPNOTSUPP].contains(&errno))
}

/// Returns whether an error tells that the file system has no locks.
#[cfg(not(target_os = "linux"))]
fn is_missing(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::Unsupported
}

impl HostLock for WasiCtxView<'_> {
    fn drop(&mut self, lock: Resource<Lock>) -> wasmtime::Result<()> {
        self.table.delete(lock)?;
        Ok(())
    }
}

impl Host for WasiCtxView<'_> {
    fn try_lock(&mut self, dir: Resource<Descriptor>, path: String) -> Result<Resource<Lock>, ErrorCode> {
        let Ok(Descriptor::Dir(dir)) = self.table.get(&dir) else { return Err(ErrorCode::NotDirectory) };
        if dir.perms.write_not_permitted() {
            return Err(ErrorCode::NotPermitted);
        }
        let dir = cap_std::fs::Dir::from_std_file(dir.dir.try_clone().map_err(code)?);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).follow(FollowSymlinks::No);
        let file = dir.open_with(path, &options).map_err(code)?.into_std();
        match file.try_lock() {
            Ok(()) => self.table.push(Lock(file)).map_err(|_| ErrorCode::InsufficientMemory),
            Err(TryLockError::WouldBlock) => Err(ErrorCode::WouldBlock),
            Err(TryLockError::Error(error)) if is_missing(&error) => Err(ErrorCode::Unsupported),
            Err(TryLockError::Error(error)) => Err(code(error)),
        }
    }
}
