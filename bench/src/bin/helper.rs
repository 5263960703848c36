//! A small process, for what the large one of the suite would falsify.
//!
//! - `loosepack-bench-helper get SIDE FOLDER ID` prints one object of a side that has no command.
//! - `loosepack-bench-helper weigh REPORT PROGRAM ARGUMENTS...` runs a program, and writes the most memory it had, in bytes,
//!   to a file. (A process counts what its parent had when it started as its own.)

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use loosepack_bench::side::ensure;
use loosepack_bench::{Result, sides, system};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["get", side, folder, id] => get(side, folder.as_ref(), &id.parse()?),
        ["weigh", report, program, arguments @ ..] => {
            let (success, memory) = system::run_and_weigh(Command::new(program).args(arguments))?;
            ensure(success, "the program failed")?;
            Ok(std::fs::write(report, memory.unwrap_or_default().to_string())?)
        }
        _ => Err("its arguments make no sense".into()),
    }
}

fn get(side: &str, folder: &Path, id: &loosepack::ObjectId) -> Result<()> {
    let content = match side {
        sides::FLOOR => sides::floor::find_on_disk(folder, id)?,
        #[cfg(feature = "sqlite")]
        sides::sqlite::NAME => sides::sqlite::find_on_disk(folder, id)?,
        _ => return Err(format!("{side} has no such program").into()),
    };
    Ok(std::io::stdout().write_all(&content)?)
}
