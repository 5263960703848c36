//! `cargo xtask dist`: everything that is released, in `dist/`, and tried out.

mod clean;
mod example;
pub mod reproducible;

use std::env;
use std::process::Command;

use crate::process::{cargo, output, run, rustc};
use crate::{Error, Result, components, files, languages, workspace};

/// The parts of a release, in the order of building. Each may use what is in `dist/` already; the last but one makes what
/// is made of other parts, and checksums of all.
const PARTS: &[(&str, fn() -> Result<()>)] = &[
    ("components, manual pages, completions", components::build),
    ("command", command),
    ("Python package", languages::release_python),
    ("npm package", languages::release_node),
    ("OCI layouts, archive of the command, SBOM, checksums", assemble),
    ("each of them in a clean folder", clean::check),
];

/// The version of everything that is released.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Makes `dist/` anew.
pub fn build() -> Result<()> {
    files::remove_dir(&workspace::dist())?;
    for (name, make) in PARTS {
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
