//! The component inside this library.

use loosepack_artifacts::STORE;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::engine;

/// The component as the build script compiled it, aligned to a page of memory so that it can be executed in place.
static COMPILED: &Page<[u8]> = &Page(*include_bytes!(concat!(env!("OUT_DIR"), "/loosepack-store.cwasm")));

/// The same with checks that let a call be stopped at its deadline.
static WITH_DEADLINES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/loosepack-store-deadlines.cwasm"));

#[repr(C, align(4096))]
struct Page<T: ?Sized>(T);

/// The component, ready to run, and the engine that runs it. `deadlines`: calls can be stopped at a deadline.
///
/// It is compiled now, which takes some tenths of a second, if what was compiled ahead of time does not fit this
/// system.
pub(crate) fn load(deadlines: bool) -> wasmtime::Result<(Engine, Component)> {
    let mut config = engine::config(deadlines);
    if address_space_is_limited() {
        // By default 4 GiB of addresses are reserved for each memory, so that accesses need no check.
        config.memory_reservation(0).memory_guard_size(0).memory_reservation_for_growth(64 << 20);
    }
    let engine = (!deadlines && in_place::allow(&mut config)).then(|| Engine::new(&config)).transpose()?;
    if let Some(engine) = engine
        && let Ok(component) = in_place::load(&engine)
    {
        return Ok((engine, component));
    }
    config.with_custom_code_memory(None);
    let engine = Engine::new(&config)?;
    let compiled = if deadlines { WITH_DEADLINES } else { &COMPILED.0 };
    let component = copy(&engine, compiled).or_else(|_| Component::new(&engine, STORE))?;
    Ok((engine, component))
}

/// Loads a copy of what was compiled ahead of time.
fn copy(engine: &Engine, compiled: &'static [u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes were made by `Engine::precompile_component` in the build script and are part of this
    // executable. wasmtime checks version, settings and processor features.
    unsafe { Component::deserialize(engine, compiled) }
}

/// Returns whether this process may have few addresses, as `ulimit -v` of batch systems has it.
fn address_space_is_limited() -> bool {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit};
        /// Enough for the default reservation, and all else.
        const ENOUGH: u64 = 16 << 30;
        getrlimit(Resource::As).current.is_some_and(|limit| limit < ENOUGH)
    }
    #[cfg(not(unix))]
    false
}

/// Running the compiled code where it lies in this executable: copying it would take longer than all else of a cold
/// start.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod in_place {
    use std::ffi::c_void;
    use std::ptr::NonNull;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::mm::{MprotectFlags, mprotect};
    use wasmtime::component::Component;
    use wasmtime::{Config, CustomCodeMemory, Engine};

    use super::COMPILED;

    /// wasmtime knows code by its address: one engine at most executes what lies here, the first, and others copy it.
    static TAKEN: AtomicBool = AtomicBool::new(false);

    /// Has an engine execute code that lies in this executable; whether that can be.
    pub(super) fn allow(config: &mut Config) -> bool {
        let possible = rustix::param::page_size() == align_of_val(COMPILED) && !TAKEN.swap(true, Ordering::Relaxed);
        if possible {
            config.with_custom_code_memory(Some(Arc::new(Pages)));
        }
        possible
    }

    pub(super) fn load(engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: as in `copy`; and a static is there, and the same, as long as the process lives.
        unsafe { Component::deserialize_raw(engine, NonNull::from(&COMPILED.0)) }
    }

    /// Pages of this executable's read-only data.
    struct Pages;

    impl CustomCodeMemory for Pages {
        fn required_alignment(&self) -> usize {
            align_of_val(COMPILED)
        }

        fn publish_executable(&self, start: *const u8, len: usize) -> wasmtime::Result<()> {
            // SAFETY: the pages are part of `COMPILED`, which stays readable and is never written to. What else lies
            // in the last of them is data of this executable, which nothing jumps to.
            Ok(unsafe { mprotect(start as *mut c_void, len, MprotectFlags::READ | MprotectFlags::EXEC) }?)
        }

        /// The code stays executable: nothing else is written there.
        fn unpublish_executable(&self, _: *const u8, _: usize) -> wasmtime::Result<()> {
            Ok(())
        }
    }
}

/// Other systems copy.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
mod in_place {
    use wasmtime::component::Component;
    use wasmtime::{Config, Engine};

    pub(super) fn allow(_: &mut Config) -> bool {
        false
    }

    pub(super) fn load(_: &Engine) -> wasmtime::Result<Component> {
        Err(wasmtime::Error::msg("the code is not executed where it lies"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_compiled_ahead_of_time_fits_the_machine_that_compiled_it() {
        for (deadlines, compiled) in [(false, &COMPILED.0), (true, WITH_DEADLINES)] {
            copy(&Engine::new(&engine::config(deadlines)).unwrap(), compiled).unwrap();
        }
        let mut config = engine::config(false);
        if in_place::allow(&mut config) {
            in_place::load(&Engine::new(&config).unwrap()).unwrap();
        }
    }

    /// A wheel, or an archive of the command, is built on one machine and runs on others.
    #[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
    #[test]
    fn what_was_compiled_ahead_of_time_fits_processors_older_than_the_one_that_compiled_it() {
        let fits = |processor: fn(&str) -> Option<bool>| {
            [(false, &COMPILED.0), (true, WITH_DEADLINES)].map(|(deadlines, compiled)| {
                let mut config = engine::config(deadlines);
                // Given a target, the engine asks for nothing of this machine's processor.
                config.target("x86_64-unknown-linux-gnu").unwrap();
                // SAFETY: this processor has what the code needs, as the test before this one shows; and none of it runs.
                unsafe { config.detect_host_feature(processor) };
                copy(&Engine::new(&config).unwrap(), compiled).is_ok()
            })
        };
        assert_eq!(fits(|feature| Some(["sse3", "ssse3", "sse4.1", "sse4.2", "popcnt"].contains(&feature))), [true; 2]);
        // The first x86-64 has none of these: there the component is compiled when it is loaded.
        assert_eq!(fits(|_| Some(false)), [false; 2]);
    }

    #[test]
    fn several_engines_run_the_same_code() {
        let (first, second) = (load(false).unwrap(), load(true).unwrap());
        drop(first);
        drop(load(false).unwrap());
        drop(second);
    }

    #[test]
    fn code_that_does_not_fit_is_compiled_anew() {
        let mut config = engine::config(false);
        config.memory_reservation(0).memory_guard_size(0);
        let other = Engine::new(&config).unwrap();
        assert!(copy(&other, &COMPILED.0).is_err());
        Component::new(&other, STORE).unwrap();
    }
}
