//! Remotes through the command: on a folder of this machine, and on real servers.

mod cluster;
mod folder;
mod hostile;
mod peers;
mod seaweed;
mod tool;
