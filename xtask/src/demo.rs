//! `cargo xtask demo`: the main job on real files, from start to end, through the command a person would use.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use xtask::process::{cargo, output, run, rustc};
use xtask::{Error, Result, wasm_target, workspace};

/// Files are taken up to this number, bytes, and bytes of a single one.
const FILES_MAX: usize = 4000;
const BYTES_MAX: u64 = 200 << 20;
const FILE_MAX: u64 = 16 << 20;

/// Processes that add at the same time.
const ADDERS: usize = 4;

/// Makes a container, fills it from several processes while another packs, cleans it, reads everything back, compares.
pub(crate) fn demo(arguments: &[OsString]) -> Result<()> {
    if let [first, ..] = arguments {
        return Err(Error::new(format!("takes no arguments, but was given `{}`", first.display())));
    }
    wasm_target::ensure()?;
    println!("building the command `loosepack` (the first time takes some minutes) ...");
    run(cargo().args(["build", "--release", "--package", "loosepack-host"]))?;
    let files = real_files()?;
    let size: u64 = files.iter().map(|file| file.size).sum();
    println!("{} files, {} of this source tree, the toolchain and cargo's registry", files.len(), mib(size));

    let folder = workspace::target().join("demo");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| Error::cannot("remove target/demo", error))?;
    }
    fs::create_dir_all(&folder).map_err(|error| Error::cannot("make target/demo", error))?;
    let store = Store { program: workspace::target().join("release/loosepack"), folder: folder.join("container") };

    let mut clock = Clock(Instant::now());
    run(&mut store.command(&["init"]))?;
    clock.say("init", "made a container");

    let added = add_while_packing(&store, &files, &folder)?;
    clock.say("add", &format!("{} objects from {ADDERS} processes at once, while another packed", added.len()));

    print!("{}", output(&mut store.command(&["pack"]))?);
    clock.say("pack", "packed what was added last");
    print!("{}", output(&mut store.command(&["clean"]))?);
    clock.say("clean", "removed the loose files of packed objects");

    let compared = read_back(&store, &added)?;
    clock.say("get", &format!("read {} back and compared every byte with the files", mib(compared)));
    print!("{}", output(&mut store.command(&["status"]))?);
    println!("the container is in {}", store.folder.display());
    Ok(())
}

/// A file that is added.
struct RealFile {
    path: PathBuf,
    size: u64,
}

/// Files that every machine has: our own sources, the toolchain's documentation and libraries, and the sources of our
/// dependencies.
fn real_files() -> Result<Vec<RealFile>> {
    let sysroot = PathBuf::from(output(rustc().args(["--print", "sysroot"]))?.trim());
    let root = workspace::root();
    let own = ["src", "wit", "host", "xtask", "tests"].map(|name| root.join(name));
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    let registry = cargo_home.or(home).map(|home| home.join("registry/src"));
    let mut folders: Vec<PathBuf> = own.into();
    folders.extend(registry);
    folders.push(sysroot.join("share/doc"));
    folders.push(sysroot.join("etc"));
    let mut files = Vec::new();
    let mut room = BYTES_MAX;
    // The share of each source is bounded, so that a machine with one large folder still shows all kinds.
    for (number, folder) in folders.iter().enumerate() {
        let limit = files.len() + (FILES_MAX - files.len()) / (folders.len() - number).min(2);
        collect(folder, &mut files, limit, &mut room);
    }
    if files.is_empty() { Err(Error::new("no files were found to add")) } else { Ok(files) }
}

/// Takes the files of a folder, sorted, without following links. What cannot be looked at is left out.
fn collect(folder: &Path, files: &mut Vec<RealFile>, limit: usize, room: &mut u64) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.sort();
    for path in paths {
        let Ok(found) = fs::symlink_metadata(&path) else { continue };
        if found.is_dir() {
            collect(&path, files, limit, room);
        } else if found.is_file()
            && found.len() <= FILE_MAX.min(*room)
            && path.to_str().is_some_and(|text| !text.contains(['\\', '\n', '\r']))
        {
            if files.len() >= limit {
                return;
            }
            *room -= found.len();
            files.push(RealFile { path, size: found.len() });
        }
    }
}

/// The container and the command.
struct Store {
    program: PathBuf,
    folder: PathBuf,
}

impl Store {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("-C").arg(&self.folder).args(arguments);
        command
    }
}

/// An object and the file it was made of.
struct Added {
    id: String,
    path: PathBuf,
}

/// Adds the files from several processes, and packs and cleans again and again until they are done.
fn add_while_packing(store: &Store, files: &[RealFile], folder: &Path) -> Result<Vec<Added>> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let packer = scope.spawn(|| -> Result<()> {
            while !done.load(Ordering::Relaxed) {
                output(&mut store.command(&["--wait", "60", "pack"]))?;
                output(&mut store.command(&["--wait", "60", "clean"]))?;
                std::thread::sleep(Duration::from_millis(50));
            }
            Ok(())
        });
        let added = add_all(store, files, folder);
        done.store(true, Ordering::Relaxed);
        packer.join().map_err(|_| Error::new("the packing thread panicked"))??;
        added
    })
}

fn add_all(store: &Store, files: &[RealFile], folder: &Path) -> Result<Vec<Added>> {
    let mut adders = Vec::new();
    for (number, share) in files.chunks(files.len().div_ceil(ADDERS)).enumerate() {
        let lines = folder.join(format!("added-{number}"));
        let file = File::create(&lines).map_err(|error| Error::cannot(format!("make {}", lines.display()), error))?;
        let mut command = store.command(&["add", "--"]);
        command.args(share.iter().map(|file| &file.path)).stdout(file);
        let child = command.spawn().map_err(|error| Error::cannot("start `loosepack add`", error))?;
        adders.push((child, lines));
    }
    let mut added = Vec::new();
    for (mut child, lines) in adders {
        let status = child.wait().map_err(|error| Error::cannot("wait for `loosepack add`", error))?;
        if !status.success() {
            return Err(Error::new(format!("`loosepack add` failed: {status}")));
        }
        let text = fs::read_to_string(&lines).map_err(|error| Error::cannot("read what `add` printed", error))?;
        for line in text.lines() {
            let (id, path) = line.split_once("  ").ok_or_else(|| Error::new(format!("`add` printed {line:?}")))?;
            added.push(Added { id: id.into(), path: path.into() });
        }
    }
    if added.len() == files.len() {
        Ok(added)
    } else {
        Err(Error::new(format!("{} files, but {} lines of `add`", files.len(), added.len())))
    }
}

/// Reads all objects with one `loosepack get -` and compares them with the files; returns how many bytes there were.
fn read_back(store: &Store, added: &[Added]) -> Result<u64> {
    let mut child = store
        .command(&["get", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| Error::cannot("start `loosepack get`", error))?;
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Error::new("`loosepack get` has no pipes"));
    };
    let compared = std::thread::scope(|scope| {
        let asker = scope.spawn(|| ask(stdin, added));
        let compared = compare(stdout, added);
        // With the reader gone, an asker whose objects nobody takes ends as well.
        let asked = asker.join().map_err(|_| Error::new("the asking thread panicked"))?;
        let compared = compared?;
        asked.map_err(|error| Error::cannot("ask for objects", error))?;
        Ok(compared)
    });
    finish(child)?;
    compared
}

fn ask(mut stdin: ChildStdin, added: &[Added]) -> io::Result<()> {
    for object in added {
        writeln!(stdin, "{}", object.id)?;
    }
    Ok(())
}

fn compare(stdout: ChildStdout, added: &[Added]) -> Result<u64> {
    let mut objects = BufReader::with_capacity(1 << 20, stdout);
    let mut compared = 0;
    for Added { id, path } in added {
        let name = path.display();
        let expected = fs::read(path).map_err(|error| Error::cannot(format_args!("read {name}"), error))?;
        let mut found = vec![0; expected.len()];
        objects.read_exact(&mut found).map_err(|error| Error::cannot(format_args!("read object {id}"), error))?;
        if found != expected {
            return Err(Error::new(format!("object {id} is not the bytes of {name}")));
        }
        compared += expected.len() as u64;
    }
    let rest = objects.fill_buf().map_err(|error| Error::cannot("read to the end", error))?;
    if rest.is_empty() { Ok(compared) } else { Err(Error::new("more bytes came than were asked for")) }
}

fn finish(mut child: Child) -> Result<()> {
    let status = child.wait().map_err(|error| Error::cannot("wait for `loosepack get`", error))?;
    if status.success() { Ok(()) } else { Err(Error::new(format!("`loosepack get` failed: {status}"))) }
}

/// Prints each step with the time it took.
struct Clock(Instant);

impl Clock {
    fn say(&mut self, step: &str, what: &str) {
        println!("{:>8.2} s  {step:<6} {what}", self.0.elapsed().as_secs_f64());
        self.0 = Instant::now();
    }
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
