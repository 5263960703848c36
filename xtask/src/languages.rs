//! The tests in other languages, and what they need: everything at a pinned version and inside `target/`.

mod explorer;
mod node;
mod plugin;
mod python;
mod together;

use std::path::PathBuf;

use crate::{Error, Result, dist, wasm_target};

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
    wasm_target::ensure()?;
    dist::run_dist()?;
    node::ensure()?;
    let page = explorer::build(&dist::portable())?;
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

/// The portable component. All that `cargo xtask dist` makes must be there.
fn portable() -> Result<PathBuf> {
    for needed in [dist::portable(), dist::command(), dist::wit_package()] {
        if !needed.is_file() {
            return Err(Error::new(format!("{} is missing: run `cargo xtask dist`", needed.display())));
        }
    }
    Ok(dist::portable())
}
