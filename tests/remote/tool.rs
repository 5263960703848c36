//! Running the command.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A machine: a cache of its own, and an environment.
pub(crate) struct Machine {
    cache: TempDir,
    environment: Vec<(String, String)>,
}

/// A folder for files that need not outlive a power cut.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

impl Machine {
    pub(crate) fn new(environment: Vec<(String, String)>) -> Self {
        Machine { cache: folder(), environment }
    }

    pub(crate) fn cache(&self) -> &Path {
        self.cache.path()
    }

    /// The command with these arguments.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loosepack"));
        command.args(arguments).env("LOOSEPACK_CACHE", self.cache.path()).env_remove("LOOSEPACK_DIR");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().unwrap()
    }

    /// Runs it with lines on its standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Output {
        let given = self.cache.path().join("input");
        std::fs::write(&given, input).unwrap();
        self.command(arguments).stdin(std::fs::File::open(&given).unwrap()).output().unwrap()
    }

    /// Runs it, and returns what it prints.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs it, and returns the last line that it prints.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(self.ok(arguments).lines().last().unwrap()).unwrap()
    }

    /// Runs it. Returns its exit status, and what it says of a failure.
    pub(crate) fn fails(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), said)
    }
}

/// Makes a container with small objects, and returns their ids.
pub(crate) fn container(machine: &Machine, dir: &Path, name: &str, count: usize) -> Vec<String> {
    let files = folder();
    for number in 0..count {
        let content = format!("{name} {number} {}", "x".repeat(number * 37 % 500));
        std::fs::write(files.path().join(number.to_string()), content).unwrap();
    }
    let dir = dir.to_str().unwrap();
    if !Path::new(dir).join("container.json").exists() {
        machine.ok(&["init", dir]);
    }
    let added = machine.ok(&["-C", dir, "--no-sync", "add", "--to-pack", "-r", files.path().to_str().unwrap()]);
    added.lines().map(|line| line[..64].to_string()).collect()
}

/// The ids that a container or a remote lists.
pub(crate) fn listed(machine: &Machine, container: &str) -> Vec<String> {
    machine.ok(&["-C", container, "ls"]).lines().map(|line| line[..64].to_string()).collect()
}

/// Sorted, each once.
pub(crate) fn sorted(ids: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut ids: Vec<String> = ids.into_iter().collect();
    ids.sort();
    ids.dedup();
    ids
}
