//! Whole processes: what a program takes from its start to its end.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;
use crate::side::ensure;

/// Processes whose median is one cold start.
const COLD_STARTS: usize = 21;

/// Runs a program with this file as its standard input. Returns the time it took and what it printed.
pub fn whole(command: &mut Command, input: Option<&Path>) -> Result<(Duration, Vec<u8>)> {
    let input = match input {
        Some(path) => File::open(path)?.into(),
        None => Stdio::null(),
    };
    command.stdin(input).stderr(Stdio::inherit());
    let began = Instant::now();
    let output = command.output()?;
    let time = began.elapsed();
    ensure(output.status.success(), &format!("{command:?} failed"))?;
    Ok((time, output.stdout))
}

/// The median time of processes that each print one of `objects` objects. `prepare` makes the command for an object,
/// and returns the number of bytes it must print.
pub fn cold(objects: usize, prepare: impl Fn(usize) -> Result<(Command, usize)>) -> Result<Duration> {
    let mut times = Vec::new();
    for start in 0..COLD_STARTS {
        let (mut command, size) = prepare(start * objects / COLD_STARTS)?;
        let (time, printed) = whole(&mut command, None)?;
        ensure(printed.len() == size, "a cold start did not print the object")?;
        times.push(time);
    }
    times.sort();
    Ok(times[times.len() / 2])
}
