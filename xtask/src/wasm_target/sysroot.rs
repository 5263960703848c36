//! The target's folder in rustc's sysroot: is it there, and how it gets there whole or not at all.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process;

use super::{NAME, Toolchain};
use crate::{Error, Result, files};

/// The file that says which compiler a target that we built is good for.
const BUILT_FOR: &str = "built-for-rustc";

/// Whether rustc can build for the target. What we built for an older compiler in the same place does not count.
pub(super) fn has_target(toolchain: &Toolchain) -> bool {
    let Some(target) = toolchain.libdir.parent() else {
        return false;
    };
    let fits = match fs::read_to_string(target.join(BUILT_FOR)) {
        Ok(identity) => identity == toolchain.identity,
        Err(_) => true,
    };
    fits && ["libcore-", "libstd-"].iter().all(|name| has_library(&toolchain.libdir, name))
}

/// Puts libraries and start objects into the sysroot, by one rename: a target that is half there would be taken for one
/// that is there.
pub(super) fn install<'a>(
    toolchain: &Toolchain,
    libraries: impl IntoIterator<Item = &'a Path>,
    self_contained: impl IntoIterator<Item = &'a Path>,
) -> Result<()> {
    let (Some(target), Some(targets)) = (toolchain.libdir.parent(), toolchain.libdir.ancestors().nth(2)) else {
        return Err(Error::new(format!("{} is no place for libraries", toolchain.libdir.display())));
    };
    let staged = targets.join(format!(".{NAME}-{}", process::id()));
    let result = stage(toolchain, &staged, libraries, self_contained).and_then(|()| replace(&staged, target));
    if result.is_err() {
        // The first error is the one to tell.
        let _ = files::remove_dir(&staged);
    }
    result
}

fn stage<'a>(
    toolchain: &Toolchain,
    staged: &Path,
    libraries: impl IntoIterator<Item = &'a Path>,
    self_contained: impl IntoIterator<Item = &'a Path>,
) -> Result<()> {
    let lib = staged.join("lib");
    let own = lib.join("self-contained");
    files::fresh_dir(staged)?;
    files::create_dir(&own)?;
    for path in libraries {
        files::copy_durably(path, &lib.join(file_name(path)))?;
    }
    for path in self_contained {
        files::copy_durably(path, &own.join(file_name(path)))?;
    }
    files::write(&staged.join(BUILT_FOR), &toolchain.identity)?;
    [own.as_path(), lib.as_path(), staged].into_iter().try_for_each(files::sync_dir)
}

/// Replaces whatever is at `target`: the remains of something, or libraries for another compiler.
fn replace(staged: &Path, target: &Path) -> Result<()> {
    files::remove_dir(target)?;
    files::rename(staged, target)?;
    target.parent().map_or(Ok(()), files::sync_dir)
}

fn has_library(libdir: &Path, prefix: &str) -> bool {
    let Ok(entries) = files::list(libdir) else {
        return false;
    };
    entries.iter().any(|path| {
        let name = file_name(path).to_string_lossy();
        name.starts_with(prefix) && name.ends_with(".rlib")
    })
}

fn file_name(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}
