//! `cargo xtask dist`: everything that is released, in `dist/`, and tried out.

mod clean;
mod example;
pub mod reproducible;

use std::env;
use std::ffi::OsString;
use std::process::Command;

use crate::process::{cargo, output, run, rustc};
use crate::{Error, Result, components, files, languages, workspace};

/// A part of a release. Adding one is adding a line to [`PARTS`].
struct Part {
    name: &'static str,
    make: fn() -> Result<()>,
}

/// The parts, in the order of building. Each may use what is in `dist/` already; `assemble` makes what is made of other
/// parts, and checksums of all that is there.
const PARTS: &[Part] = &[
    Part { name: "components, WIT package, manual pages, completions", make: components::build },
    Part { name: "command", make: command },
    Part { name: "Python package", make: languages::release_python },
    Part { name: "npm package", make: languages::release_node },
    Part { name: "OCI layouts, archive of the command, SBOM, checksums", make: assemble },
    Part { name: "each of them in a clean folder", make: clean::check },
];

/// The version of everything that is released.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How the names of settings end that change what programs are compiled for, as `-C target-cpu=native` does.
const FLAGS: &str = "RUSTFLAGS";

/// Makes `dist/` anew.
pub fn build() -> Result<()> {
    let is_set = |(name, value): &(OsString, OsString)| name.to_string_lossy().ends_with(FLAGS) && !value.is_empty();
    if let Some((name, _)) = env::vars_os().find(is_set) {
        let name = name.display();
        return Err(Error::new(format!("a release runs on processors older than this one: unset {name}")));
    }
    files::remove_dir(&workspace::dist())?;
    for Part { name, make } in PARTS {
        println!("\n== {name} ==");
        make()?;
    }
    println!("\n{} is complete", workspace::dist().display());
    Ok(())
}

/// Builds the command. Only what is linked last is stripped, so that everything below it is what tests have built, with
/// the features that building the whole workspace selects.
fn command() -> Result<()> {
    let package = ["rustc", "--release", "--locked", "--package", "loosepack-host", "--features", "loosepack/cap"];
    run(cargo().args(package).args(["--bin", "loosepack", "--", "-C", "strip=symbols"]))
}

/// Makes the rest, by a program in a workspace of its own, and tells it version, time and target.
fn assemble() -> Result<()> {
    let mut program = cargo();
    program.args(["run", "--quiet", "--locked", "--manifest-path", "release/Cargo.toml", "--target-dir"]);
    program.arg(workspace::target().join("release-tools"));
    run(program.args(["--", VERSION, &time()?, &host()?]).arg(workspace::dist()))
}

/// The target that is built for: this machine's.
fn host() -> Result<String> {
    let version = output(rustc().arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or_else(|| Error::new("rustc does not tell what it compiles for"))?.to_owned())
}

/// The time of a release: that of its commit, unless `SOURCE_DATE_EPOCH` gives another.
fn time() -> Result<String> {
    if let Ok(seconds) = env::var("SOURCE_DATE_EPOCH") {
        return Ok(seconds);
    }
    let seconds = output(Command::new("git").current_dir(workspace::root()).args(["log", "-1", "--format=%ct"]));
    let seconds = seconds.map_err(|error| {
        Error::cannot("learn the time of the release (outside of a git clone, set SOURCE_DATE_EPOCH to it)", error)
    })?;
    Ok(seconds.trim_end().to_owned())
}
