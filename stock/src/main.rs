//! `loosepack-stock`: wasmtime with WASI alone, as a program.
//!
//! ```text
//! loosepack-stock compile COMPONENT OUT                                  translate a component for this machine
//! loosepack-stock run [--dir FOLDER[::NAME]]... COMPONENT [ARGUMENT]...  run a command, as `wasmtime run` does
//! ```
//!
//! `run` takes a component or one that `compile` has translated, which starts at once. Only a file that `compile` made
//! on this machine may be given as one: what is in it runs unchecked.

use std::env;
use std::fs::{self, File};
use std::io::Read as _;
use std::process::ExitCode;

use loosepack_stock::command;
use wasmtime::component::Component;
use wasmtime::{Engine, Error, Result};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

/// The first bytes of a component.
const WASM: &[u8; 4] = b"\0asm";

const USAGE: &str = "\
usage: loosepack-stock compile COMPONENT OUT
       loosepack-stock run [--dir FOLDER[::NAME]]... COMPONENT [ARGUMENT]...
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let status = match &arguments[..] {
        ["compile", component, out] => compile(component, out).map(|()| 0),
        ["run", rest @ ..] if !rest.is_empty() => run(rest),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match status {
        Ok(status) => ExitCode::from(u8::try_from(status).unwrap_or(u8::MAX)),
        Err(error) => {
            eprintln!("loosepack-stock: {error:?}");
            ExitCode::FAILURE
        }
    }
}

fn compile(component: &str, out: &str) -> Result<()> {
    let bytes = fs::read(component).map_err(|error| Error::msg(format!("cannot read {component}: {error}")))?;
    let compiled = Engine::default().precompile_component(&bytes)?;
    fs::write(out, compiled).map_err(|error| Error::msg(format!("cannot write {out}: {error}")))
}

fn run(mut arguments: &[&str]) -> Result<i32> {
    let mut wasi = WasiCtxBuilder::new();
    wasi.inherit_stdio().allow_blocking_current_thread(true);
    while let ["--dir", granted, rest @ ..] = arguments {
        let (folder, name) = granted.split_once("::").unwrap_or((granted, granted));
        wasi.preopened_dir(folder, name, FsPerms::ReadWrite)
            .map_err(|error| error.context(format!("cannot grant {folder}")))?;
        arguments = rest;
    }
    let [component, ..] = arguments else { return Err(Error::msg("a component is missing")) };
    wasi.args(arguments);
    let engine = Engine::default();
    let mut start = [0; WASM.len()];
    let read = File::open(component).and_then(|mut file| file.read_exact(&mut start));
    read.map_err(|error| Error::msg(format!("cannot read {component}: {error}")))?;
    let component = match start == *WASM {
        true => Component::from_file(&engine, component),
        // SAFETY: whoever calls this program vouches for the file, as its documentation says.
        false => unsafe { Component::deserialize_file(&engine, component) },
    }?;
    command::run(&engine, &component, &mut wasi)
}
