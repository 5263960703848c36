//! `cargo xtask package`: the packages as they would be published, and a program outside of the workspace that uses
//! them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{cargo, output, run};
use crate::{Result, components, files, workspace};

/// The packages that are published, each after those it depends on.
const PUBLISHED: [&str; 6] = [
    "loosepack",
    "loosepack-disk-objectstore",
    "loosepack-serve",
    "loosepack-cli",
    "loosepack-artifacts",
    "loosepack-host",
];

/// A program that keeps an object in a sandboxed store, and one in a native one.
const PROGRAM: &str = r#"
use loosepack::Store;

fn keep(store: &dyn Store) -> loosepack::Result<()> {
    let id = store.add(b"some bytes")?;
    assert_eq!(store.get(&id)?, b"some bytes");
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).ok_or("a folder is missing")?;
    std::fs::create_dir_all(&folder)?;
    keep(&loosepack_host::Runtime::new()?.create(&folder, Default::default(), Default::default())?)?;
    keep(&loosepack::Container::open(loosepack::dir::cap::CapDir::open(&folder)?, Default::default())?)?;
    println!("the packages work");
    Ok(())
}
"#;

/// Packs the packages, and builds and runs a program outside of the workspace with what was packed.
pub fn package() -> Result<()> {
    components::build_for_packages()?;
    let mut publish = cargo();
    publish.args(["publish", "--dry-run", "--no-verify", "--allow-dirty", "--locked"]);
    for name in PUBLISHED {
        publish.args(["--package", name]);
    }
    run(&mut publish)?;

    let outside = workspace::target().join("package/outside");
    files::remove_dir(&outside)?;
    files::create_dir(&outside.join("src"))?;
    let mut manifest = String::from(
        "[workspace]\n[package]\nname = \"outside\"\nedition = \"2024\"\n[dependencies]\nloosepack = \"0.1\"\n\
         loosepack-host = \"0.1\"\n[profile.release]\ncodegen-units = 16\n[profile.release.build-override]\nopt-level = 3\n\
         codegen-units = 16\n[patch.crates-io]\n",
    );
    for name in PUBLISHED {
        let unpacked = unpack(name, &outside)?;
        manifest += &format!("{name} = {{ path = {unpacked:?} }}\n");
    }
    files::write(&outside.join("Cargo.toml"), manifest)?;
    files::write(&outside.join("src/main.rs"), PROGRAM)?;
    // The versions that the workspace is tested with; and its folder of builds, so that wasmtime is not built again.
    files::write(&outside.join("Cargo.lock"), files::read(&workspace::root().join("Cargo.lock"))?)?;
    let target = workspace::target();
    run(cargo().current_dir(&outside).args(["build", "--release", "--target-dir"]).arg(&target))?;
    run(Command::new(target.join("release/outside")).arg(outside.join("store")))
}

/// Unpacks a package that was packed; returns its folder.
fn unpack(name: &str, outside: &Path) -> Result<PathBuf> {
    let version = env!("CARGO_PKG_VERSION");
    let packed = workspace::target().join(format!("package/tmp-crate/{name}-{version}.crate"));
    output(Command::new("tar").arg("-xzf").arg(packed).arg("-C").arg(outside))?;
    Ok(outside.join(format!("{name}-{version}")))
}
