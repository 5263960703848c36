//! The store on directories: real ones, and one that loses power.

mod conformance;
mod copies;
mod crafted;
mod crash;
mod damage;
mod deleting;
mod dirs;
mod durability;
mod faults;
mod fuzz;
mod golden;
mod histories;
#[cfg(unix)]
mod hostile;
mod kept;
mod leftovers;
mod missing;
mod model;
mod mutations;
mod objects;
mod packing;
#[cfg(unix)]
#[path = "../planted/mod.rs"]
mod planted;
mod promises;
mod races;
#[path = "../random_work/mod.rs"]
mod random_work;
mod readonly;
mod reindexing;
mod sim;
mod stale;
mod stress;
mod support;
mod unreadable;
mod verifying;
mod walking;
mod watch;
mod workloads;
