//! What was made for a release, tried out where nothing else is.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{VERSION, example, host};
use crate::process::output;
use crate::{Error, Result, files, languages, workspace};

/// Installs each package in a folder of its own and runs its first example.
pub(super) fn check() -> Result<()> {
    command()?;
    languages::try_release()
}

/// Unpacks the archive and runs the README's example with the command in it.
fn command() -> Result<()> {
    let folder = workspace::target().join("dist");
    files::remove_dir(&folder)?;
    files::create_dir(&folder)?;
    let name = format!("loosepack-{VERSION}-{}", host()?);
    output(
        Command::new("tar").arg("-xzf").arg(workspace::dist().join(format!("{name}.tar.gz"))).arg("-C").arg(&folder),
    )?;
    let unpacked = folder.join(name);
    let version = output(Command::new(unpacked.join("loosepack")).arg("--version"))?;
    if version.trim_end() != format!("loosepack {VERSION}") {
        return Err(Error::new(format!("the command in the archive is {version}, not {VERSION}")));
    }
    for part in ["man/loosepack-add.1", "completions/bash/loosepack.bash", "LICENSE-MIT", "LICENSE-APACHE"] {
        if !unpacked.join(part).is_file() {
            return Err(Error::new(format!("the archive lacks {part}")));
        }
    }
    let work = folder.join("work");
    files::create_dir(&work)?;
    example::run(&work, &search_path(&unpacked)?)?;
    println!("the command: the example of README.md prints what is printed there");
    Ok(())
}

/// The search path with this folder before all others.
fn search_path(first: &Path) -> Result<String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = [first.to_path_buf()].into_iter().chain(env::split_paths(&path)).collect::<Vec<PathBuf>>();
    let joined = env::join_paths(folders).map_err(|error| Error::cannot("search for programs", error))?;
    joined.into_string().map_err(|_| Error::new("PATH is no text"))
}
