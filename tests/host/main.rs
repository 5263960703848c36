//! The component, the Rust API and the command, in the native host.

mod api;
mod command;
mod components;
mod concurrency;
mod contract;
#[cfg(unix)]
mod hostile;
#[cfg(unix)]
mod interrupt;
#[cfg(unix)]
mod kills;
mod large;
mod limits;
#[cfg(unix)]
mod linker;
#[cfg(unix)]
mod locks;
mod model;
#[cfg(unix)]
mod odd;
#[cfg(unix)]
#[path = "../planted/mod.rs"]
mod planted;
#[path = "../random_work/mod.rs"]
mod random_work;
mod stock;
mod support;
mod verify;
