//! Components under a runtime that gives nothing but WASI: within this process, and as a process of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use loosepack_artifacts::COMMAND;
use loosepack_stock::Wasi;
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};
use wasmtime_wasi::p2::bindings::sync::Command as Commands;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

/// Runs a command component as `wasmtime run --dir DIR::GUEST` does; its exit code, and what it printed. (WASI 0.2
/// knows success and failure: 0 and 1.)
pub(crate) fn run(component: &[u8], dir: &Path, guest: &str, perms: FsPerms, arguments: &[&str]) -> (i32, String) {
    let engine = Engine::default();
    let component = Component::new(&engine, component).expect("it is a component");
    let output = MemoryOutputPipe::new(1 << 20);
    let mut wasi = WasiCtxBuilder::new();
    wasi.stdout(output.clone()).stderr(output.clone());
    let result = call(&engine, &component, &mut wasi, dir, guest, perms, arguments);
    let output = String::from_utf8_lossy(&output.contents()).into_owned();
    (result.unwrap_or_else(|trap| panic!("a trap: {output}{trap:?}")), output)
}

fn call(
    engine: &Engine,
    component: &Component,
    wasi: &mut WasiCtxBuilder,
    dir: &Path,
    guest: &str,
    perms: FsPerms,
    arguments: &[&str],
) -> wasmtime::Result<i32> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
    wasi.args(&[&["loosepack"], arguments].concat());
    wasi.preopened_dir(dir, guest, perms)?;
    let mut store = Store::new(engine, Wasi::new(wasi));
    let command = Commands::instantiate(&mut store, component, &linker)?;
    match command.wasi_cli_run().call_run(&mut store) {
        Ok(result) => Ok(i32::from(result.is_err())),
        Err(error) => error.downcast_ref::<I32Exit>().map(|exit| exit.0).ok_or(error),
    }
}

/// Instructions for [`a_process`]: the compiled component and its arguments, one per line.
const COMPONENT: &str = "LOOSEPACK_TEST_COMPONENT";
const ARGUMENTS: &str = "LOOSEPACK_TEST_ARGUMENTS";

/// The portable command `loosepack -C store ARGUMENTS` as a process in a directory, run by this test program. The test
/// harness adds some lines of its own to the output.
pub(crate) fn command(dir: &Path, arguments: &[&str]) -> Command {
    static COMPILED: OnceLock<PathBuf> = OnceLock::new();
    let compiled = COMPILED.get_or_init(|| {
        let compiled = Engine::default().precompile_component(COMMAND).expect("it compiles");
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("loosepack-{}.cwasm", std::process::id()));
        std::fs::write(&path, compiled).expect("there is room");
        path
    });
    let mut command = Command::new(std::env::current_exe().expect("this is a program"));
    command
        .args(["--exact", "stock::a_process", "--ignored", "--nocapture", "--test-threads=1"])
        .env(COMPONENT, compiled)
        .env(ARGUMENTS, [&["-C", "store"], arguments].concat().join("\n"))
        .current_dir(dir)
        .stdin(Stdio::null());
    command
}

#[test]
#[ignore = "not a test: the program of the processes that other tests start"]
fn a_process() {
    let (Ok(compiled), Ok(arguments)) = (std::env::var(COMPONENT), std::env::var(ARGUMENTS)) else { return };
    let engine = Engine::default();
    // SAFETY: the file was made by `Engine::precompile_component` in `command`.
    let component = unsafe { Component::deserialize_file(&engine, compiled) }.expect("it was compiled here");
    let mut wasi = WasiCtxBuilder::new();
    wasi.inherit_stdio();
    let arguments: Vec<&str> = arguments.lines().collect();
    let code = call(&engine, &component, &mut wasi, Path::new("."), ".", FsPerms::ReadWrite, &arguments);
    std::process::exit(code.expect("it does not trap"));
}
