//! What tells a file from all others of this machine, whatever its names are.

#[cfg(unix)]
use std::fs;
use std::fs::File;
use std::io;
use std::path::Path;

/// Device and number.
pub(super) type Identity = (u64, u64);

#[cfg(unix)]
pub(super) fn identity(file: &File) -> io::Result<Identity> {
    Ok(identity_of(&file.metadata()?))
}

#[cfg(unix)]
fn identity_of(found: &fs::Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt as _;
    (found.dev(), found.ino())
}

#[cfg(unix)]
pub(super) fn identity_at(path: &Path) -> io::Result<Identity> {
    Ok(identity_of(&fs::metadata(path)?))
}

#[cfg(windows)]
pub(super) fn identity(file: &File) -> io::Result<Identity> {
    use cap_fs_ext::MetadataExt as _;
    let found = cap_primitives::fs::Metadata::from_file(file)?;
    Ok((found.dev(), found.ino()))
}

#[cfg(windows)]
pub(super) fn identity_at(path: &Path) -> io::Result<Identity> {
    identity(&File::open(path)?)
}
