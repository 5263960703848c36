//! Python: a virtual environment with wasmtime in it, and with the package disk_objectstore.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{output, run};
use crate::{Error, Result, files, workspace};

/// Packages and their releases. That of wasmtime is the host's.
const PACKAGES: [(&str, &str); 2] = [("wasmtime", "48.0.0"), ("disk_objectstore", "1.5.0")];

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
    let system = if cfg!(windows) { "python" } else { "python3" };
    output(Command::new(system).args(["-m", "venv", "--clear"]).arg(environment()))
        .map_err(|error| Error::cannot("set up Python (it needs Python 3.9 or newer with its venv module)", error))?;
    output(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(&packages)).map_err(|error| {
        Error::cannot(format_args!("install {listed} (is PyPI, or a mirror of it, within reach?)"), error)
    })?;
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

fn interpreter() -> PathBuf {
    environment().join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" })
}
