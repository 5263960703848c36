//! Limits of a component.

use std::io;
use std::thread;
use std::time::Duration;

use wasmtime::Engine;

/// Limits of a component. One that exceeds them is stopped: the call fails, and so do all later calls of that handle.
/// The container stays sound, as after a kill; open it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Memory in bytes, for each handle. The store's own bounds are far below the default of 512 MiB; what an object
    /// that is read or written in one piece takes comes on top of them.
    pub memory: usize,
    /// How long one call of the component may run. It is stopped as soon as it runs code of its own after that: a file
    /// operation of the system that takes longer is waited for. By default there is no such limit.
    pub call: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { memory: 512 << 20, call: None }
    }
}

/// A deadline is met with a precision of this part of it.
const PRECISION: u32 = 8;
/// The clock need not tick faster: it would only cost.
const TICK_MIN: Duration = Duration::from_millis(1);
/// A clock ticks at least this often, so that it ends soon after its engine.
const TICK_MAX: Duration = Duration::from_secs(1);

impl Limits {
    /// Ticks of the clock after which a call is stopped.
    pub(crate) fn call_ticks(&self) -> u64 {
        // Half the range of the counter: never reached, and adding it to the present value does not overflow.
        const NEVER: u64 = u64::MAX / 2;
        self.call.map_or(NEVER, |call| {
            let ticks = call.as_nanos() / tick(call).as_nanos();
            // The one that is under way may end at once.
            u64::try_from(ticks).unwrap_or(NEVER).min(NEVER) + 1
        })
    }

    /// Starts the clock of an engine, if there is a deadline. It ends when the engine is gone.
    pub(crate) fn start_clock(&self, engine: &Engine) -> io::Result<()> {
        let Some(call) = self.call else { return Ok(()) };
        let engine = engine.weak();
        let clock = move || {
            loop {
                thread::sleep(tick(call));
                match engine.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => break,
                }
            }
        };
        thread::Builder::new().name("loosepack-clock".into()).spawn(clock).map(drop)
    }
}

fn tick(call: Duration) -> Duration {
    (call / PRECISION).clamp(TICK_MIN, TICK_MAX)
}
