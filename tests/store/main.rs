//! The store on directories: real ones, and one that loses power.

mod conformance;
mod crash;
mod damage;
mod dirs;
mod faults;
mod golden;
mod model;
mod mutations;
mod objects;
mod packing;
mod promises;
mod races;
mod readonly;
mod reindexing;
mod sim;
mod support;
mod verifying;
mod watch;
mod workloads;
