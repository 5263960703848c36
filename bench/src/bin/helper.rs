//! A small process, for what the large one of the suite would falsify.
//!
//! - `loosepack-bench-helper SIDE FOLDER COMMAND...` is the command line of a side that has none.
//! - `loosepack-bench-helper weigh REPORT PROGRAM ARGUMENTS...` runs a program, and writes the most memory it had, in
//!   bytes, to a file. (A process counts what its parent had when it started as its own.)

use std::process::Command;

use loosepack_bench::side::ensure;
use loosepack_bench::sides::program::run;
use loosepack_bench::{Result, sides, system};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["weigh", report, program, arguments @ ..] => {
            let (success, memory) = system::run_and_weigh(Command::new(program).args(arguments))?;
            ensure(success, "the program failed")?;
            Ok(std::fs::write(report, memory.unwrap_or_default().to_string())?)
        }
        [sides::FLOOR, folder, command @ ..] => run(&sides::floor::OnDisk(folder.into()), command),
        #[cfg(feature = "sqlite")]
        [sides::sqlite::NAME, folder, command @ ..] => run(&sides::sqlite::OnDisk(folder.into()), command),
        _ => Err("its arguments make no sense".into()),
    }
}
