//! The component, the Rust API and the command, in the native host.

/// The Rust API of the host.
mod api;
/// `batch` and `get --batch`, as programs drive them.
mod batch;
/// The command, as a user types it.
mod command;
/// What the components import, and that WASI alone is enough for two of them.
mod components;
/// Threads and processes at work on one container.
mod concurrency;
/// Random untyped calls of the whole contract: answered, never a trap.
mod contract;
/// Files written where a list wants them; what `import` and `export` refuse.
mod export;
/// Containers whose files are filled when they are read.
#[cfg(unix)]
mod fetching;
/// Planted links, pipes and devices, met by the component.
#[cfg(unix)]
mod hostile;
/// What `add` takes: pipes, commands, patterns, file systems.
#[cfg(unix)]
mod inputs;
/// Signals, and too few open files.
#[cfg(unix)]
mod interrupt;
/// Processes killed at random moments.
#[cfg(unix)]
mod kills;
/// Objects larger than memory.
mod large;
/// Limits of the sandbox: what the component cannot do.
mod limits;
/// The component in the linker of another program.
#[cfg(unix)]
mod linker;
/// The pack lock across processes, with and without locks of the operating system.
#[cfg(unix)]
mod locks;
/// Random work compared with a map, through the components.
mod model;
/// Odd names, inputs and outputs of the command.
#[cfg(unix)]
mod odd;
/// The page of `status --html`.
mod page;
/// Things put in place of files and directories; shared with the tests of the store.
#[cfg(unix)]
#[path = "../planted/mod.rs"]
mod planted;
/// The model and its random steps; shared with the tests of the store.
#[path = "../random_work/mod.rs"]
mod random_work;
/// `serve`: objects by HTTP.
mod serve;
/// Containers that a group shares.
#[cfg(unix)]
mod shared;
/// The command in a stock WASI runtime.
mod stock;
/// Helpers.
mod support;
/// Collecting, repacking, backing up, mending.
mod upkeep;
/// `verify` and `reindex` of the command.
mod verify;
