//! The sdist: the sources of the wheel, with the components in it as `loosepack-artifacts` is published, so that who
//! builds it needs Rust and no target for WebAssembly.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{interpreter, maturin, only_file};
use crate::process::{output, run};
use crate::{Error, Result, components, files, workspace};

/// Names of what cargo builds for the packages of this workspace begin with one of these.
const OUR_PACKAGES: [&str; 6] = ["loosepack", "libloosepack", "_loosepack", "lib_loosepack", "xtask", "libxtask"];

/// Builds the sdist into a folder, and returns its path.
pub(super) fn build(folder: &Path) -> Result<PathBuf> {
    components::build_for_packages()?;
    files::remove_dir(folder)?;
    output(maturin("sdist").arg("--out").arg(folder))?;
    only_file(folder)
}

/// Builds a wheel from the sdist with pip.
pub(super) fn try_build(sdist: &Path) -> Result<()> {
    let (builds, wheels) = (workspace::target().join("sdist"), workspace::target().join("sdist-wheels"));
    link_dependencies(&builds)?;
    files::remove_dir(&wheels)?;
    // pip calls the command `maturin`.
    let programs = interpreter().with_file_name("");
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([programs].into_iter().chain(env::split_paths(&path)))
        .map_err(|error| Error::cannot("search for programs", error))?;
    let mut pip = Command::new(interpreter());
    pip.args(["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-cache-dir", "--wheel-dir"]);
    run(pip.arg(&wheels).arg(sdist).env("PATH", path).env("CARGO_TARGET_DIR", &builds))?;
    only_file(&wheels).map(drop)
}

/// Makes a folder of builds that has what was built of all dependencies, but nothing of our own packages: cargo would
/// take those of this workspace for those of the sdist, and afterwards the other way round.
fn link_dependencies(builds: &Path) -> Result<()> {
    files::remove_dir(builds)?;
    for part in ["deps", ".fingerprint", "build"] {
        let (from, to) = (workspace::target().join("release").join(part), builds.join("release").join(part));
        files::create_dir(&to)?;
        for path in files::list(&from)? {
            let name = path.file_name().unwrap_or_default();
            let text = name.to_string_lossy();
            if !OUR_PACKAGES.iter().any(|ours| text.starts_with(ours)) {
                link(&path, &to.join(name))?;
            }
        }
    }
    Ok(())
}

/// Gives a file, or all files of a folder, a second name. cargo does not write to the files of what is built already.
fn link(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        return fs::hard_link(from, to)
            .map_err(|error| Error::cannot(format_args!("link {} to {}", from.display(), to.display()), error));
    }
    files::create_dir(to)?;
    for path in files::list(from)? {
        link(&path, &to.join(path.file_name().unwrap_or_default()))?;
    }
    Ok(())
}
