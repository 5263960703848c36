//! The components: which there are, and how cargo builds each.

use std::path::{Path, PathBuf};

use crate::process::{nested_cargo, run};
use crate::{Result, files, rust_flags, wasm_target, workspace};

/// A WebAssembly component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// The library that leaves hashing, compression and locks to its host.
    Store,
    /// The library that needs nothing but WASI.
    Portable,
    /// The command line that needs nothing but WASI.
    Command,
}

impl Component {
    /// The name of the component's file.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Store => "loosepack-store.wasm",
            Self::Portable => "loosepack.wasm",
            Self::Command => "loosepack-cli.wasm",
        }
    }

    /// The cargo command up to its target. The libraries are made components here and not in `Cargo.toml`: a `cdylib` there
    /// would be linked on every build, native ones too.
    fn cargo_arguments(self) -> &'static [&'static str] {
        match self {
            Self::Store => &[
                "rustc",
                "--package=loosepack",
                "--lib",
                "--crate-type=cdylib",
                "--no-default-features",
                "--features=component,hosted",
            ],
            Self::Portable => &[
                "rustc",
                "--package=loosepack",
                "--lib",
                "--crate-type=cdylib",
                "--no-default-features",
                "--features=component",
            ],
            Self::Command => &["build", "--package=loosepack-cli", "--bin=loosepack-wasi", "--features=wasi"],
        }
    }

    /// Where cargo leaves the component, in a folder of all builds with this target and profile. Two components share a
    /// name.
    fn built_name(self) -> &'static str {
        match self {
            Self::Store | Self::Portable => "loosepack.wasm",
            Self::Command => "loosepack-wasi.wasm",
        }
    }
}

/// The cargo profile of the components, defined in the workspace's `Cargo.toml`.
const PROFILE: &str = "component";

/// All runtimes of components have the vector instructions, and `sha2` is a fifth faster with them.
const SIMD: &str = "-Ctarget-feature=+simd128";

/// Builds components into the folder `out` and returns their paths in the order of `which`. A file whose bytes would
/// not change keeps its time stamp. Fails when the target is missing.
pub fn build(which: &[Component], out: &Path) -> Result<Vec<PathBuf>> {
    wasm_target::check()?;
    files::create_dir(out)?;
    which.iter().map(|&component| build_one(component, out)).collect()
}

/// The paths whose change makes the components change.
pub fn sources() -> Vec<PathBuf> {
    let root = workspace::root();
    ["src", "cli", "wit", "Cargo.toml", "Cargo.lock"].map(|name| root.join(name)).into()
}

fn build_one(component: Component, out: &Path) -> Result<PathBuf> {
    // Held from the build to the copy: without it another process could put the other component of the same name in
    // between. Cargo's own lock ends with its command.
    let _lock = lock_builds()?;
    let mut cargo = nested_cargo();
    cargo
        .args(component.cargo_arguments())
        .args(["--target", wasm_target::NAME, "--profile", PROFILE, "--target-dir"])
        .arg(workspace::wasm_builds())
        .env(rust_flags::VARIABLE, rust_flags::portable([SIMD.into()]));
    if workspace::root().join("Cargo.lock").exists() {
        cargo.arg("--locked");
    }
    run(&mut cargo)?;
    let built = wasm_target_builds().join(PROFILE).join(component.built_name());
    let path = out.join(component.file_name());
    files::copy_if_changed(&built, &path)?;
    Ok(path)
}

fn wasm_target_builds() -> PathBuf {
    workspace::wasm_builds().join(wasm_target::NAME)
}

fn lock_builds() -> Result<std::fs::File> {
    files::create_dir(&workspace::wasm_builds())?;
    files::lock(&workspace::wasm_builds().join(".components-lock"))
}
