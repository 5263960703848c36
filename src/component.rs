//! Glue between the contract in `wit/` and the store: convert, call, convert back.

mod container;
mod convert;
mod maintenance;
#[cfg(not(feature = "hosted"))]
mod preopens;
mod runtime;
mod sources;
mod transfer;

/// The exports of the component, generated from `wit/`.
mod bindings {
    #![allow(clippy::allow_attributes_without_reason, clippy::std_instead_of_core, reason = "generated code")]

    #[cfg(feature = "hosted")]
    wit_bindgen::generate!({
        path: ["wit", "wit/host"],
        world: "loosepack:host/store",
        with: {
            "wasi:io/error@0.2.12": crate::bindings::wasi::io::error,
            "wasi:io/poll@0.2.12": crate::bindings::wasi::io::poll,
            "wasi:io/streams@0.2.12": crate::bindings::wasi::io::streams,
            "wasi:clocks/wall-clock@0.2.12": crate::bindings::wasi::clocks::wall_clock,
            "wasi:filesystem/types@0.2.12": crate::bindings::wasi::filesystem::types,
            "loosepack:host/locking@0.1.0": crate::bindings::loosepack::host::locking,
            "loosepack:host/flushing@0.1.0": crate::bindings::loosepack::host::flushing,
            "loosepack:host/sharing@0.1.0": crate::bindings::loosepack::host::sharing,
            "loosepack:host/fetching@0.1.0": crate::bindings::loosepack::host::fetching,
            "loosepack:host/codec@0.1.0": crate::bindings::loosepack::host::codec,
        },
    });

    #[cfg(not(feature = "hosted"))]
    wit_bindgen::generate!({
        path: "wit",
        world: "portable",
        with: {
            "wasi:io/error@0.2.12": crate::bindings::wasi::io::error,
            "wasi:io/poll@0.2.12": crate::bindings::wasi::io::poll,
            "wasi:io/streams@0.2.12": crate::bindings::wasi::io::streams,
            "wasi:clocks/wall-clock@0.2.12": crate::bindings::wasi::clocks::wall_clock,
            "wasi:filesystem/types@0.2.12": crate::bindings::wasi::filesystem::types,
            "wasi:filesystem/preopens@0.2.12": crate::bindings::wasi::filesystem::preopens,
        },
    });

    export!(Component);

    use super::Component;
}

use bindings::exports::loosepack::store as wit;

struct Component;
