//! Flushing whole file systems for the components.

use wasmtime::component::Resource;
use wasmtime_wasi::WasiCtxView;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::bindings::sync::filesystem::types::ErrorCode;

use crate::bindings::loosepack::host::flushing::Host;

impl Host for WasiCtxView<'_> {
    #[cfg(target_os = "linux")]
    fn flush_all(&mut self, dir: Resource<Descriptor>) -> Result<(), ErrorCode> {
        let Ok(Descriptor::Dir(dir)) = self.table.get(&dir) else { return Err(ErrorCode::NotDirectory) };
        if dir.perms.write_not_permitted() {
            return Err(ErrorCode::NotPermitted);
        }
        use rustix::io::Errno;
        rustix::fs::syncfs(&*dir.dir).map_err(|error| match error {
            // Not there in emulators, or refused by a filter of system calls: each file is flushed by itself.
            Errno::NOSYS | Errno::PERM | Errno::INVAL | Errno::OPNOTSUPP => ErrorCode::Unsupported,
            error => crate::files::code(error.into()),
        })
    }

    #[cfg(not(target_os = "linux"))]
    fn flush_all(&mut self, _dir: Resource<Descriptor>) -> Result<(), ErrorCode> {
        Err(ErrorCode::Unsupported)
    }
}
