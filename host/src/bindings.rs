//! The contract as Rust types, generated from `wit/`.

#![allow(missing_docs, unreachable_pub, clippy::allow_attributes_without_reason, reason = "generated code")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "store",
    with: {
        "wasi": wasmtime_wasi::p2::bindings::sync,
        "loosepack:store/locking.lock": crate::locking::Lock,
    },
    require_store_data_send: true,
});

/// What the command imports beside WASI.
pub mod hosted {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "hosted",
        with: {
            "wasi": wasmtime_wasi::p2::bindings::sync,
            "loosepack:store/locking": super::loosepack::store::locking,
            "loosepack:store/flushing": super::loosepack::store::flushing,
            "loosepack:store/grants.output": crate::grants::Output,
        },
        imports: { "loosepack:store/grants.[method]output.file": trappable },
        require_store_data_send: true,
    });
}
