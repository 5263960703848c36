//! `tarstore`: the files of tar archives in a container of loosepack.
//!
//! A command for WASI that imports `loosepack:store`. See README.md for how it gets a store.

mod archive;
mod container;
mod export;
mod failure;
mod import;
mod lines;
mod list;
mod object;

use std::env;
use std::process::ExitCode;

use crate::failure::{Failure, Outcome};

const USAGE: &str = "\
usage: tarstore COMMAND CONTAINER

  init CONTAINER     make a container
  import CONTAINER   read a tar archive from standard input, keep its files, and print `ID  PATH` for each
  list CONTAINER     read such lines, and print `SIZE  PATH` for each
  export CONTAINER   read such lines, and write a tar archive of the files to standard output
  pack CONTAINER     move what was added into packs
";

/// The exit status for a command line that makes no sense. WASI 0.2 reports it as 1.
const WRONG_USE: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        ["--help" | "-h" | "help"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        ["init", path] => container::init(path),
        ["import", path] => import::import(path),
        ["list", path] => list::list(path),
        ["export", path] => export::export(path),
        ["pack", path] => container::pack(path),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(WRONG_USE);
        }
    };
    match result {
        Ok(Outcome::Complete) => ExitCode::SUCCESS,
        Ok(Outcome::Incomplete) => ExitCode::FAILURE,
        Err(Failure(message)) => {
            eprintln!("tarstore: {message}");
            ExitCode::FAILURE
        }
    }
}
