//! Modes of files for the components: letting the group use them.

use std::fs::File;

use wasmtime::component::Resource;
use wasmtime_wasi::WasiCtxView;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::bindings::sync::filesystem::types::ErrorCode;

use crate::bindings::loosepack::host::sharing::Host;
use crate::files::code;

impl Host for WasiCtxView<'_> {
    fn share(&mut self, descriptor: Resource<Descriptor>) -> Result<(), ErrorCode> {
        let (file, perms): (&File, _) = match self.table.get(&descriptor) {
            Ok(Descriptor::File(file)) => (&file.file, file.perms),
            Ok(Descriptor::Dir(dir)) => (&dir.dir, dir.perms),
            Err(_) => return Err(ErrorCode::BadDescriptor),
        };
        if perms.write_not_permitted() {
            return Err(ErrorCode::NotPermitted);
        }
        loosepack::io::share_with_group(file).map_err(code)
    }
}
