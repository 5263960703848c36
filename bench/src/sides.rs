//! The sides.

pub mod disk_objectstore;
pub mod floor;
pub mod git;
pub mod loosepack;
pub mod program;
#[cfg(feature = "sqlite")]
pub mod sqlite;

use crate::Result;
use crate::options::Options;
use crate::side::Kind;

/// The column that all others are compared with.
pub const COMPONENT: &str = "component";
/// The crate without a sandbox.
pub const NATIVE: &str = "native";
/// The component with WASI alone.
pub const PORTABLE: &str = "portable";
/// Bare system calls.
pub const FLOOR: &str = "floor";

/// Returns the available sides, and a sentence about each of the others.
pub fn all(options: &Options) -> Result<(Vec<Kind>, Vec<String>)> {
    let mut kinds = Vec::new();
    let mut missing = Vec::new();
    type Make = fn() -> Result<Kind>;
    let makes: &[(&str, Make)] = &[
        (FLOOR, floor::kind),
        (NATIVE, loosepack::native),
        (COMPONENT, loosepack::component),
        (PORTABLE, loosepack::portable),
        (disk_objectstore::NAME, disk_objectstore::kind),
        (git::NAME, git::kind),
        #[cfg(feature = "sqlite")]
        (sqlite::NAME, sqlite::kind),
    ];
    for (name, make) in makes.iter().filter(|(name, _)| options.wants_side(name)) {
        match make() {
            Ok(kind) => kinds.push(kind),
            Err(error) => missing.push(format!("{name} is left out: {error}")),
        }
    }
    if cfg!(not(feature = "sqlite")) && options.wants_side("SQLite") {
        missing.push("SQLite is left out: it is in the feature `sqlite`".into());
    }
    Ok((kinds, missing))
}
