//! The command: runs the command component with what its arguments grant, and nothing else.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use loosepack::cli::Cli;
use tokio::runtime::{Builder, Runtime};
use wasmtime::component::{HasSelf, Linker};
use wasmtime_wasi::p2::bindings::sync::CommandPre;
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

use crate::bindings::hosted::loosepack::store::grants;
use crate::bindings::loosepack::store::{flushing, locking};
use crate::embedded::COMMAND;
use crate::error::{Error, Result};
use crate::grants::Grants;
use crate::limits::Limits;
use crate::state::{Guest, State};
use crate::{codec, engine, files, interrupt};

/// Run the command with these arguments, the program's name first; returns its exit code.
///
/// # Errors
/// [`Error::Runtime`] when the component was stopped; [`Error::Io`] where there is no thread to be had.
pub fn run(arguments: &[OsString]) -> Result<i32> {
    // WASI knows arguments as text; one that is no text is refused by the command under the name it sees.
    let texts: Vec<String> = arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let waiting = waiting()?;
    let _entered = waiting.enter();
    let engine = engine::new()?;
    let component = COMMAND.load(&engine)?;
    let mut linker = Linker::new(&engine);
    files::add_to_linker(&mut linker)?;
    locking::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    flushing::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    grants::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    codec::add_to_linker(&mut linker)?;
    let command = CommandPre::new(linker.instantiate_pre(&component)?)?;

    let mut wasi = WasiCtxBuilder::new();
    wasi.inherit_stdio().args(&texts).env("LOOSEPACK_HOLDER", holder());
    for name in ["LOOSEPACK_DIR", "NO_COLOR", "TERM", "COLUMNS"] {
        if let Ok(value) = std::env::var(name) {
            wasi.env(name, value);
        }
    }
    let granted = granted(arguments, &texts);
    if granted.writes() {
        interrupt::watch(&granted.unfinished).map_err(no_thread)?;
    }
    let mut guest = Guest::new(&engine, &Limits::default(), &mut wasi, granted);
    let store = guest.call();
    match command.instantiate(&mut *store)?.wasi_cli_run().call_run(store) {
        Ok(Ok(())) => Ok(0),
        Ok(Err(())) => Ok(2),
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(exit) => Ok(exit.0),
            None => Err(error.into()),
        },
    }
}

/// What waits for the component: one thread is enough, as it waits for one thing at a time.
fn waiting() -> Result<Runtime> {
    // The runtime panics where it cannot start one.
    thread::Builder::new().spawn(|| ()).map_err(no_thread)?;
    Builder::new_multi_thread().worker_threads(1).enable_time().build().map_err(no_thread)
}

fn no_thread(error: io::Error) -> Error {
    let problem = format!("cannot start a thread: {error}; raise the limits of processes and of open files (`ulimit`)");
    Error::Io(io::Error::new(error.kind(), problem))
}

/// What the arguments grant. Wrong ones, and requests for help, grant nothing: the command itself answers them.
fn granted(arguments: &[OsString], texts: &[String]) -> Grants {
    let Ok(cli) = <Cli as clap::Parser>::try_parse_from(texts) else { return Grants::default() };
    let named = cli.grants();
    let original = |text: &String| {
        let argument = arguments.iter().zip(texts).find(|(_, seen)| *seen == text);
        (text.clone(), argument.map_or_else(|| text.into(), |(argument, _)| argument.clone()))
    };
    let perms = if named.writable { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
    Grants {
        container: Some((PathBuf::from(named.container), perms)),
        create_container: named.create_container,
        inputs: named.inputs.iter().map(original).collect(),
        recursive: named.recursive,
        output: named.output,
        unfinished: Arc::default(),
    }
}

/// Who this is, for others who want the packer's place.
fn holder() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match host.trim() {
        "" => format!("process {}", std::process::id()),
        host => format!("process {} on {host}", std::process::id()),
    }
}
