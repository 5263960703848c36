//! Node: jco, which makes JavaScript of a component, its implementation of WASI, and our own package for npm, which is
//! built with jco and with the addon for this machine, and tested where nothing but the package is installed.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{cargo, output, run};
use crate::{Error, Result, files, workspace};

/// The packages and their releases. The types of Node are for the test of our package's declarations.
const PACKAGES: &[(&str, &str)] =
    &[("@bytecodealliance/jco", "1.35.0"), ("@bytecodealliance/preview2-shim", "0.26.1"), ("@types/node", "20.19.43")];

/// Installs the packages unless the right ones are there already.
pub(super) fn ensure() -> Result<()> {
    if PACKAGES.iter().all(|(name, version)| is_installed(name, version)) {
        return Ok(());
    }
    eprintln!("languages: setting up Node with {}", list(|name, version| format!("{name}@{version}"), ", "));
    files::create_dir(&folder())?;
    let dependencies = list(|name, version| format!("    \"{name}\": \"{version}\""), ",\n");
    files::write(
        &folder().join("package.json"),
        format!(
            "{{\n  \"private\": true,\n  \"type\": \"module\",\n  \"dependencies\": {{\n{dependencies}\n  }}\n}}\n"
        ),
    )?;
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    output(Command::new(npm).arg("--version"))
        .map_err(|error| Error::cannot("set up Node (it needs Node 20 or newer with npm)", error))?;
    output(Command::new(npm).current_dir(folder()).args([
        "install",
        "--no-audit",
        "--no-fund",
        "--no-update-notifier",
        "--ignore-scripts",
    ]))
    .map_err(|error| {
        Error::cannot("install npm packages (is the registry, or a mirror of it, within reach?)", error)
    })?;
    Ok(())
}

/// Runs the tests against this component, as JavaScript in `target/node/portable/`.
pub(super) fn test(component: &Path) -> Result<()> {
    let tests = test_files(&workspace::root().join("tests/node"))?;
    let transpiled = folder().join("portable");
    files::remove_dir(&transpiled)?;
    output(jco().arg("transpile").arg(component).arg("--out-dir").arg(&transpiled))?;
    run(Command::new("node").current_dir(workspace::root()).arg("--test").args(tests))
}

/// The command `jco`.
pub(super) fn jco() -> Command {
    let mut jco = Command::new("node");
    jco.arg(folder().join("node_modules/@bytecodealliance/jco/dist/jco.js"));
    jco
}

/// Builds our package from this component into `target/npm/`, and runs its tests in a clean folder there, with both
/// engines.
pub(super) fn test_package(component: &Path) -> Result<()> {
    build_package(component)?;
    run(Command::new("node").arg(sources().join("test.mjs")).arg(tarball()))
}

/// Builds our package from this component into a folder.
pub(super) fn release(component: &Path, folder: &Path) -> Result<()> {
    build_package(component)?;
    files::create_dir(folder)?;
    files::copy(&tarball(), &folder.join(tarball().file_name().unwrap_or_default()))
}

/// Installs the package of a release in a clean folder and runs its README.
pub(super) fn try_release(folder: &Path) -> Result<()> {
    let packed = folder.join(tarball().file_name().unwrap_or_default());
    run(Command::new("node").arg(sources().join("test.mjs")).arg(packed).arg("readme.test.mjs"))
}

fn build_package(component: &Path) -> Result<()> {
    run(Command::new("node").arg(sources().join("build.mjs")).arg(component).arg(build_addon()?))
}

/// Builds the addon, and returns its path. Only what is linked last is stripped, as with the command.
fn build_addon() -> Result<PathBuf> {
    let package = ["rustc", "--release", "--locked", "--package", "loosepack-node", "--target-dir"];
    run(cargo().args(package).arg(workspace::target()).args(["--", "-C", "strip=symbols"]))?;
    Ok(workspace::target().join("release").join(format!("{DLL_PREFIX}loosepack_node{DLL_SUFFIX}")))
}

/// Where `build.mjs` puts the package.
fn tarball() -> PathBuf {
    workspace::target().join("npm").join(concat!("loosepack-", env!("CARGO_PKG_VERSION"), ".tgz"))
}

/// Where the package is.
fn sources() -> PathBuf {
    workspace::root().join("bindings/node")
}

/// The files to run, by name: given a folder, releases of Node differ in what they do.
pub(super) fn test_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = files::list(folder)?;
    paths.retain(|path| is_test(&path.file_name().unwrap_or_default().to_string_lossy()));
    if paths.is_empty() {
        return Err(Error::new(format!("{} has no tests (`*.test.mjs` or `test_*.mjs`)", folder.display())));
    }
    Ok(paths)
}

/// Returns whether a file of this name has tests; others are what tests share.
fn is_test(name: &str) -> bool {
    let Some(stem) = name.strip_suffix(".mjs").or_else(|| name.strip_suffix(".js")) else {
        return false;
    };
    let is_separator = ['.', '-', '_'];
    stem == "test"
        || stem.strip_prefix("test").is_some_and(|rest| rest.starts_with(is_separator))
        || stem.strip_suffix("test").is_some_and(|rest| rest.ends_with(is_separator))
}

fn is_installed(name: &str, version: &str) -> bool {
    let manifest = folder().join("node_modules").join(name).join("package.json");
    files::read(&manifest).is_ok_and(|text| text.contains(&format!("\"version\": \"{version}\"")))
}

/// Where the packages are installed, and where JavaScript that uses them is made.
pub(super) fn folder() -> PathBuf {
    workspace::target().join("node")
}

fn list(one: impl Fn(&str, &str) -> String, separator: &str) -> String {
    let all: Vec<String> = PACKAGES.iter().map(|(name, version)| one(name, version)).collect();
    all.join(separator)
}

#[cfg(test)]
mod tests {
    use super::is_test;

    #[test]
    fn tests_are_told_from_helpers() {
        for name in ["portable.test.mjs", "test_portable.mjs", "test.js", "store-test.js"] {
            assert!(is_test(name), "{name}");
        }
        for name in ["helper.mjs", "latest.mjs", "testing.mjs", "test_portable.py", "README.md"] {
            assert!(!is_test(name), "{name}");
        }
    }
}
