//! How components are compiled. Shared with the build script: code compiled ahead of time fits only an engine of the same
//! settings.

use wasmtime::{Config, Engine, OptLevel};

/// An engine for loosepack's components.
pub(crate) fn new() -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config.wasm_component_model(true);
    config.cranelift_opt_level(OptLevel::Speed);
    // Addresses serve backtraces alone, and would make up a third of the code to load at each start.
    config.generate_address_map(false);
    // Lets a call be stopped at its deadline. What the checks cost is less than the noise of a measurement.
    config.epoch_interruption(true);
    Engine::new(&config)
}
