//! The store on directories: real ones, and one that loses power.

mod conformance;
mod crash;
mod objects;
mod dirs;
mod sim;
mod support;
mod watch;
