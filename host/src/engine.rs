//! How the component is compiled. Shared with the build script: code compiled ahead of time fits only an engine of the
//! same settings.

use wasmtime::{Config, OptLevel};

/// The settings of an engine for loosepack's component. `deadlines`: a call can be stopped at its deadline, which costs a
/// tenth of the speed.
pub(crate) fn config(deadlines: bool) -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true);
    config.cranelift_opt_level(OptLevel::Speed);
    // Addresses serve backtraces alone, and would make up a third of the code to load at each start.
    config.generate_address_map(false);
    // The component's initial memory is some kilobytes: copying them is cheaper than making a file of them, which also
    // fails where the size of files is limited (`ulimit -f`).
    config.memory_init_cow(false);
    config.epoch_interruption(deadlines);
    config
}
