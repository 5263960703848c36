//! Packages of PyPI, each in an environment of its own below `target/engines`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use xtask::process::output;
use xtask::workspace;

use crate::Skip;

/// A package, installed at most once a process.
pub(crate) struct Package {
    name: &'static str,
    extra: &'static str,
    version: &'static str,
    installed: OnceLock<Result<PathBuf, Skip>>,
}

impl Package {
    pub(crate) const fn new(name: &'static str, extra: &'static str, version: &'static str) -> Self {
        Package { name, extra, version, installed: OnceLock::new() }
    }

    /// Returns the folder of the package's programs, after installing it if need be.
    pub(crate) fn programs(&self) -> Result<PathBuf, Skip> {
        self.installed.get_or_init(|| self.ensure()).clone()
    }

    fn ensure(&self) -> Result<PathBuf, Skip> {
        let Package { name, extra, version, .. } = self;
        if !cfg!(unix) {
            return Err(Skip(format!("{name} is started by a POSIX shell, which this system lacks")));
        }
        let folder = workspace::target().join("engines");
        fs::create_dir_all(&folder).unwrap();
        // Two test processes may want the same package: the second waits until the first has it.
        let lock = File::create(folder.join(format!("{name}.lock"))).unwrap();
        lock.lock().unwrap();
        let environment = folder.join(name);
        let programs = environment.join("bin");
        if !self.is_installed(&programs) {
            eprintln!("installing {name} {version}");
            output(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))
                .map_err(|error| Skip(format!("{name} needs python3 with its venv module: {error}")))?;
            let package = format!("{name}{extra}=={version}");
            let pip = ["-m", "pip", "install", "--quiet", "--retries", "1", &package];
            output(Command::new(programs.join("python")).args(pip))
                .map_err(|error| Skip(format!("{package} cannot be installed: {error}")))?;
        }
        Ok(programs)
    }

    fn is_installed(&self, programs: &Path) -> bool {
        let print = format!("import importlib.metadata as m; print(m.version('{}'))", self.name);
        let found = output(Command::new(programs.join("python")).args(["-c", &print]));
        found.is_ok_and(|found| found.trim() == self.version)
    }
}
