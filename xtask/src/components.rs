//! The components: which there are, and how cargo builds each.

use std::ffi::OsString;
use std::path::Path;

use crate::process::{nested_cargo, run};
use crate::{Error, Result, files, rust_flags, wasm_target, workspace};

/// A WebAssembly component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Component {
    /// The library that leaves hashing, compression and locks to its host.
    Store,
    /// The library that needs nothing but WASI.
    Portable,
    /// The command line that needs nothing but WASI.
    Command,
}

impl Component {
    /// The name of the component's file.
    fn file_name(self) -> &'static str {
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

/// `components OUT BUILDS`: builds the components into the folder `OUT`, by way of the folder `BUILDS`. For the build script of
/// the package `loosepack-artifacts`. Fails when the target is missing.
pub fn build(arguments: &[OsString]) -> Result<()> {
    let [out, builds] = arguments else { return Err(Error::new("takes two folders: OUT BUILDS")) };
    wasm_target::check()?;
    files::create_dir(out.as_ref())?;
    // Two have one place in the folder of builds, so that each is copied before the next is built.
    [Component::Portable, Component::Store, Component::Command]
        .into_iter()
        .try_for_each(|component| build_one(component, out.as_ref(), builds.as_ref()))
}

fn build_one(component: Component, out: &Path, builds: &Path) -> Result<()> {
    let mut cargo = nested_cargo();
    cargo
        .args(component.cargo_arguments())
        .args(["--target", wasm_target::NAME, "--profile", PROFILE, "--target-dir"])
        .arg(builds)
        .env(rust_flags::VARIABLE, rust_flags::portable([SIMD.into()]));
    if workspace::root().join("Cargo.lock").exists() {
        cargo.arg("--locked");
    }
    run(&mut cargo)?;
    let built = builds.join(wasm_target::NAME).join(PROFILE).join(component.built_name());
    files::copy_if_changed(&built, &out.join(component.file_name()))
}
