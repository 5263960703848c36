//! `cargo xtask package`: the packages as they would be published, and programs outside of the workspace that use them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{cargo, output, run};
use crate::{Error, Result, components, files, workspace};

/// The packages that are published, each after those it depends on.
const PUBLISHED: [&str; 7] = [
    "loosepack",
    "loosepack-disk-objectstore",
    "loosepack-serve",
    "loosepack-remote",
    "loosepack-cli",
    "loosepack-artifacts",
    "loosepack-host",
];

/// The package for components that import the store: a workspace of its own.
const GUEST: &str = "loosepack-guest";

/// What the plugin in `examples/plugin` depends on, in its `Cargo.toml`.
const DEPENDENCY: &str = "path = \"../../bindings/guest\"";

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

/// Packs the packages, and builds programs outside of the workspace with what was packed.
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
        let unpacked = unpack(name, "tmp-crate", &outside)?;
        manifest += &format!("{name} = {{ path = {unpacked:?} }}\n");
    }
    files::write(&outside.join("Cargo.toml"), manifest)?;
    files::write(&outside.join("src/main.rs"), PROGRAM)?;
    // The versions that the workspace is tested with; and its folder of builds, so that wasmtime is not built again.
    files::write(&outside.join("Cargo.lock"), files::read(&workspace::root().join("Cargo.lock"))?)?;
    let target = workspace::target();
    run(cargo().current_dir(&outside).args(["build", "--release", "--target-dir"]).arg(&target))?;
    run(Command::new(target.join("release/outside")).arg(outside.join("store")))?;
    guest(&outside)
}

/// Packs the package for components, and builds the plugin with it.
fn guest(outside: &Path) -> Result<()> {
    let mut package = cargo();
    package.args([
        "package",
        "--manifest-path",
        "bindings/guest/Cargo.toml",
        "--no-verify",
        "--allow-dirty",
        "--locked",
    ]);
    run(package.arg("--target-dir").arg(workspace::target()))?;
    let unpacked = unpack(GUEST, ".", outside)?;
    let (sources, plugin) = (workspace::root().join("examples/plugin"), outside.join("plugin"));
    files::create_dir(&plugin.join("src"))?;
    for path in files::list(&sources.join("src"))? {
        let name = path.file_name().unwrap_or_default();
        files::write(&plugin.join("src").join(name), files::read(&path)?)?;
    }
    files::write(&plugin.join("Cargo.lock"), files::read(&sources.join("Cargo.lock"))?)?;
    let manifest = files::read(&sources.join("Cargo.toml"))?;
    if !manifest.contains(DEPENDENCY) {
        return Err(Error::new(format!("examples/plugin/Cargo.toml has no `{DEPENDENCY}`")));
    }
    files::write(&plugin.join("Cargo.toml"), manifest.replace(DEPENDENCY, &format!("path = {unpacked:?}")))?;
    let mut build = cargo();
    build.current_dir(&plugin).args(["build", "--release", "--locked", "--target", "wasm32-wasip2", "--target-dir"]);
    run(build.arg(workspace::target().join("plugin/build")))
}

/// Unpacks a package that was packed to this folder below `target/package`; returns where it is.
fn unpack(name: &str, folder: &str, outside: &Path) -> Result<PathBuf> {
    let version = env!("CARGO_PKG_VERSION");
    let packed = workspace::target().join(format!("package/{folder}/{name}-{version}.crate"));
    // With the time of now: cargo would take files of the time in the package for those that it has built before.
    output(Command::new("tar").arg("-xzmf").arg(packed).arg("-C").arg(outside))?;
    Ok(outside.join(format!("{name}-{version}")))
}
