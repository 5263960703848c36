//! The component inside this library.

use wasmtime::Engine;
use wasmtime::component::Component;

/// A component: its bytes, and what the build script compiled of them.
pub(crate) struct Embedded {
    wasm: &'static [u8],
    compiled: &'static [u8],
}

/// The library component.
pub(crate) const STORE: Embedded = Embedded {
    wasm: include_bytes!(concat!(env!("OUT_DIR"), "/loosepack-store.wasm")),
    compiled: include_bytes!(concat!(env!("OUT_DIR"), "/loosepack-store.cwasm")),
};

impl Embedded {
    /// The component, ready to run. Compiled now, which takes some tenths of a second, if what was compiled ahead of time
    /// does not fit this processor.
    pub(crate) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: the bytes were made by `Engine::precompile_component` in the build script and are part of this
        // executable. wasmtime checks version, settings and processor features.
        let loaded = unsafe { Component::deserialize(engine, self.compiled) };
        loaded.or_else(|_| Component::new(engine, self.wasm))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_compiled_ahead_of_time_fits_the_machine_that_compiled_it() {
        let engine = crate::engine::new().unwrap();
        // SAFETY: as in `load`.
        unsafe { Component::deserialize(&engine, STORE.compiled) }.unwrap();
    }

    #[test]
    fn code_that_does_not_fit_is_compiled_anew() {
        let mut config = wasmtime::Config::new();
        config.wasm_component_model(true).cranelift_opt_level(wasmtime::OptLevel::None).wasm_multi_memory(false);
        let other = Engine::new(&config).unwrap();
        // SAFETY: as in `load`.
        assert!(unsafe { Component::deserialize(&other, STORE.compiled) }.is_err());
        STORE.load(&other).unwrap();
    }
}
