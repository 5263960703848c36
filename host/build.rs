//! Builds the component, and compiles it ahead of time for any processor of the target.

use std::error::Error;
use std::fs;
use std::path::Path;

use xtask::components::{self, Component};

#[path = "src/engine.rs"]
mod engine;

fn main() -> Result<(), Box<dyn Error>> {
    for path in components::sources() {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    println!("cargo::rerun-if-changed=src/engine.rs");
    let out = std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    let mut config = engine::config();
    // For any processor of this kind, not just the one that builds.
    config.target(&std::env::var("TARGET")?)?;
    let engine = wasmtime::Engine::new(&config)?;
    for wasm in components::build(&[Component::Store], Path::new(&out))? {
        let compiled = engine.precompile_component(&fs::read(&wasm)?)?;
        fs::write(wasm.with_extension("cwasm"), compiled)?;
    }
    Ok(())
}
