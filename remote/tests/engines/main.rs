//! Remotes on real servers, which are started for it. What cannot be had on this machine is skipped, and says so.

mod chain;
mod clients;
mod cluster;
mod single;
