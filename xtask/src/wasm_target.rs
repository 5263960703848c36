//! Makes the standard library for wasm32-wasip2 available to the active rustc: by rustup where that may download, else
//! from Debian's sources of the same version, else by saying what a person can do.

mod apt;
mod apt_sources;
mod debian;
mod rustup;
mod std_build;
mod sysroot;

use std::path::PathBuf;

use crate::process::{output, rustc};
use crate::{Error, Result, components, files, workspace};

/// The target of all components.
pub const NAME: &str = "wasm32-wasip2";

/// Makes the target available if it is not. Two processes may ask at the same time: the second one waits for the first.
pub fn ensure() -> Result<()> {
    let toolchain = Toolchain::active()?;
    if sysroot::has_target(&toolchain) {
        return Ok(());
    }
    let work = workspace::target().join("wasm-target");
    files::create_dir(&work)?;
    let _lock = files::lock(&work.join(".lock"))?;
    if sysroot::has_target(&toolchain) {
        return Ok(());
    }
    say(format_args!("{NAME} is missing for rustc {}", toolchain.release));
    let by_rustup = rustup::add_target;
    let from_debian = || debian::build(&toolchain, &work);
    let ways: [(&str, &dyn Fn() -> Result<()>); 2] = [("rustup", &by_rustup), ("Debian's sources", &from_debian)];
    let mut tried = String::new();
    for (name, way) in ways {
        match way() {
            Ok(()) if sysroot::has_target(&toolchain) => {
                say(format_args!("{NAME} is in {}", toolchain.libdir.display()));
                return components::forget_builds();
            }
            Ok(()) => tried.push_str(&format!("- {name}: worked, but rustc does not find the target\n")),
            Err(error) => tried.push_str(&format!("- {name}: {error}\n")),
        }
    }
    Err(Error::new(format!(
        "{NAME} is not available to rustc {release}. Tried:\n{tried}\
         What helps: `rustup target add {NAME}` where downloads are allowed, or the standard library for {NAME} of \
         rustc {release} put into {libdir}",
        release = toolchain.release,
        libdir = toolchain.libdir.display(),
    )))
}

/// What rustc says about itself.
struct Toolchain {
    /// The version without anything behind it, as in `1.95.0`.
    release: String,
    /// The commit it was made from, which stands for the sources' folder in panic messages.
    commit: String,
    /// Everything `rustc --version --verbose` says: libraries are good for exactly this compiler.
    identity: String,
    /// Where it looks for the target's libraries.
    libdir: PathBuf,
}

impl Toolchain {
    fn active() -> Result<Self> {
        let identity = output(rustc().args(["--version", "--verbose"]))?;
        let field = |name| {
            let value = identity.lines().find_map(|line| line.strip_prefix(name));
            value.ok_or_else(|| Error::new(format!("`rustc --version --verbose` says nothing about `{name}`")))
        };
        let libdir = output(rustc().args(["--print", "target-libdir", "--target", NAME]))?;
        Ok(Self {
            release: field("release: ")?.to_owned(),
            commit: field("commit-hash: ")?.to_owned(),
            libdir: PathBuf::from(libdir.trim_end()),
            identity,
        })
    }
}

/// Tells the person who waits what is going on.
fn say(what: impl std::fmt::Display) {
    eprintln!("wasm-target: {what}");
}
