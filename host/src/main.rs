//! The command `loosepack`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    match loosepack_host::command::run(&arguments) {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(2)),
        Err(error) => {
            eprintln!("loosepack: {error}");
            ExitCode::from(2)
        }
    }
}
