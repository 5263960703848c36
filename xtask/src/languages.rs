//! The tests in other languages, and what they need: everything at a pinned version and inside `target/`.

mod explorer;
mod node;
mod python;

use crate::{Error, Result, dist};

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

/// Makes the page `docs/explorer` in `target/explorer/`, with the portable component in `dist/`.
pub fn explorer() -> Result<()> {
    node::ensure()?;
    if !dist::portable().is_file() {
        dist::run_dist()?;
    }
    let page = explorer::build(&dist::portable())?;
    println!("made {}: any web server can serve it", page.display());
    Ok(())
}

/// Runs the tests in Python, in Node and in a browser against the portable component in `dist/`.
pub fn test() -> Result<()> {
    ensure()?;
    let component = dist::portable();
    if !component.is_file() {
        return Err(Error::new(format!("{} is missing: run `cargo xtask dist`", component.display())));
    }
    python::test(&component)?;
    python::test_package()?;
    node::test(&component)?;
    explorer::test(&component)
}
