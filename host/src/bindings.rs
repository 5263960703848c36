//! The contract as Rust types, generated from `wit/`.

#![allow(missing_docs, unreachable_pub, clippy::allow_attributes_without_reason, reason = "generated code")]

wasmtime::component::bindgen!({
    path: ["wit", "wit/host"],
    world: "loosepack:host/store",
    with: {
        "wasi": wasmtime_wasi::p2::bindings::sync,
        "loosepack:host/locking.lock": crate::locking::Lock,
    },
    ownership: Borrowing { duplicate_if_necessary: false },
    require_store_data_send: true,
});
