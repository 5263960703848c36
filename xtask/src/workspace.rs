//! Where things are: every folder that the developer commands read or write.

use std::path::{Path, PathBuf};

/// The folder of the workspace's `Cargo.toml`.
pub fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// What is released, made by `cargo xtask dist`; of it, the components are made by `cargo xtask components`.
pub fn dist() -> PathBuf {
    root().join("dist")
}

/// Where everything else that is made goes. Not `CARGO_TARGET_DIR`: the outer cargo, which may be waiting for us, holds
/// the lock of that one.
pub fn target() -> PathBuf {
    root().join("target")
}
