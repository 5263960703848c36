//! What the developer commands do with components: the WIT package as one file, and components plugged together.

mod failure;
mod plug;
mod wit;

use std::env;
use std::path::Path;
use std::process::ExitCode;

use crate::failure::Result;

const USAGE: &str = "\
usage: loosepack-compose wit FOLDER MANIFEST OUT   the WIT package of a folder as one file, with metadata of wkg.toml
       loosepack-compose plug SOCKET PLUG OUT      a component whose imports another one fills: `wac plug`
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done: Result<()> = match arguments[..] {
        ["wit", folder, manifest, out] => wit::encode(Path::new(folder), Path::new(manifest), Path::new(out)),
        ["plug", socket, plug, out] => plug::compose(Path::new(socket), Path::new(plug), Path::new(out)),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("loosepack-compose: {failure}");
            ExitCode::FAILURE
        }
    }
}
