//! The page `docs/explorer`: the component as JavaScript for browsers, and the page's own files beside it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::node;
use crate::process::{output, run};
use crate::{Error, Result, files, workspace};

/// Endings of the files that the page consists of.
const ENDINGS: [&str; 3] = ["html", "css", "js"];

/// Makes the page with this component in `target/explorer/`, and returns that folder.
pub(super) fn build(component: &Path) -> Result<PathBuf> {
    let page = workspace::target().join("explorer");
    files::remove_dir(&page)?;
    let transpiled = page.join("component");
    let mut transpile = node::jco();
    transpile.arg("transpile").arg(component).arg("--out-dir").arg(&transpiled);
    output(transpile.args(["--instantiation", "async", "--no-nodejs-compat", "--minify"]))?;
    let is_part = |path: &Path| path.extension().is_some_and(|ending| ENDINGS.iter().any(|part| ending == *part));
    for path in files::list(&workspace::root().join("docs/explorer"))?.into_iter().filter(|path| is_part(path)) {
        let name = path.file_name().ok_or_else(|| Error::new(format!("{} has no name", path.display())))?;
        files::write(&page.join(name), files::read(&path)?)?;
    }
    Ok(page)
}

/// Builds the page and runs its tests: in Chromium, where there is one.
pub(super) fn test(component: &Path) -> Result<()> {
    build(component)?;
    let tests = node::test_files(&workspace::root().join("tests/explorer"))?;
    run(Command::new("node").current_dir(workspace::root()).arg("--test").args(tests))
}
