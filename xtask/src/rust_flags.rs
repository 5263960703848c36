//! Flags for builds whose bytes must not tell on which machine they were made.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The variable that carries flags to a cargo, spaces in paths included. While it is set, cargo takes flags from
/// nowhere else.
pub(crate) const VARIABLE: &str = "CARGO_ENCODED_RUSTFLAGS";

/// Between two flags in [`VARIABLE`].
const SEPARATOR: &str = "\x1f";

/// `flags`, and one that gives the sources of dependencies a path that is the same on every machine: panic messages
/// carry it into what is built.
pub(crate) fn portable(flags: impl IntoIterator<Item = OsString>) -> OsString {
    let mut all = registry_sources().map_or_else(OsString::new, |path| remap(&path, "/rust/deps"));
    for flag in flags {
        if !all.is_empty() {
            all.push(SEPARATOR);
        }
        all.push(flag);
    }
    all
}

/// The flag that makes rustc write `to` where it would write the folder `from`.
fn remap(from: &Path, to: &str) -> OsString {
    let mut flag = OsString::from("--remap-path-prefix=");
    flag.push(from);
    flag.push("=");
    flag.push(to);
    flag
}

fn registry_sources() -> Option<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")))?;
    Some(home.join("registry/src"))
}
