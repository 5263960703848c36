//! The tests in other languages, and what they need: everything at a pinned version and inside `target/`.

mod explorer;
mod node;
mod plugin;
mod python;
mod together;

use std::path::PathBuf;

use crate::{Error, Result, components, wasm_target, workspace};

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

/// Builds the commands of `examples/plugin`, composes them with the portable component in `dist/`, and tests them.
pub fn plugin() -> Result<()> {
    wasm_target::ensure()?;
    ensure()?;
    plugin::build(&portable()?)?;
    plugin::test()
}

/// Sets all hosts to work on one container: the command, the packages for Python and Node, the plugin, and the portable
/// command.
pub fn together() -> Result<()> {
    ensure()?;
    portable()?;
    together::test()
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
    explorer::test(&component)?;
    plugin::build(&component)?;
    plugin::test()?;
    together::test()
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

/// The portable component. All that `cargo xtask components` makes must be there.
fn portable() -> Result<PathBuf> {
    for needed in [components::portable(), components::command(), components::wit_package()] {
        if !needed.is_file() {
            return Err(Error::new(format!("{} is missing: run `cargo xtask components`", needed.display())));
        }
    }
    Ok(components::portable())
}
