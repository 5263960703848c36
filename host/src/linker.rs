//! The component's imports, for linkers of other programs.

use wasmtime::component::{HasData, Linker};
use wasmtime_wasi::{WasiCtxView, WasiView};

use crate::bindings::loosepack::host::{flushing, locking, sharing};
use crate::fetching::{self, Fetching};
use crate::files::{self, Remember};
use crate::{codec, streams};

/// Adds everything that the component `loosepack-store.wasm` imports beyond WASI: locks of the operating system,
/// flushes of whole file systems, modes, hints of what will be read, and a codec at native speed.
///
/// For programs that have a linker of their own, to run the component beside others. `Linker` must contain WASI
/// already (`wasmtime_wasi::p2::add_to_linker_sync`); some of its functions for files and streams are replaced by
/// synchronous ones that do not wait when a pipe is opened, which the component relies on. The engine needs no special
/// settings. Its code is `loosepack_artifacts::STORE`, and the world it is built for is `loosepack:host/store` in this
/// package's `wit` folder.
///
/// ```
/// use wasmtime::component::{Component, Linker, ResourceTable};
/// use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
///
/// struct State {
///     table: ResourceTable,
///     wasi: WasiCtx,
/// }
///
/// impl WasiView for State {
///     fn ctx(&mut self) -> WasiCtxView<'_> {
///         WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
///     }
/// }
///
/// # fn main() -> wasmtime::Result<()> {
/// let engine = wasmtime::Engine::default();
/// let mut linker = Linker::<State>::new(&engine);
/// wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
/// loosepack_host::add_to_linker(&mut linker)?;
/// let store = linker.instantiate_pre(&Component::new(&engine, loosepack_artifacts::STORE)?)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// When the linker contains one of the interfaces already, or no WASI.
pub fn add_to_linker<T: WasiView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    add(linker, |_, _| None, |_| None)
}

/// Adds the same imports; unfinished files are remembered as `remember` says, and files are fetched by whom `fetching`
/// names.
pub(crate) fn add<T: WasiView + 'static>(
    linker: &mut Linker<T>,
    remember: Remember<T>,
    fetching: Fetching<T>,
) -> wasmtime::Result<()> {
    files::add_to_linker(linker, remember, fetching)?;
    fetching::add_to_linker(linker, fetching)?;
    streams::add_to_linker(linker)?;
    locking::add_to_linker::<T, View>(linker, T::ctx)?;
    flushing::add_to_linker::<T, View>(linker, T::ctx)?;
    sharing::add_to_linker::<T, View>(linker, T::ctx)?;
    codec::add_to_linker(linker)
}

/// Tells the generated bindings what implements the interfaces.
struct View;

impl HasData for View {
    type Data<'a> = WasiCtxView<'a>;
}
