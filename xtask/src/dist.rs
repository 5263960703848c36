//! `cargo xtask dist`: the components that are released.

use std::fs;

use crate::components::{self, Component};
use crate::{Error, Result, wasm_target, workspace};

/// The released components. The store comes last of the two libraries, because they share one place in cargo's target
/// folder and the host's build asks for the store next.
const RELEASED: &[Component] = &[Component::Portable, Component::Store, Component::Command];

/// Builds the released components into `dist/` and prints the size of each.
pub fn run() -> Result<()> {
    wasm_target::ensure()?;
    for path in components::build(RELEASED, &workspace::dist())? {
        let size = fs::metadata(&path)
            .map_err(|error| Error::cannot(format_args!("look at {}", path.display()), error))?
            .len();
        let shown = path.strip_prefix(workspace::root()).unwrap_or(&path);
        println!("{:<32} {size:>9} bytes {:>6} KiB", shown.display(), size.div_ceil(1024));
    }
    Ok(())
}
