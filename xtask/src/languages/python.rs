//! Python: a virtual environment with wasmtime in it, with the package disk_objectstore, with maturin, which builds the
//! wheel of our own package, and with componentize-py, which makes components; and another one, in which the wheel is
//! tested.

mod sdist;

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{output, run};
use crate::{Error, Result, files, workspace};

/// The package that ours is compared with, and its release.
const DISK_OBJECTSTORE: (&str, &str) = ("disk_objectstore", "1.5.0");

/// Packages and their releases. That of wasmtime is the host's.
const PACKAGES: [(&str, &str); 4] =
    [("wasmtime", "48.0.0"), DISK_OBJECTSTORE, ("maturin", "1.16.0"), ("componentize-py", "0.25.1")];

/// Prints the versions of these packages that this Python has.
const PRINT_VERSIONS: &str = "import importlib.metadata as m, sys; print(*map(m.version, sys.argv[1:]))";

/// Makes the virtual environment unless it is right already.
pub(super) fn ensure() -> Result<()> {
    let python = interpreter();
    let (names, versions): (Vec<&str>, Vec<&str>) = PACKAGES.into_iter().unzip();
    let found = output(Command::new(&python).args(["-c", PRINT_VERSIONS]).args(names));
    if found.is_ok_and(|found| found.split_whitespace().eq(versions)) {
        return Ok(());
    }
    let packages = PACKAGES.map(|(name, version)| format!("{name}=={version}"));
    let listed = packages.join(" and ");
    eprintln!("languages: setting up Python with {listed}");
    make(&environment())?;
    install(&python, packages.iter().map(OsStr::new))
}

/// Makes a virtual environment with nothing in it.
fn make(environment: &Path) -> Result<()> {
    let system = if cfg!(windows) { "python" } else { "python3" };
    output(Command::new(system).args(["-m", "venv", "--clear"]).arg(environment))
        .map_err(|error| Error::cannot("set up Python (it needs Python 3.9 or newer with its venv module)", error))?;
    Ok(())
}

/// Installs packages where this interpreter finds them.
fn install<'a>(python: &Path, packages: impl IntoIterator<Item = &'a OsStr>) -> Result<()> {
    output(Command::new(python).args(["-m", "pip", "install", "--quiet"]).args(packages))
        .map_err(|error| Error::cannot("install packages (is PyPI, or a mirror of it, within reach?)", error))?;
    Ok(())
}

/// Runs the tests against this component, and against the command.
pub(super) fn test(component: &Path) -> Result<()> {
    run(script("test_portable.py")?.arg(component))?;
    let folder = workspace::target().join("exchange");
    files::remove_dir(&folder)?;
    files::create_dir(&folder)?;
    run(script("disk_objectstore_exchange.py")?.arg(workspace::target().join("release/loosepack")).arg(&folder))?;
    files::remove_dir(&folder)
}

/// Builds the wheel of our package, and runs its tests where nothing but the wheel is installed, and the package that
/// it is compared with.
pub(super) fn test_package() -> Result<()> {
    let wheel = build_wheel(&workspace::target().join("wheels"))?;
    let (name, version) = DISK_OBJECTSTORE;
    let python = install_clean([wheel.as_os_str(), OsStr::new(&format!("{name}=={version}"))])?;
    unittest(&python, &["discover", "-s", "tests"])
}

/// Builds the wheel and the sdist of our package into a folder.
pub(super) fn release(folder: &Path) -> Result<()> {
    files::create_dir(folder)?;
    let built = [build_wheel(&workspace::target().join("wheels"))?, sdist::build(&workspace::target().join("sdists"))?];
    for path in built {
        files::copy(&path, &folder.join(path.file_name().unwrap_or_default()))?;
    }
    Ok(())
}

/// Installs the wheel of a release where nothing else is and runs its README, and builds its sdist.
pub(super) fn try_release(folder: &Path) -> Result<()> {
    let built = files::list(folder)?;
    let (wheels, sdists): (Vec<_>, Vec<_>) =
        built.iter().partition(|path| path.extension().is_some_and(|e| e == "whl"));
    let ([wheel], [sdist]) = (&wheels[..], &sdists[..]) else {
        return Err(Error::new(format!("{} has not one wheel and one sdist", folder.display())));
    };
    let python = install_clean([wheel.as_os_str()])?;
    unittest(&python, &["tests.test_readme.Readme.test_examples_run"])?;
    sdist::try_build(sdist)
}

/// Builds the wheel into a folder that has nothing else, and returns its path.
fn build_wheel(folder: &Path) -> Result<PathBuf> {
    files::remove_dir(folder)?;
    let mut build = maturin("build");
    // The workspace's folder of builds, so that wasmtime is not built again.
    build.args(["--release", "--locked", "--quiet", "--target-dir"]).arg(workspace::target());
    run(build.arg("--out").arg(folder))?;
    only_file(folder)
}

fn maturin(command: &str) -> Command {
    let mut maturin = Command::new(interpreter());
    maturin.args(["-m", "maturin", command]).current_dir(sources());
    maturin
}

fn only_file(folder: &Path) -> Result<PathBuf> {
    let mut built = files::list(folder)?;
    match (built.pop(), built.is_empty()) {
        (Some(path), true) => Ok(path),
        _ => Err(Error::new(format!("{} does not have exactly one file", folder.display()))),
    }
}

/// Installs packages in a new virtual environment; returns its interpreter.
fn install_clean<'a>(packages: impl IntoIterator<Item = &'a OsStr>) -> Result<PathBuf> {
    let clean = workspace::target().join("python-package");
    make(&clean)?;
    let python = interpreter_of(&clean);
    install(&python, packages)?;
    Ok(python)
}

fn unittest(python: &Path, tests: &[&str]) -> Result<()> {
    run(Command::new(python).args(["-W", "error", "-m", "unittest"]).args(tests).current_dir(sources()))
}

/// Where the package is.
fn sources() -> PathBuf {
    workspace::root().join("bindings/python")
}

fn script(name: &str) -> Result<Command> {
    let script = Path::new("tests/python").join(name);
    if !workspace::root().join(&script).is_file() {
        return Err(Error::new(format!("{} is missing", script.display())));
    }
    let mut command = Command::new(interpreter());
    command.current_dir(workspace::root()).arg(script);
    Ok(command)
}

fn environment() -> PathBuf {
    workspace::target().join("python")
}

/// The interpreter of the environment.
pub(super) fn interpreter() -> PathBuf {
    interpreter_of(&environment())
}

/// A program that a package has installed there.
pub(super) fn tool(name: &str) -> PathBuf {
    interpreter().with_file_name(name).with_extension(env::consts::EXE_EXTENSION)
}

fn interpreter_of(environment: &Path) -> PathBuf {
    environment.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" })
}
