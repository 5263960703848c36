//! SHA-256 and DEFLATE for the components, at the speed of the machine.
//!
//! Written by hand instead of generated, so that bytes are read where they lie in the component's memory.

use sha2::{Digest as _, Sha256};
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceType, WasmList};

use crate::state::State;

/// Where `wit/codec.wit` has it.
const INTERFACE: &str = "loosepack:store/codec@0.1.0";

type Digest = (u64, u64, u64, u64);

/// Give the interface `codec` to components.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut codec = linker.instance(INTERFACE)?;
    codec.func_wrap("sha256", |store, (data,): (WasmList<u8>,)| {
        Ok((digest(Sha256::digest(data.as_le_slice(&store))),))
    })?;
    codec.resource("sha256-state", ResourceType::host::<Sha256>(), |mut store, rep| {
        store.data_mut().table.delete(Resource::<Sha256>::new_own(rep))?;
        Ok(())
    })?;
    codec.func_wrap("[constructor]sha256-state", |mut store: StoreContextMut<'_, State>, (): ()| {
        Ok((store.data_mut().table.push(Sha256::new())?,))
    })?;
    codec.func_wrap(
        "[method]sha256-state.update",
        |mut store: StoreContextMut<'_, State>, (state, data): (Resource<Sha256>, WasmList<u8>)| {
            // Out of the table meanwhile: the table and the component's memory belong to one store.
            let mut hash = std::mem::take(store.data_mut().table.get_mut(&state)?);
            hash.update(data.as_le_slice(&store));
            *store.data_mut().table.get_mut(&state)? = hash;
            Ok(())
        },
    )?;
    codec.func_wrap(
        "[static]sha256-state.finish",
        |mut store: StoreContextMut<'_, State>, (state,): (Resource<Sha256>,)| {
            Ok((digest(store.data_mut().table.delete(state)?.finalize()),))
        },
    )?;
    codec.func_wrap("deflate", |store, (data, level, last): (WasmList<u8>, u8, bool)| {
        Ok((loosepack::codec::deflate(data.as_le_slice(&store), level, last),))
    })?;
    codec.func_wrap("inflate", |store, (data, size): (WasmList<u8>, u32)| {
        let inflated = loosepack::codec::inflate(data.as_le_slice(&store), size as usize);
        Ok((inflated.ok_or(()),))
    })
}

fn digest(bytes: impl Into<[u8; 32]>) -> Digest {
    let bytes: [u8; 32] = bytes.into();
    let number = |index: usize| {
        let mut number = [0; 8];
        number.copy_from_slice(&bytes[8 * index..][..8]);
        u64::from_be_bytes(number)
    };
    (number(0), number(1), number(2), number(3))
}
