//! The components themselves: what they import, and how they run under a runtime that gives nothing but WASI.

use std::path::Path;

use loosepack_artifacts::{COMMAND, PORTABLE, STORE};
use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime_wasi::FsPerms;
use xtask::process;

use crate::stock::run;
use crate::support::TempDir;

fn imports(component: &[u8]) -> Vec<String> {
    let engine = Engine::default();
    let component = Component::new(&engine, component).expect("it is a component");
    let mut names: Vec<String> = component.component_type().imports(&engine).map(|(name, _)| name.into()).collect();
    names.sort();
    names
}

#[test]
fn the_store_imports_nothing_but_files_a_clock_locks_flushes_and_a_codec() {
    assert_eq!(
        imports(STORE),
        [
            "loosepack:host/codec@0.1.0",
            "loosepack:host/fetching@0.1.0",
            "loosepack:host/flushing@0.1.0",
            "loosepack:host/locking@0.1.0",
            "loosepack:host/sharing@0.1.0",
            "wasi:clocks/wall-clock@0.2.12",
            "wasi:filesystem/types@0.2.12",
            "wasi:io/error@0.2.12",
            "wasi:io/streams@0.2.12",
        ]
    );
}

#[test]
fn the_portable_component_imports_nothing_but_wasi() {
    assert_eq!(
        imports(PORTABLE),
        [
            "wasi:clocks/wall-clock@0.2.12",
            "wasi:filesystem/preopens@0.2.12",
            "wasi:filesystem/types@0.2.12",
            "wasi:io/error@0.2.12",
            "wasi:io/streams@0.2.12",
        ]
    );
}

#[test]
fn the_command_imports_nothing_but_wasi() {
    let names = imports(COMMAND);
    assert!(!names.is_empty() && names.iter().all(|name| name.starts_with("wasi:")), "{names:?}");
    for denied in ["wasi:sockets", "wasi:http"] {
        assert!(!names.iter().any(|name| name.starts_with(denied)), "{denied} in {names:?}");
    }
}

#[test]
fn the_directory_of_the_component_keeps_the_contract() {
    let dir = TempDir::new();
    let builds = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guest");
    process::run(
        process::cargo()
            .args(["build", "--package", "loosepack", "--example", "conformance-guest", "--no-default-features"])
            .args(["--target", "wasm32-wasip2", "--target-dir"])
            .arg(&builds),
    )
    .expect("the guest builds");
    let guest = builds.join("wasm32-wasip2/debug/examples/conformance-guest.wasm");
    let (code, output) = run(&std::fs::read(guest).expect("it was built"), dir.path(), "/", FsPerms::ReadWrite, &[]);
    assert_eq!(code, 0, "{output}");
}

#[test]
fn the_command_does_its_work_with_wasi_alone() {
    let dir = TempDir::new();
    let run = |arguments: &[&str]| run(COMMAND, dir.path(), ".", FsPerms::ReadWrite, arguments);
    dir.file("a.txt", "alpha\n");
    dir.file("folder/b.txt", "beta\n");
    const ALPHA: &str = "b6a98d9ce9a2d9149288fa3df42d377c3e42737afdcdaf714e33c0a100b51060";

    assert_eq!(run(&["-C", "store", "init"]).0, 0);
    let (code, added) = run(&["-C", "store", "add", "-r", "a.txt", "folder"]);
    assert_eq!(code, 0, "{added}");
    assert!(added.starts_with(&format!("{ALPHA}  a.txt\n")), "{added}");
    assert!(added.ends_with("  folder/b.txt\n"), "{added}");
    for job in ["pack", "clean"] {
        let (code, output) = run(&["-C", "store", job]);
        assert_eq!(code, 0, "{output}");
    }
    assert_eq!(run(&["-C", "store", "get", ALPHA]), (0, "alpha\n".into()));
    assert_eq!(run(&["-C", "store", "has", ALPHA]).0, 0);
    let (code, output) = run(&["-C", "store", "get", &ALPHA.replace('b', "c")]);
    assert_eq!(code, 1, "{output}");
    let (code, output) = run(&["-C", "/elsewhere", "ls"]);
    assert_eq!(code, 1, "{output}");
}

#[test]
fn the_command_reads_from_a_directory_that_is_granted_for_reading_only() {
    let dir = TempDir::new();
    dir.file("a.txt", "alpha\n");
    assert_eq!(run(COMMAND, dir.path(), ".", FsPerms::ReadWrite, &["-C", "store", "init"]).0, 0);
    let (code, added) = run(COMMAND, dir.path(), ".", FsPerms::ReadWrite, &["-C", "store", "add", "a.txt"]);
    assert_eq!(code, 0, "{added}");
    let read_only = |arguments: &[&str]| run(COMMAND, dir.path(), ".", FsPerms::ReadOnly, arguments);
    let (code, listed) = read_only(&["-C", "store", "ls"]);
    assert_eq!((code, listed.lines().count()), (0, 1), "{listed}");
    assert_eq!(read_only(&["-C", "store", "get", listed.trim()]), (0, "alpha\n".into()));
    dir.file("b.txt", "beta\n");
    assert_eq!(read_only(&["-C", "store", "add", "b.txt"]).0, 1);
}
