//! The component, the Rust API and the command, in the native host.

mod api;
mod command;
mod components;
mod concurrency;
mod large;
mod limits;
mod support;
mod verify;
