//! Builds the standard library for the target from its sources.

use std::path::{Path, PathBuf};

use super::{NAME, Toolchain};
use crate::process::{nested_cargo, run};
use crate::{Result, files, rust_flags};

/// The name of the crate that only exists to have its dependencies built.
const STD_USER: &str = "std-user";

/// Builds the standard library in the folder `user` and returns its parts. `sources` is the folder of rustc's sources;
/// of them `library/` is enough.
///
/// Cargo can build the library for a crate that needs it, in a mode for which a stable cargo has to be asked by two
/// variables meant for its developers. Should a release rename them, then this build fails and says so.
pub(super) fn build(toolchain: &Toolchain, sources: &Path, user: &Path) -> Result<Vec<PathBuf>> {
    files::fresh_dir(user)?;
    files::create_dir(&user.join("src"))?;
    files::write(&user.join("src/lib.rs"), "")?;
    files::write(
        &user.join("Cargo.toml"),
        format!("[workspace]\n[package]\nname = \"{STD_USER}\"\nedition = \"2024\"\n"),
    )?;
    // Without bitcode in the libraries, link-time optimization fails. The path is the one rustup's libraries have.
    let flags = rust_flags::portable([
        "-Cembed-bitcode=yes".into(),
        rust_flags::remap(sources, &format!("/rustc/{}", toolchain.commit)),
    ]);
    let mut cargo = nested_cargo();
    cargo
        .current_dir(user)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("__CARGO_TESTS_ONLY_SRC_ROOT", sources.join("library"))
        .env(rust_flags::VARIABLE, flags)
        .args(["build", "--release", "--target", NAME])
        .arg("-Zbuild-std=std,panic_abort,proc_macro,test")
        .args(["--target-dir", "target"]);
    run(&mut cargo)?;
    let built = files::list(&user.join("target").join(NAME).join("release/deps"))?;
    let ours = format!("lib{}-", STD_USER.replace('-', "_"));
    let libraries = built.into_iter().filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".rlib") && !name.starts_with(&ours)
    });
    Ok(libraries.collect())
}
