//! Puts the components into OUT_DIR: those that the package contains or, in the repository, those built from its
//! sources.

use std::env;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-wasip2";

/// The cargo profile of the components, defined in the workspace's `Cargo.toml`.
const PROFILE: &str = "component";

/// The vector instructions, which all runtimes of components have: they make `sha2` a fifth faster.
const SIMD: &str = "-Ctarget-feature=+simd128";

/// Each component: its file, the name that cargo gives it, and the arguments that make cargo build it. The libraries
/// become components by these arguments and not by `Cargo.toml`, where a `cdylib` would be linked in every build,
/// native ones too.
const COMPONENTS: [(&str, &str, &[&str]); 3] = [
    (
        "loosepack.wasm",
        "loosepack.wasm",
        &[
            "rustc",
            "--package=loosepack",
            "--lib",
            "--crate-type=cdylib",
            "--no-default-features",
            "--features=component",
        ],
    ),
    (
        "loosepack-store.wasm",
        "loosepack.wasm",
        &[
            "rustc",
            "--package=loosepack",
            "--lib",
            "--crate-type=cdylib",
            "--no-default-features",
            "--features=component,hosted",
        ],
    ),
    (
        "loosepack-cli.wasm",
        "loosepack-wasi.wasm",
        &["build", "--package=loosepack-cli", "--bin=loosepack-wasi", "--features=wasi"],
    ),
];

/// Files and folders of the repository that components are built from. Of the exchange with disk_objectstore, they
/// contain only what says that they cannot do it.
const SOURCES: [&str; 7] =
    ["src", "cli", "wit", "disk-objectstore/Cargo.toml", "disk-objectstore/src/lib.rs", "Cargo.toml", "Cargo.lock"];

/// Settings of the outer cargo that the inner one keeps: its home, how it reaches registries, how it talks, and the job
/// server, which keeps the two from running more jobs together than either would alone. All others would change what is
/// built, or stop it.
const INHERITED: [&str; 8] = [
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_MAKEFLAGS",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_SOURCE_",
    "CARGO_TERM_",
];

/// Settings outside cargo's own names that would.
const NOT_INHERITED: [&str; 5] =
    ["RUSTC_BOOTSTRAP", "RUSTC_WORKSPACE_WRAPPER", "RUSTC_WRAPPER", "RUSTDOCFLAGS", "RUSTFLAGS"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let package = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(variable("OUT_DIR")?);
    let repository = package.join("..");
    if repository.join(".ci/wasm-target").is_file() {
        build(&repository, &out)?;
    } else {
        for (name, ..) in COMPONENTS {
            fs::copy(package.join("wasm").join(name), out.join(name))
                .map_err(|error| format!("the package lacks wasm/{name}: {error}"))?;
        }
    }
    println!("cargo::metadata=dir={}", out.display());
    Ok(())
}

fn build(repository: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", repository.join(source).display());
    }
    check_target()?;
    let builds = out.join("build");
    // Two have one name in the folder of builds, so that each is copied before the next is built.
    for (name, built, arguments) in COMPONENTS {
        let mut cargo = Command::new(variable("CARGO")?);
        for (name, _) in env::vars_os().filter(|(name, _)| !is_inherited(name)) {
            cargo.env_remove(name);
        }
        cargo.current_dir(repository).args(arguments).args(["--locked", "--target", TARGET, "--profile", PROFILE]);
        cargo.arg("--target-dir").arg(&builds).env("CARGO_ENCODED_RUSTFLAGS", flags());
        if !cargo.status()?.success() {
            return Err(format!("{name} does not build: see above").into());
        }
        fs::copy(builds.join(TARGET).join(PROFILE).join(built), out.join(name))?;
    }
    Ok(())
}

/// Fails with advice when rustc has no libraries for the target.
fn check_target() -> Result<(), Box<dyn Error>> {
    let libraries = Command::new(variable("RUSTC")?).args(["--print", "target-libdir", "--target", TARGET]).output()?;
    match Path::new(String::from_utf8(libraries.stdout)?.trim_end()).is_dir() {
        true => Ok(()),
        false => Err(format!("rustc has no {TARGET}: run .ci/wasm-target, or `rustup target add {TARGET}`").into()),
    }
}

/// Flags for rustc. The sources of dependencies get a path that is the same on every machine: panic messages carry it
/// into the components.
fn flags() -> OsString {
    let mut flags = OsString::from(SIMD);
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    if let Some(home) = home.or_else(|| Some(env::home_dir()?.join(".cargo"))) {
        // The separator of flags in CARGO_ENCODED_RUSTFLAGS.
        flags.push("\x1f--remap-path-prefix=");
        flags.push(home.join("registry/src"));
        flags.push("=/rust/deps");
    }
    flags
}

fn is_inherited(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    match name.starts_with("CARGO_") {
        true => INHERITED.iter().any(|kept| name.starts_with(kept)),
        false => !NOT_INHERITED.contains(&&*name),
    }
}

fn variable(name: &str) -> Result<OsString, String> {
    env::var_os(name).ok_or_else(|| format!("cargo sets {name}"))
}
