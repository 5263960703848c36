//! How the component is compiled. Shared with the build script: code compiled ahead of time fits only an engine of the
//! same settings.

use wasmtime::{Config, OptLevel};

/// The settings of an engine for loosepack's component.
pub(crate) fn config() -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true);
    config.cranelift_opt_level(OptLevel::Speed);
    // Addresses serve backtraces alone, and would make up a third of the code to load at each start.
    config.generate_address_map(false);
    // The component's initial memory is some kilobytes: copying them is cheaper than making a file of them, which also
    // fails where the size of files is limited (`ulimit -f`).
    config.memory_init_cow(false);
    // Lets a call be stopped at its deadline. What the checks cost is less than the noise of a measurement.
    config.epoch_interruption(true);
    config
}
