//! The addon of the npm package `loosepack`: a store in its sandbox, for Node.
//!
//! The classes are one of the two engines below the package, as `lib/engines.js` describes them. Names, defaults and
//! checks of arguments are those of the JavaScript around it.
//!
//! A call is done when it returns, and runs no JavaScript. What is made here stays on the thread that made it: each
//! thread of Node has its own containers, and all share the compiled component.

// It is tested from Node; but clippy looks at all targets.
#![cfg_attr(test, allow(dead_code, reason = "napi exports nothing from a build for Rust's tests"))]

mod container;
mod convert;
mod errors;
mod jobs;
mod reading;
mod runtime;
mod slots;
mod upkeep;
mod writing;
