//! `cargo xtask reproducible`: whether the components are the same, byte for byte, wherever they are built.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{cargo, output, run};
use crate::{Error, Result, components, files, workspace};

/// Builds the components in another folder, with another home of cargo, and compares them with those of this folder.
/// Takes some minutes.
pub fn check() -> Result<()> {
    components::build()?;
    let folder = workspace::target().join("reproducible");
    files::remove_dir(&folder)?;
    // Of another length than the workspace's own, so that a path that gets into a component moves what is behind it.
    let (tree, home) = (folder.join("another/folder/of/the/same/sources"), folder.join("home"));
    copy_sources(&tree)?;
    let made = tree.join("dist");
    let mut build = cargo();
    build.args(["run", "--release", "--locked", "--quiet", "--package", "loosepack-artifacts", "--"]).arg(&made);
    build.current_dir(&tree).env_remove("CARGO_TARGET_DIR");
    if link_home(&home)? {
        build.env("CARGO_HOME", &home);
    }
    run(&mut build)?;
    let mut differ = Vec::new();
    for path in files::list(&made)? {
        let name = path.file_name().unwrap_or_default();
        if let Some(difference) = difference(&workspace::dist().join(name), &path)? {
            differ.push(format!("{}: {difference}", name.display()));
        }
    }
    if !differ.is_empty() {
        let list = differ.join("\n");
        return Err(Error::new(format!("components differ from those built in {}:\n{list}", tree.display())));
    }
    println!("the components are the same, byte for byte, built in {}", tree.display());
    files::remove_dir(&folder)
}

/// Copies what git knows, or would if it was added, as it is in the working tree.
fn copy_sources(tree: &Path) -> Result<()> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(workspace::root());
    for name in output(&mut git)?.split('\0').filter(|name| !name.is_empty()) {
        let (from, to) = (workspace::root().join(name), tree.join(name));
        files::create_dir(to.parent().unwrap_or(tree))?;
        match fs::read_link(&from) {
            Ok(target) => link(&target, &to)?,
            // One that was removed and is still in the index.
            Err(_) if !from.exists() => {}
            Err(_) => files::copy(&from, &to)?,
        }
    }
    Ok(())
}

/// Makes another name of cargo's home, so that its sources have other paths; whether the system can do that.
fn link_home(name: &Path) -> Result<bool> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let home = home.ok_or_else(|| Error::new("there is no home of cargo: set CARGO_HOME"))?;
    if cfg!(unix) {
        link(&home, name)?;
    }
    Ok(cfg!(unix))
}

fn link(target: &Path, name: &Path) -> Result<()> {
    #[cfg(unix)]
    let linked = std::os::unix::fs::symlink(target, name);
    #[cfg(not(unix))]
    let linked = std::os::windows::fs::symlink_dir(target, name);
    linked.map_err(|error| Error::cannot(format_args!("make the link {}", name.display()), error))
}

/// Where two files differ first, in words; `None` when they are the same.
fn difference(one: &Path, other: &Path) -> Result<Option<String>> {
    let read =
        |path: &Path| fs::read(path).map_err(|error| Error::cannot(format_args!("read {}", path.display()), error));
    let (one, other) = (read(one)?, read(other)?);
    let at = one.iter().zip(&other).position(|(one, other)| one != other);
    Ok(match at {
        Some(at) => Some(format!("different from byte {at} on")),
        None if one.len() != other.len() => Some(format!("{} and {} bytes", one.len(), other.len())),
        None => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_told() {
        let folder = workspace::target().join("tmp").join(format!("difference-{}", std::process::id()));
        files::create_dir(&folder).unwrap();
        let [one, other] = ["one", "other"].map(|name| folder.join(name));
        for (a, b, expected) in [
            ("same", "same", None),
            ("same", "some", Some("different from byte 1 on")),
            ("same", "same again", Some("4 and 10 bytes")),
        ] {
            files::write(&one, a).unwrap();
            files::write(&other, b).unwrap();
            assert_eq!(difference(&one, &other).unwrap().as_deref(), expected);
        }
        files::remove_dir(&folder).unwrap();
    }
}
