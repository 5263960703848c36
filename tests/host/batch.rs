//! `batch` and `get --batch`, as programs drive them.

use std::path::Path;
use std::process::Command;

use crate::support::Ran;

#[test]
fn a_python_program_needs_nothing_else_to_drive_it() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/python/test_batch.py");
    let mut python = Command::new(if cfg!(windows) { "python" } else { "python3" });
    let ran = python.arg(script).arg(env!("CARGO_BIN_EXE_loosepack")).env_remove("LOOSEPACK_DIR").output();
    Ran::of(ran.expect("python3 is there")).exits(0).says(&["Ran 6 tests"]);
}
