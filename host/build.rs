//! Compiles the component ahead of time, for any processor of the target.

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;

#[path = "src/engine.rs"]
mod engine;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/engine.rs");
    // Where the package `loosepack-artifacts` has put the components.
    let components = env::var_os("DEP_LOOSEPACK_ARTIFACTS_DIR").ok_or("loosepack-artifacts says where they are")?;
    let component = Path::new(&components).join("loosepack-store.wasm");
    println!("cargo::rerun-if-changed={}", component.display());
    let out = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    let mut config = engine::config();
    config.target(&env::var("TARGET")?)?;
    let compiled = wasmtime::Engine::new(&config)?.precompile_component(&fs::read(component)?)?;
    fs::write(Path::new(&out).join("loosepack-store.cwasm"), compiled)?;
    Ok(())
}
