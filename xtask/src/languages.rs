//! The tests in other languages, and what they need: everything at a pinned version and inside `target/`.

mod explorer;
mod node;
mod python;

use std::path::PathBuf;

use crate::{Error, Result, components, workspace};

/// Sets up Python and Node for the tests; what is right already stays.
pub fn ensure() -> Result<()> {
    python::ensure()?;
    node::ensure()
}

/// Builds the wheel of the Python package, and tests it.
pub fn python_package() -> Result<()> {
    python::ensure()?;
    python::test_package()
}

/// Builds the package for Node from the portable component in `dist/`, and tests it.
pub fn node_package() -> Result<()> {
    node::ensure()?;
    node::test_package(&portable()?)
}

/// Makes the page `docs/explorer` in `target/explorer/`, with the portable component, which is built first.
pub fn explorer() -> Result<()> {
    components::build()?;
    node::ensure()?;
    let page = explorer::build(&components::portable())?;
    println!("made {}: any web server can serve it", page.display());
    Ok(())
}

/// Runs the tests in Python, in Node and in a browser against the portable component in `dist/`.
pub fn test() -> Result<()> {
    ensure()?;
    let component = portable()?;
    python::test(&component)?;
    python::test_package()?;
    node::test(&component)?;
    node::test_package(&component)?;
    explorer::test(&component)
}

/// Makes the wheel and the sdist of the Python package in `dist/python/`.
pub(crate) fn release_python() -> Result<()> {
    python::ensure()?;
    python::release(&workspace::dist().join("python"))
}

/// Makes the npm package in `dist/npm/`.
pub(crate) fn release_node() -> Result<()> {
    node::ensure()?;
    node::release(&portable()?, &workspace::dist().join("npm"))
}

/// Installs the packages in `dist/` in clean folders and runs the examples of their READMEs.
pub(crate) fn try_release() -> Result<()> {
    python::try_release(&workspace::dist().join("python"))?;
    node::try_release(&workspace::dist().join("npm"))
}

fn portable() -> Result<PathBuf> {
    let component = components::portable();
    if component.is_file() {
        return Ok(component);
    }
    Err(Error::new(format!("{} is missing: run `cargo xtask components`", component.display())))
}
