//! The developer commands of loosepack, as a library: `cargo xtask <command>` is a thin table over it, and the
//! build script of `loosepack-artifacts` runs it to build the components.
//!
//! | module | what it knows |
//! |---|---|
//! | [`wasm_target`] | how rustc gets a standard library for wasm32-wasip2 |
//! | [`components`] | which components there are, and how cargo builds each |
//! | [`dist`], [`package`] | what is released |
//! | [`languages`] | what the tests in Python and Node need |
//! | [`test`](mod@test) | what a full test run consists of |
//! | [`process`] | how a program is run, and what a nested cargo may inherit |
//! | [`files`], [`workspace`], [`error`] | small things the others share |
//!
//! It depends on nothing but `std`, because other builds wait for it.

pub mod components;
pub mod dist;
pub mod error;
pub mod files;
pub mod languages;
pub mod package;
pub mod process;
mod rust_flags;
pub mod test;
pub mod wasm_target;
pub mod workspace;

pub use error::{Error, Result};
