//! The developer commands of loosepack, as a library: `cargo xtask <command>` is a thin table over it, and tests and
//! benchmarks use it to run programs.
//!
//! | module | what it knows |
//! |---|---|
//! | [`wasm_target`] | how rustc gets a standard library for wasm32-wasip2 |
//! | [`components`], [`dist`], [`package`] | what is released |
//! | [`compose`] | the WIT package as a file, and components plugged together |
//! | [`languages`] | what the tests in Python and Node need |
//! | [`test`](mod@test) | what a full test run consists of |
//! | [`process`] | how a program is run |
//! | [`files`], [`workspace`], [`error`] | small things the others share |

pub mod components;
pub mod compose;
pub mod dist;
pub mod error;
pub mod files;
pub mod languages;
pub mod package;
pub mod process;
pub mod test;
pub mod wasm_target;
pub mod workspace;

pub use error::{Error, Result};
