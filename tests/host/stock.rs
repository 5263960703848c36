//! Components under a runtime that gives nothing but WASI: within this process, and as a process of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use loosepack_artifacts::COMMAND;
use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use crate::support::{TempDir, loosepack};

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
    wasi.args(&[&["loosepack"], arguments].concat());
    wasi.preopened_dir(dir, guest, perms)?;
    loosepack_stock::command::run(engine, component, wasi)
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

/// The command line is the same there as far as WASI goes.
#[test]
fn lists_patterns_and_holes_work_in_a_stock_runtime() {
    let dir = TempDir::new();
    for name in ["t/a.c", "t/a.o", "t/target/x.c"] {
        dir.file(name, name);
    }
    dir.file("list", "t/a.o\nt/a.c\n");
    let zeros = vec![0; 1 << 20];
    dir.file("zeros", &zeros);
    let run = |arguments: &[&str]| {
        let arguments = [&["-C", "store"], arguments].concat();
        run(COMMAND, dir.path(), ".", FsPerms::ReadWrite, &arguments)
    };
    let names = |output: &str| -> Vec<String> { output.lines().map(|line| line[66..].into()).collect() };
    assert_eq!(run(&["init"]).0, 0);
    let (code, output) = run(&["add", "-r", "t", "--exclude", "*.o", "--exclude", "target/"]);
    assert_eq!((code, names(&output)), (0, vec!["t/a.c".into()]), "{output}");
    let (code, output) = run(&["add", "--files-from", "list", "--exclude", "*.c"]);
    assert_eq!((code, names(&output)), (0, vec!["t/a.o".into()]), "{output}");
    let (code, output) = run(&["add", "zeros"]);
    assert_eq!(code, 0, "{output}");
    assert_eq!(run(&["get", &output[..64], "-o", "out", "--sparse"]).0, 0);
    assert!(std::fs::read(dir.join("out")).expect("it is there") == zeros);
    for (refused, remedy) in [
        (&["add", "-r", "-x", "t"][..], "file systems cannot be told apart"),
        (&["add", "--stdin-from-command", "true"], "| loosepack add -"),
    ] {
        let (code, output) = run(refused);
        assert!(code == 1 && output.contains(remedy), "{output}");
    }
}

/// Requests that come at once are answered without looking whether more come, which WASI does not tell.
#[test]
fn batch_works_in_a_stock_runtime() {
    let dir = TempDir::new();
    loosepack(dir.path(), ["init"]).exits(0);
    let mut child =
        command(dir.path(), &["batch"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(b"{\"op\":\"put\",\"text\":\"a\",\"tag\":1}\n{\"op\":\"nothing\",\"tag\":2}\n").expect("it reads");
    let mut answers = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut lines = answers.by_ref().map(|line| line.expect("text"));
    // The test harness prints something before the first answer, on its line.
    let mut answer = || lines.find_map(|line| line.find("{\"tag\"").map(|start| line[start..].to_string()));
    let id = loosepack::codec::sha256(b"a");
    assert_eq!(answer(), Some(format!("{{\"tag\":1,\"id\":\"{id}\"}}")));
    assert!(answer().is_some_and(|line| line.starts_with("{\"tag\":2,\"error\":\"invalid\"")));
    stdin.write_all(format!("{{\"op\":\"has\",\"id\":\"{id}\",\"tag\":3}}\n").as_bytes()).expect("it reads");
    assert_eq!(answer(), Some(format!("{{\"tag\":3,\"id\":\"{id}\",\"present\":true}}")));
    drop(stdin);
    child.wait().expect("it ends");
}
