//! Native logic (`CapDir`) against the component in the host, side by side: each round runs both, in turns.
//!
//! `cargo xtask bench [--objects N] [--rounds N] [--dir DIR]` prints a table in Markdown: microseconds an object, the
//! medians of all rounds, and their ratio. Nothing is flushed to the device, so that the store is measured and not the
//! disk; all reads are verified.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use loosepack::dir::cap::CapDir;
use loosepack::{Compression, Config, Content, Durability, ObjectId, Options};
use loosepack_host::Runtime;

type Anything = Box<dyn std::error::Error>;

fn main() -> Result<(), Anything> {
    let settings = Settings::parse()?;
    let contents = contents(settings.objects);
    let mut times: BTreeMap<(usize, &str), [Vec<Duration>; 2]> = BTreeMap::new();
    let runtime = Runtime::new()?;
    for round in 0..settings.rounds {
        for (side, name) in ["native", "component"].into_iter().enumerate() {
            let folder = settings.folder.join(format!("{round}-{name}"));
            let results = match side {
                0 => native(&folder, &contents)?,
                _ => component(&runtime, &folder, &contents)?,
            };
            for (number, (workload, time)) in results.into_iter().enumerate() {
                times.entry((number, workload)).or_default()[side].push(time);
            }
            std::fs::remove_dir_all(&folder)?;
        }
    }
    println!("| workload, {} objects of 0-1000 bytes | native us | component us | ratio |", contents.len());
    println!("|---|---|---|---|");
    for ((_, workload), sides) in times {
        let [native, component] = sides.map(|times| median(times).as_secs_f64() * 1e6 / contents.len() as f64);
        println!("| {workload} | {native:.2} | {component:.2} | {:.2} |", component / native);
    }
    let cold = cold_get(&settings.folder.join("cold"), settings.rounds * 10)?;
    println!("| cold `loosepack get`, a process | - | {:.0} | - |", cold.as_secs_f64() * 1e6);
    std::fs::remove_dir_all(&settings.folder)?;
    Ok(())
}

struct Settings {
    objects: usize,
    rounds: usize,
    folder: PathBuf,
}

impl Settings {
    fn parse() -> Result<Self, Anything> {
        let folder = std::env::temp_dir().join(format!("loosepack-bench-{}", std::process::id()));
        let mut settings = Settings { objects: 100_000, rounds: 3, folder };
        let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--objects" => settings.objects = value.parse()?,
                "--rounds" => settings.rounds = value.parse()?,
                "--dir" => settings.folder = Path::new(&value).join(format!("loosepack-bench-{}", std::process::id())),
                _ => return Err(format!("{name} is not known: --objects N, --rounds N, --dir DIR are").into()),
            }
        }
        if settings.objects == 0 || settings.rounds == 0 {
            return Err("at least one object and one round are needed".into());
        }
        Ok(settings)
    }
}

/// Objects of 0 to 1000 bytes that differ, from a linear congruential generator (Knuth's MMIX constants).
fn contents(count: usize) -> Vec<Vec<u8>> {
    let mut state = 42_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    (0..count)
        .map(|number| {
            let len = next() % 1001;
            let mut content = format!("{number} ").into_bytes();
            content.resize_with(len.max(content.len()), || next() as u8);
            content
        })
        .collect()
}

/// Part of the objects is added loose: files are far dearer than records.
fn loose_part(contents: &[Vec<u8>]) -> &[Vec<u8>] {
    &contents[..contents.len().div_ceil(10)]
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Runs of one workload, by name.
struct Watch(Vec<(&'static str, Duration)>);

impl Watch {
    /// Time a workload. `share`: how many times fewer objects it has than the others.
    fn time<T>(
        &mut self,
        workload: &'static str,
        share: u32,
        run: impl FnOnce() -> Result<T, Anything>,
    ) -> Result<T, Anything> {
        let start = Instant::now();
        let result = run()?;
        self.0.push((workload, start.elapsed() * share));
        Ok(result)
    }
}

const DIRECT: &str = "direct to packs";
const DIRECT_ZLIB: &str = "direct to packs, compressed";
const READ_MANY: &str = "read many";
const READ_ONE: &str = "read one by one";
const EXISTS: &str = "exists, many";
const LOOSE: &str = "add loose";
const READ_LOOSE: &str = "read one by one, loose";
const PACK_LOOSE: &str = "pack loose";
const CLEAN: &str = "clean";

fn options() -> Options {
    Options { durability: Durability::None, ..Options::default() }
}

fn native(folder: &Path, contents: &[Vec<u8>]) -> Result<Vec<(&'static str, Duration)>, Anything> {
    let create = |name: &str| -> Result<loosepack::Container<CapDir>, Anything> {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(loosepack::Container::create(CapDir::open(folder)?, Config::default(), options())?)
    };
    let mut watch = Watch(Vec::new());
    let direct = |name: &str, compression| -> Result<(loosepack::Container<CapDir>, Vec<ObjectId>), Anything> {
        let container = create(name)?;
        let mut writer = loosepack::PackWriter::open(&container, compression)?;
        let ids = contents.iter().map(|content| writer.add(content)).collect::<Result<_, _>>()?;
        writer.finish()?;
        Ok((container, ids))
    };
    let (container, ids) = watch.time(DIRECT, 1, || direct("direct", Compression::Never))?;
    watch.time(DIRECT_ZLIB, 1, || direct("compressed", Compression::Always))?;
    container.contains(&ids[..1])?;
    watch.time(READ_MANY, 1, || {
        let mut batch = container.read_many(ids.clone())?;
        count(|| Ok(batch.next(&container)?), ids.len())
    })?;
    watch.time(READ_ONE, 1, || Ok(ids.iter().try_for_each(|id| container.get(id).map(drop))?))?;
    watch.time(EXISTS, 1, || Ok(container.contains(&ids)?))?;

    let container = create("loose")?;
    let part = loose_part(contents);
    watch.time(LOOSE, 10, || Ok(part.iter().try_for_each(|content| container.add(content).map(drop))?))?;
    let ids = &ids[..part.len()];
    watch.time(READ_LOOSE, 10, || Ok(ids.iter().try_for_each(|id| container.get(id).map(drop))?))?;
    let run = |mut job: Box<dyn loosepack::Job>| -> Result<(), Anything> {
        while !job.step()?.finished {}
        Ok(())
    };
    watch.time(PACK_LOOSE, 10, || run(Box::new(loosepack::PackLoose::new(&container, Compression::Never)?)))?;
    watch.time(CLEAN, 10, || run(Box::new(loosepack::Clean::new(&container)?)))?;
    Ok(watch.0)
}

fn component(
    runtime: &Runtime,
    folder: &Path,
    contents: &[Vec<u8>],
) -> Result<Vec<(&'static str, Duration)>, Anything> {
    let create = |name: &str| -> Result<loosepack_host::Container, Anything> {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(runtime.create(folder, Config::default(), options())?)
    };
    let mut watch = Watch(Vec::new());
    let direct = |name: &str, compression| -> Result<(loosepack_host::Container, Vec<ObjectId>), Anything> {
        let mut container = create(name)?;
        let mut writer = container.pack_writer(compression)?;
        let mut ids = Vec::with_capacity(contents.len());
        for some in contents.chunks(1000) {
            ids.extend(writer.add_many(some)?);
        }
        writer.finish()?;
        Ok((container, ids))
    };
    let (mut container, ids) = watch.time(DIRECT, 1, || direct("direct", Compression::Never))?;
    watch.time(DIRECT_ZLIB, 1, || direct("compressed", Compression::Always))?;
    container.contains(&ids[..1])?;
    watch.time(READ_MANY, 1, || {
        let mut batch = container.read_many(&ids)?;
        count(|| Ok(batch.next_items()?), ids.len())
    })?;
    watch.time(READ_ONE, 1, || Ok(ids.iter().try_for_each(|id| container.get(id).map(drop))?))?;
    watch.time(EXISTS, 1, || Ok(container.contains(&ids)?))?;

    let mut container = create("loose")?;
    let part = loose_part(contents);
    watch.time(LOOSE, 10, || Ok(part.iter().try_for_each(|content| container.add(content).map(drop))?))?;
    let ids = &ids[..part.len()];
    watch.time(READ_LOOSE, 10, || Ok(ids.iter().try_for_each(|id| container.get(id).map(drop))?))?;
    watch.time(PACK_LOOSE, 10, || Ok(container.pack_loose(Compression::Never)?.finish()?))?;
    watch.time(CLEAN, 10, || Ok(container.clean()?.finish()?))?;
    Ok(watch.0)
}

/// Read a batch to its end; fails unless every object came.
fn count(
    mut next: impl FnMut() -> Result<Vec<(ObjectId, Content)>, Anything>,
    expected: usize,
) -> Result<(), Anything> {
    let mut found = 0;
    loop {
        let items = next()?;
        if items.is_empty() {
            break;
        }
        found += items.iter().filter(|(_, content)| matches!(content, Content::Bytes(_))).count();
    }
    if found == expected { Ok(()) } else { Err(format!("{found} of {expected} objects were read").into()) }
}

/// The median time of the whole process `loosepack get`.
fn cold_get(folder: &Path, rounds: usize) -> Result<Duration, Anything> {
    std::fs::create_dir_all(folder)?;
    let runtime = Runtime::new()?;
    let mut container = runtime.create(folder, Config::default(), options())?;
    let mut writer = container.pack_writer(Compression::Never)?;
    let id = writer.add(b"an object")?;
    writer.finish()?;
    let mut times = Vec::new();
    for _ in 0..rounds {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loosepack"));
        command.arg("-C").arg(folder).args(["get", &id.to_string()]).stdout(Stdio::null());
        let start = Instant::now();
        if !command.status()?.success() {
            return Err("`loosepack get` failed".into());
        }
        times.push(start.elapsed());
    }
    Ok(median(times))
}
