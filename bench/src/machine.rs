//! Where the numbers come from.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use xtask::process::{output, rustc};

/// The machine, its system and the versions: everything that the numbers depend on.
pub struct Machine {
    cores: usize,
    processor: String,
    system: String,
    file_system: String,
    rustc: String,
}

impl Machine {
    /// This machine; `folder` is where the work is done.
    pub fn look(folder: &Path) -> Self {
        let last_line = |mut command: Command| {
            let text = output(&mut command).unwrap_or_default();
            text.lines().last().unwrap_or("unknown").split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let command = |name: &str, arguments: &[&str]| {
            let mut command = Command::new(name);
            command.args(arguments);
            last_line(command)
        };
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let mut version = rustc();
        version.arg("--version");
        Machine {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: model.map_or_else(|| std::env::consts::ARCH.into(), |(_, name)| name.trim().into()),
            system: command("uname", &["-sr"]),
            file_system: command("findmnt", &["-n", "-o", "FSTYPE,OPTIONS", "-T", &folder.to_string_lossy()]),
            rustc: last_line(version),
        }
    }

    /// Describes it in a sentence.
    pub fn sentence(&self) -> String {
        let Machine { cores, processor, system, file_system, rustc } = self;
        format!("{cores} cores ({processor}), {system}, file system {file_system}, {rustc}")
    }

    /// Describes it as JSON.
    pub fn json(&self) -> Value {
        let Machine { cores, processor, system, file_system, rustc } = self;
        json!({ "cores": cores, "processor": processor, "system": system, "file-system": file_system, "rustc": rustc })
    }
}
