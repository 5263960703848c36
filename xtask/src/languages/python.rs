//! Python: a virtual environment with wasmtime in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{output, run};
use crate::{Error, Result, workspace};

/// The release of wasmtime for Python, the same as the host's.
const WASMTIME: &str = "48.0.0";

/// Prints the version of wasmtime that this Python has.
const PRINT_VERSION: &str = "import importlib.metadata as m; print(m.version('wasmtime'))";

/// Makes the virtual environment unless it is right already.
pub(super) fn ensure() -> Result<()> {
    let python = interpreter();
    if output(Command::new(&python).args(["-c", PRINT_VERSION])).is_ok_and(|version| version.trim() == WASMTIME) {
        return Ok(());
    }
    eprintln!("languages: setting up Python with wasmtime {WASMTIME}");
    let system = if cfg!(windows) { "python" } else { "python3" };
    output(Command::new(system).args(["-m", "venv", "--clear"]).arg(environment()))
        .map_err(|error| Error::cannot("set up Python (it needs Python 3.9 or newer with its venv module)", error))?;
    let package = format!("wasmtime=={WASMTIME}");
    output(Command::new(&python).args(["-m", "pip", "install", "--quiet", &package])).map_err(|error| {
        Error::cannot(format_args!("install {package} (is PyPI, or a mirror of it, within reach?)"), error)
    })?;
    Ok(())
}

/// Runs the tests against this component.
pub(super) fn test(component: &Path) -> Result<()> {
    let script = Path::new("tests/python/test_portable.py");
    if !workspace::root().join(script).is_file() {
        return Err(Error::new(format!("{} is missing", script.display())));
    }
    run(Command::new(interpreter()).current_dir(workspace::root()).arg(script).arg(component))
}

fn environment() -> PathBuf {
    workspace::target().join("python")
}

fn interpreter() -> PathBuf {
    environment().join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" })
}
