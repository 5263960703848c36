//! Compiles the component ahead of time.

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;

#[path = "src/engine.rs"]
mod engine;

/// The features of x86-64-v2, which processors have since 2009. Without them, code for WebAssembly's vectors takes up to
/// twice the time. An older processor compiles the component when it starts.
const X86_64_V2: [&str; 5] = ["has_sse3", "has_ssse3", "has_sse41", "has_sse42", "has_popcnt"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/engine.rs");
    // Where the package `loosepack-artifacts` has put the components.
    let components = env::var_os("DEP_LOOSEPACK_ARTIFACTS_DIR").ok_or("loosepack-artifacts says where they are")?;
    let component = Path::new(&components).join("loosepack-store.wasm");
    println!("cargo::rerun-if-changed={}", component.display());
    let out = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    let component = fs::read(component)?;
    for (deadlines, name) in [(false, "loosepack-store.cwasm"), (true, "loosepack-store-deadlines.cwasm")] {
        let mut config = engine::config(deadlines);
        config.target(&env::var("TARGET")?)?;
        if env::var("CARGO_CFG_TARGET_ARCH")? == "x86_64" {
            X86_64_V2.iter().for_each(|feature| {
                // SAFETY: code that has the feature is only loaded where the processor has it, which wasmtime checks.
                unsafe { config.cranelift_flag_enable(feature) };
            });
        }
        let compiled = wasmtime::Engine::new(&config)?.precompile_component(&component)?;
        fs::write(Path::new(&out).join(name), compiled)?;
    }
    Ok(())
}
