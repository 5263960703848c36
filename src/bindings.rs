//! The imports of a component, generated from `wit/`.

#![allow(missing_docs, unreachable_pub, clippy::allow_attributes_without_reason, reason = "generated code")]

/// Bytes passed to the host in one call at most: wasmtime 48 stops a component whose call passes 128 MiB.
pub(crate) const CALL_MAX: usize = 16 << 20;

#[cfg(not(feature = "hosted"))]
wit_bindgen::generate!({ path: ["wit", "wit/host"], world: "loosepack:host/wasi", generate_all });

#[cfg(feature = "hosted")]
wit_bindgen::generate!({
    path: ["wit", "wit/host"],
    world: "loosepack:host/hosted",
    generate_all,
    ownership: Borrowing { duplicate_if_necessary: false },
});
