//! The object store loosepack for components that import it: the WIT package `loosepack:store`, and the bindings
//! generated from it.
//!
//! A component that uses this crate imports the interfaces of the store that it calls. It is composed with a component
//! that exports them, which is `loosepack.wasm`:
//!
//! ```sh
//! cargo build --release --target wasm32-wasip2
//! wac plug --plug loosepack.wasm target/wasm32-wasip2/release/app.wasm -o app.wasm
//! wasmtime run --dir . app.wasm
//! ```
//!
//! ```no_run
//! use loosepack_guest::container::Container;
//! use loosepack_guest::directory;
//! use loosepack_guest::store_types::OpenOptions;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let store = Container::open(&directory("store")?, &OpenOptions::default())?;
//!     let id = store.add(b"some bytes")?;
//!     assert_eq!(store.get(&id)?, b"some bytes");
//!     Ok(())
//! }
//! ```
//!
//! | module | contents |
//! |---|---|
//! | [`container`] | containers: adding and reading objects |
//! | [`maintenance`] | packing, deleting, repacking, checking |
//! | [`sources`] | streams whose bytes become objects |
//! | [`transfer`] | copying from one container to another, and backups |
//! | [`store_types`] | options, and the one error of all functions |
//! | [`ids`] | many IDs as one list of bytes |
//! | [`wasip2`] | WASI itself: directories given to the store are its [`Descriptor`]s |
//!
//! The store reaches nothing but the directories that are passed to it. [`directory`] finds the one that a path leads
//! to among those that the runtime granted.

mod defaults;
mod directories;
mod errors;
pub mod ids;

pub use wasip2;
pub use wasip2::filesystem::types::Descriptor;

pub use bindings::loosepack::store::{container, maintenance, sources, store_types, transfer};
pub use directories::{NoDirectory, directory};

#[allow(missing_docs, reason = "the generator documents what the contract documents")]
mod bindings {
    wit_bindgen::generate!({
        inline: "
            package loosepack:guest;
            world imports {
                import loosepack:store/store-types@0.1.0;
                import loosepack:store/sources@0.1.0;
                import loosepack:store/container@0.1.0;
                import loosepack:store/maintenance@0.1.0;
                import loosepack:store/transfer@0.1.0;
            }
        ",
        path: "wit",
        world: "loosepack:guest/imports",
        with: {
            "wasi:clocks/wall-clock@0.2.12": wasip2::clocks::wall_clock,
            "wasi:filesystem/types@0.2.12": wasip2::filesystem::types,
            "wasi:io/error@0.2.12": wasip2::io::error,
            "wasi:io/poll@0.2.12": wasip2::io::poll,
            "wasi:io/streams@0.2.12": wasip2::io::streams,
        },
        generate_all,
    });
}
