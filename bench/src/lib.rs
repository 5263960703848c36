//! loosepack and its peers, side by side: `cargo xtask bench`.
//!
//! All that is compared in a row does the same work at the same durability, in one run, taking turns; a number is the
//! median of the rounds. Every side's answers are checked, and a wrong one ends the run. Times are looked at by people
//! only.
//!
//! | module | what it knows |
//! |---|---|
//! | [`options`] | the command line |
//! | [`step`] | what is measured: the rows |
//! | [`work`] | what the steps work on: objects, texts, a large file |
//! | [`side`] | what a side is; below `sides`, each of them |
//! | [`process`] | whole processes, as all that is measured of a command line
//! | [`suites`] | which steps run in which order, and the turns |
//! | [`growth`] | one operation in containers of growing size, and the memory of processes |
//! | [`machine`], [`system`] | where the numbers come from; what `std` lacks |
//! | [`report`] | table, chart and numbers |

pub mod growth;
pub mod machine;
pub mod options;
pub mod process;
pub mod report;
pub mod side;
pub mod sides;
pub mod step;
pub mod suites;
pub mod system;
pub mod work;

/// An error, as a message for the person who runs the suite.
pub type Error = Box<dyn std::error::Error>;

/// The result of everything here.
pub type Result<T, E = Error> = std::result::Result<T, E>;
