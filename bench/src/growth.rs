//! One operation in containers of growing size, and the memory and disk they take. Only loosepack: the others have
//! their turn at one size.

mod operations;
mod processes;
mod reads;

use std::fs;
use std::path::Path;

use loosepack::ObjectId;
use loosepack_host::{Compression, Config, Durability, Options as Opening, Runtime};

use crate::Result;
use crate::options::Options;
use crate::side::{ensure, sha256};
use crate::work::Contents;

/// Objects that are asked for, at most.
const ASKED: u64 = 10_000;
/// Objects that a filling process makes at a time.
const CHUNK: usize = 1000;

/// The measurements in one container.
pub struct Growth {
    /// Objects in it.
    pub objects: u64,
    /// The measurements, in the order of the table.
    pub values: Vec<Value>,
}

/// Label, unit and value.
pub type Value = (String, &'static str, f64);

/// A container and what is in it.
struct Filled<'a> {
    folder: &'a Path,
    objects: u64,
    /// Some of its objects, spread evenly, and their sizes.
    ids: Vec<ObjectId>,
    sizes: Vec<usize>,
}

/// Measures containers of each size.
pub fn run(options: &Options, folder: &Path) -> Result<Vec<Growth>> {
    let mut all = Vec::new();
    for &objects in &options.growth {
        eprintln!("bench: Growth, {objects} objects");
        ensure(objects > 0, "a container without objects tells nothing")?;
        let folder = folder.join("growth");
        fs::create_dir_all(&folder)?;
        all.push(Growth { objects, values: measure(&folder, objects)? });
        fs::remove_dir_all(&folder)?;
    }
    Ok(all)
}

fn measure(folder: &Path, objects: u64) -> Result<Vec<Value>> {
    let mut values = processes::fill(folder, objects)?;
    let asked = objects.min(ASKED);
    let contents: Vec<Vec<u8>> =
        (0..asked).filter_map(|number| Contents::new(number * (objects / asked)).next()).collect();
    let filled = Filled {
        folder,
        objects,
        ids: contents.iter().map(|content| sha256(content)).collect(),
        sizes: contents.iter().map(Vec::len).collect(),
    };
    values.extend(operations::measure(&filled)?);
    values.extend(reads::measure(&filled)?);
    values.extend(processes::measure(&filled)?);
    let mut size = 0;
    for content in Contents::new(0).take(usize::try_from(objects)?) {
        size += content.len() as u64;
    }
    let per_object = |bytes: u64| bytes as f64 / objects as f64;
    values.push(("index".into(), "bytes an object", per_object(folder_size(&folder.join("index"))?)));
    let overhead = folder_size(&folder.join("packs"))? - size;
    values.push(("packs, beyond the contents".into(), "bytes an object", per_object(overhead)));
    Ok(values)
}

/// Fills a new container in this folder.
pub fn fill(folder: &Path, objects: usize) -> Result<()> {
    let opening = Opening { durability: Durability::None, ..Opening::default() };
    let container = Runtime::new()?.create(folder, Config::default(), opening)?;
    let mut writer = container.pack_writer(Compression::Never)?;
    let mut contents = Contents::new(0).take(objects);
    loop {
        let some: Vec<Vec<u8>> = contents.by_ref().take(CHUNK).collect();
        if some.is_empty() {
            return Ok(writer.finish()?);
        }
        writer.add_many(&some)?;
    }
}

fn folder_size(folder: &Path) -> Result<u64> {
    fs::read_dir(folder)?.try_fold(0, |size, entry| Ok(size + entry?.metadata()?.len()))
}
