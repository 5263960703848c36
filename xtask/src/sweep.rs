//! `cargo xtask sweep`: the tests that draw numbers, for longer.

use std::ffi::OsString;

use xtask::process::{cargo, run};
use xtask::{Error, Result, wasm_target};

/// Random histories with one seed take seconds, and so does fuzzing with one.
const MUTATIONS: u64 = 2000;
/// Random containers of the stress test take milliseconds.
const CONTAINERS: u64 = 50;
/// Random work of a model takes some hundredths of a second.
const CASES: u64 = 20;
/// Seconds of killing for each seed.
const KILL_SECONDS: u64 = 10;

/// Runs crash sweeps, failure sweeps, models, fuzzing, stress and kills with `--seeds N` seeds, and prints how much
/// was tried.
pub(crate) fn sweep(arguments: &[OsString]) -> Result<()> {
    let seeds = match arguments {
        [] => 20,
        [name, number] if name == "--seeds" => number
            .to_str()
            .and_then(|number| number.parse::<u64>().ok())
            .filter(|number| *number > 0)
            .ok_or_else(|| Error::new("--seeds takes a number"))?,
        _ => return Err(Error::new("takes --seeds N")),
    };
    wasm_target::ensure()?;
    const STORE: &[&str] = &["crash::", "histories::", "fuzz::", "model::", "stress::"];
    const HOST: &[&str] = &["kills::", "model::", "contract::"];
    for (package, test, filters) in [("loosepack", "store", STORE), ("loosepack-host", "host", HOST)] {
        run(cargo()
            .args(["test", "--release", "--locked", "--package", package, "--test", test, "--", "--nocapture"])
            .args(filters)
            .env("LOOSEPACK_SEEDS", seeds.to_string())
            .env("LOOSEPACK_STRESS", (seeds * CONTAINERS).to_string())
            .env("LOOSEPACK_CASES", (seeds * CASES).to_string())
            .env("LOOSEPACK_FUZZ", (seeds * MUTATIONS).to_string())
            .env("LOOSEPACK_KILL_SECONDS", (seeds * KILL_SECONDS).to_string()))?;
    }
    Ok(())
}
