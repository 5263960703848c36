//! Calls of one object each, inside this process.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::time::Instant;

use loosepack::{Durability, ObjectId};

use super::{Filled, Value};
use crate::Result;
use crate::side::{ensure, sha256};
use crate::sides::loosepack::{Way, ways};
use crate::suites::median;

/// Bytes that a lookup reads of a run.
const READ: usize = 2048;
/// Openings whose median is one number.
const OPENINGS: usize = 101;

pub(super) fn measure(filled: &Filled<'_>) -> Result<Vec<Value>> {
    let mut values = vec![bare_read(filled)?];
    for (name, way) in ways()? {
        values.extend(calls(name, &*way, filled)?);
    }
    Ok(values)
}

fn calls(name: &str, way: &dyn Way, Filled { folder, ids, sizes, .. }: &Filled<'_>) -> Result<Vec<Value>> {
    let mut values = Vec::new();
    let mut add = |what: &str, micros: f64| values.push((format!("{name}: {what}"), "us", micros));
    add("open", each(&[(); OPENINGS], |_, ()| way.open(folder, Durability::Full).map(drop))?);
    let store = way.open(folder, Durability::Full)?;
    add("get", each(ids, |number, id| ensure(store.get(id)?.len() == sizes[number], "an object is not as it was"))?);
    add("has", each(ids, |_, id| ensure(store.contains(&[*id])? == [true], "an object is missing"))?);
    let absent: Vec<ObjectId> = ids.iter().map(|id| sha256(id.as_bytes())).collect();
    add("has, absent", each(&absent, |_, id| ensure(store.contains(&[*id])? == [false], "an object is not absent"))?);
    add(
        "info",
        each(ids, |number, id| {
            let info = store.info_many(&[*id])?.pop().flatten();
            ensure(info.is_some_and(|info| info.size == sizes[number] as u64), "a size is not as it was")
        })?,
    );
    Ok(values)
}

/// What the least there is to do for a lookup takes: one call that reads as much of the largest run as a lookup does, at a
/// random place. That a large file is not in the processor's cache shows here as well.
fn bare_read(Filled { folder, ids, .. }: &Filled<'_>) -> Result<Value> {
    let mut runs = Vec::new();
    for entry in fs::read_dir(folder.join("index"))? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("run-") {
            runs.push((entry.metadata()?.len(), entry.path()));
        }
    }
    let (len, path) = runs.into_iter().max().ok_or("there is no run: the container is too small")?;
    let (mut file, mut buffer) = (File::open(path)?, [0; READ]);
    let places = len.saturating_sub(READ as u64).max(1);
    let time = each(ids, |_, id| {
        let random = id.as_bytes().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
        file.seek(SeekFrom::Start(random % places))?;
        Ok(file.read_exact(&mut buffer)?)
    })?;
    Ok(("bare read of 2 KB of the index".into(), "us", time))
}

/// Microseconds of one operation: the median of all.
fn each<T>(items: &[T], mut run: impl FnMut(usize, &T) -> Result<()>) -> Result<f64> {
    let mut times = Vec::with_capacity(items.len());
    for (number, item) in items.iter().enumerate() {
        let start = Instant::now();
        run(number, item)?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    median(&times).ok_or_else(|| "nothing was measured".into())
}
