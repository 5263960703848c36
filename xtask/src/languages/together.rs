//! All hosts at work on one container: the test in `tests/together`.

use std::path::Path;
use std::process::Command;

use super::{plugin, python};
use crate::process::run;
use crate::{Error, Result, components, workspace};

/// What the test needs besides the command, below `target/`, and the command that makes it.
const NEEDED: [(&str, &str); 3] = [
    ("python-package", "cargo xtask python"),
    ("npm/clean/node_modules/loosepack", "cargo xtask node"),
    ("plugin/tarstore.cwasm", "cargo xtask plugin"),
];

/// Runs the test.
pub(super) fn test() -> Result<()> {
    for (path, made_by) in NEEDED {
        let path = workspace::target().join(path);
        if !path.exists() {
            return Err(Error::new(format!("{} is missing: run `{made_by}`", path.display())));
        }
    }
    plugin::build_stock()?;
    plugin::translate(&components::command())?;
    let mut test = Command::new(python::interpreter());
    run(test.args(["-W", "error"]).arg(Path::new("tests/together/together.py")).current_dir(workspace::root()))
}
