//! The WebAssembly components of loosepack, prebuilt.
//!
//! ```ignore
//! let component = wasmtime::component::Component::new(&engine, loosepack_artifacts::PORTABLE)?;
//! ```

/// The store for any WASI host: the world `portable` of `loosepack:store`.
pub static PORTABLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/loosepack.wasm"));

/// The command for any WASI runtime: `wasi:cli/command`.
pub static COMMAND: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/loosepack-cli.wasm"));

/// The store for the host `loosepack-host`: the world `store` of `loosepack:host`.
pub static STORE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/loosepack-store.wasm"));
