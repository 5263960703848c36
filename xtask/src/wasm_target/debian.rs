//! The way without rustup: Debian packages the sources of rustc, and the C library for WASI. The standard library is
//! built from them.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{NAME, Toolchain, apt, say, std_build, sysroot};
use crate::process::pipe;
use crate::{Result, files};

/// What the linker wants from the C library, beside Rust's own.
const SELF_CONTAINED: &[&str] = &["crt1-command.o", "crt1-reactor.o", "libc.a"];

/// Builds the target in the folder `work` and installs it into the sysroot. What is fetched and built is removed
/// afterwards, and left for a look if something fails.
pub(super) fn build(toolchain: &Toolchain, work: &Path) -> Result<()> {
    let apt = work.join("apt");
    let root = work.join("root");
    let user = work.join("std");
    let packages = apt::fetch(&apt, &toolchain.release)?;

    say("unpacking");
    let sources = format!("usr/src/rustc-{}", toolchain.release);
    let c_library = format!("usr/lib/{NAME}");
    files::fresh_dir(&root)?;
    unpack(&packages.rust_src, &format!("./{sources}/library"), &root)?;
    unpack(&packages.wasi_libc, &format!("./{c_library}"), &root)?;

    say("building the standard library, about a minute");
    let libraries = std_build::build(toolchain, &root.join(sources), &user)?;

    say("installing");
    let self_contained: Vec<PathBuf> = SELF_CONTAINED.iter().map(|name| root.join(&c_library).join(name)).collect();
    sysroot::install(toolchain, libraries.iter().map(PathBuf::as_path), self_contained.iter().map(PathBuf::as_path))?;
    [&apt, &root, &user].into_iter().try_for_each(|dir| files::remove_dir(dir))
}

/// Unpacks one folder of a package. Most of rust-src is the compiler and its documentation, which is not needed.
fn unpack(package: &Path, folder: &str, root: &Path) -> Result<()> {
    pipe(
        Command::new("dpkg-deb").arg("--fsys-tarfile").arg(package),
        Command::new("tar").arg("--extract").arg("--directory").arg(root).arg(folder),
    )
}
