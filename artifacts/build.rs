//! Puts the components into OUT_DIR: those of the package, or, in the repository, built from its sources.

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

const COMPONENTS: [&str; 3] = ["loosepack.wasm", "loosepack-cli.wasm", "loosepack-store.wasm"];

/// What changes the components.
const SOURCES: [&str; 6] = ["src", "cli", "wit", "xtask/src", "Cargo.toml", "Cargo.lock"];

/// Settings of the cargo that runs this script which are not for the one that it runs.
const NOT_INHERITED: [&str; 7] = [
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let package = env::var_os("CARGO_MANIFEST_DIR").ok_or("cargo sets CARGO_MANIFEST_DIR")?;
    let out = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    let (package, out) = (Path::new(&package), Path::new(&out));
    let repository = package.join("..");
    if repository.join("xtask/Cargo.toml").is_file() {
        build(&repository, out)?;
    } else {
        for name in COMPONENTS {
            fs::copy(package.join("wasm").join(name), out.join(name))
                .map_err(|error| format!("the package lacks wasm/{name}: {error}"))?;
        }
    }
    println!("cargo::metadata=dir={}", out.display());
    Ok(())
}

/// Build the components. The target wasm32-wasip2 has to be there.
fn build(repository: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", repository.join(source).display());
    }
    let mut cargo = Command::new(env::var_os("CARGO").ok_or("cargo sets CARGO")?);
    cargo.current_dir(repository).args(["run", "--quiet", "--package", "xtask", "--target-dir"]).arg(out.join("build"));
    for name in NOT_INHERITED {
        cargo.env_remove(name);
    }
    let status = cargo.arg("--").arg("components").arg(out).arg(out.join("build")).status()?;
    if status.success() { Ok(()) } else { Err("the components do not build: see above".into()) }
}
