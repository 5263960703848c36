//! The command `loosepack`.

use std::process::ExitCode;

fn main() -> ExitCode {
    loosepack_host::command::run(std::env::args_os())
}
