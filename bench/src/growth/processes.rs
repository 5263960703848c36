//! Whole processes: how long they take, and the most memory they have.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use loosepack::ObjectId;

use super::{Filled, Value};
use crate::Result;
use crate::process::cold;
use crate::side::ensure;
use crate::system::{helper, program};

/// Fills the container.
pub(super) fn fill(folder: &Path, objects: u64) -> Result<Vec<Value>> {
    let mut fill = Command::new(std::env::current_exe()?);
    fill.arg("--fill").arg(folder).arg(objects.to_string());
    weigh("fill, by `add_many` to packs", objects, &fill, Stdio::null(), Stdio::null())
}

/// Measures the command.
pub(super) fn measure(filled: &Filled<'_>) -> Result<Vec<Value>> {
    let Filled { folder, objects, ids, sizes } = filled;
    let program = program("loosepack")?;
    let start = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.arg("-C").arg(folder).args(arguments);
        command
    };
    let got = cold(ids.len(), |number| Ok((start(&["get", &ids[number].to_string()]), sizes[number])))?;
    let mut values = vec![("cold `loosepack get`".into(), "ms", got.as_secs_f64() * 1e3)];
    let one = start(&["get", &ids[0].to_string()]);
    values.extend(weigh("cold `loosepack get`", 1, &one, Stdio::null(), Stdio::null())?.pop());

    let listed = folder.with_file_name("listed");
    let list = start(&["ls"]);
    values.extend(weigh("`loosepack ls`", *objects, &list, Stdio::null(), File::create(&listed)?.into())?);
    let expected = objects * (ObjectId::HEX_LEN as u64 + 1);
    ensure(fs::metadata(&listed)?.len() == expected, "`loosepack ls` did not list all objects")?;
    let read = start(&["get", "-"]);
    values.extend(weigh("`loosepack get -` of all", *objects, &read, File::open(&listed)?.into(), Stdio::null())?);
    fs::remove_file(&listed)?;
    Ok(values)
}

/// Runs a program: microseconds an object, and the most memory it had.
fn weigh(what: &str, objects: u64, command: &Command, input: Stdio, output: Stdio) -> Result<Vec<Value>> {
    let report = std::env::temp_dir().join(format!("loosepack-bench-{}", std::process::id()));
    let mut weighing = helper()?;
    weighing.arg("weigh").arg(&report).arg(command.get_program()).args(command.get_args());
    let start = Instant::now();
    let status = weighing.stdin(input).stdout(output).status()?;
    let micros = start.elapsed().as_secs_f64() * 1e6 / objects as f64;
    ensure(status.success(), &format!("{what}: the program failed"))?;
    let bytes: f64 = fs::read_to_string(&report)?.parse()?;
    fs::remove_file(&report)?;
    let memory = if bytes > 0.0 { bytes / f64::from(1 << 20) } else { f64::NAN };
    Ok(vec![(what.into(), "us an object", micros), (format!("{what}: peak memory"), "MiB", memory)])
}
