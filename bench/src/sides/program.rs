//! The command line of the sides that have none of their own: the floor and SQLite.

use std::fs;
use std::io::{BufRead, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use loosepack::ObjectId;

use crate::Result;
use crate::process::whole;
use crate::step::Step;
use crate::system::helper;
use crate::work::Work;

/// A container in a folder, as a program finds it when it starts.
pub trait Program {
    /// Adds files: each on its own and not flushed, or all to a pack that is flushed.
    fn add(&self, paths: &[String], to_pack: bool) -> Result<Vec<ObjectId>>;

    /// Reads objects, in any order, and checks each.
    fn read(&self, ids: &[ObjectId], each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()>;

    /// Returns whether each object exists.
    fn contains(&self, ids: &[ObjectId]) -> Result<Vec<bool>>;

    /// Returns all objects, sorted.
    fn list(&self) -> Result<Vec<ObjectId>>;
}

/// Measures a step of [`Suite::Command`](crate::step::Suite::Command) by the command line of this side.
pub fn measure(side: &str, folder: &Path, step: Step, work: &Work) -> Result<Option<Duration>> {
    let run = |name: &str, arguments: &[&str], input| {
        let folder = folder.join(name);
        fs::create_dir_all(&folder)?;
        whole(helper()?.arg(side).arg(folder).args(arguments).current_dir(&work.files), input)
    };
    let (time, printed) = match step {
        Step::AddNamed => run("loose", &["add"], Some(&work.names))?,
        Step::AddNamedPacked => run("packed", &["pack"], Some(&work.names))?,
        Step::AddTree => run("tree", &["pack-tree", "."], None)?,
        Step::GetAll => run("packed", &["read"], Some(&work.ids))?,
        Step::HasAll => run("packed", &["has"], Some(&work.ids))?,
        Step::ListAll => run("packed", &["list"], None)?,
        _ => return Ok(None),
    };
    work.check_printed(step, &printed)?;
    Ok(Some(time))
}

/// Runs a command: `get ID`, `pack-tree FOLDER`, or one of `add`, `pack`, `read`, `has` and `list` with paths or ids on
/// standard input, a line each.
pub fn run(program: &dyn Program, arguments: &[&str]) -> Result<()> {
    let mut out = BufWriter::with_capacity(1 << 18, std::io::stdout().lock());
    match arguments {
        ["get", id] => program.read(&[id.parse()?], &mut |content| Ok(out.write_all(content)?))?,
        ["add"] => add(program, &lines()?, false, &mut out)?,
        ["pack"] => add(program, &lines()?, true, &mut out)?,
        ["pack-tree", folder] => {
            let mut paths = Vec::new();
            walk(folder.as_ref(), &mut paths)?;
            add(program, &paths, true, &mut out)?;
        }
        ["read"] => program.read(&ids()?, &mut |content| Ok(out.write_all(content)?))?,
        ["has"] => {
            let ids = ids()?;
            for (id, found) in ids.iter().zip(program.contains(&ids)?) {
                writeln!(out, "{id} {}", if found { "present" } else { "absent" })?;
            }
        }
        ["list"] => program.list()?.iter().try_for_each(|id| writeln!(out, "{id}"))?,
        _ => return Err("its arguments make no sense".into()),
    }
    Ok(out.flush()?)
}

fn add(program: &dyn Program, paths: &[String], to_pack: bool, out: &mut impl Write) -> Result<()> {
    let ids = program.add(paths, to_pack)?;
    Ok(ids.iter().zip(paths).try_for_each(|(id, path)| writeln!(out, "{id}  {path}"))?)
}

fn lines() -> Result<Vec<String>> {
    Ok(std::io::stdin().lock().lines().collect::<std::io::Result<_>>()?)
}

fn ids() -> Result<Vec<ObjectId>> {
    lines()?.iter().map(|line| Ok(line.parse()?)).collect()
}

/// Paths of the files below a folder.
fn walk(folder: &Path, paths: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => walk(&entry.path(), paths)?,
            false => paths.push(entry.path().to_str().ok_or("a name is not UTF-8")?.into()),
        }
    }
    Ok(())
}
