//! Remotes as directories: files have the sizes that the newest root says, and their bytes come when they are read.
//!
//! ```text
//! <name of the remote>/lock         held while something of the following is changed
//! <name of the remote>/gate         locked, shared, while bytes of files are used
//! <name of the remote>/turn         locked by who comes in, and by who waits to be alone
//! <name of the remote>/root.json    the newest root that is known
//! <name of the remote>/files/       packs and runs: sparse files
//! <name of the remote>/blocks/      for each of them a journal of what is there
//! <name of the remote>/views/<v>/   a container: second names of these files, and an index of those of one root
//! <name of the remote>/views/<v>.lock   held, shared, by everybody who uses the view
//! ```
//!
//! Several processes may use one cache: what they write to a file is the same. A view is removed when nobody holds its
//! lock. Bytes that have to go for others are taken out of files while nobody is inside the gate. Where the system cannot do
//! that, a file is replaced by another before a view is made; views that are in use keep the one they have.

mod blocks;
mod fetcher;
mod files;
mod gate;
mod identity;
mod room;
mod sparse;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

pub use self::fetcher::{Fetcher, Held};
use self::files::{Files, replace};
use self::gate::Gate;
use crate::remote::Remote;
use crate::root::{self, Found, RUN_HEADER, Root, Run, Totals};
use crate::{Error, Result};

/// Directories of a container.
const DIRECTORIES: [&str; 5] = ["loose", "incoming", "packs", "index", "lock"];

/// Bytes that are copied at once.
const PIECE: u64 = 1 << 20;

/// How a cache works. The defaults are made for requests of some 30 ms.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Bytes that are fetched at least, and told of as there or not. Caches of different ones do not mix.
    pub block: u64,
    /// Bytes between two blocks that are fetched as well, rather than asking twice.
    pub gap: u64,
    /// Bytes of a request at most.
    pub request: u64,
    /// Requests at once.
    pub parallel: usize,
    /// Bytes that are fetched ahead of somebody who reads on and on.
    pub window: u64,
    /// Bytes that the cache of a remote may take. Packs that were fetched longest ago go first, and files of the index last.
    pub capacity: u64,
    /// Bytes that each process brings before it looks whether that is too much: more than what is on its way at once and not
    /// read yet.
    pub least: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            block: 64 << 10,
            gap: 512 << 10,
            request: 4 << 20,
            parallel: 64,
            window: 16 << 20,
            capacity: 10 << 30,
            least: 512 << 20,
        }
    }
}

/// A directory that keeps what was read of remotes.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
    settings: Settings,
}

/// A remote at one of its roots, as a directory with a container to read.
pub struct View {
    /// The container's directory.
    pub dir: PathBuf,
    /// What fills its files when they are read.
    pub fetcher: Arc<Fetcher>,
    /// The state that it shows.
    pub root: Root,
    /// It lives as long as somebody holds this.
    _lock: File,
    /// What is fetched is fetched by its threads.
    _remote: Remote,
}

/// A file of a root.
struct Listed {
    /// Its name below the remote.
    name: String,
    size: u64,
    /// Its first bytes, as far as the root tells.
    head: Vec<u8>,
}

impl Cache {
    /// A cache in a directory, which is made when it is first used.
    pub fn new(folder: impl Into<PathBuf>, settings: Settings) -> Self {
        Cache { folder: folder.into(), settings }
    }

    /// Where files may be prepared.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Shows the newest root of a remote. When the cache knows a recent one, that is one round of requests.
    ///
    /// # Errors
    /// [`Error::NoRemote`]; failures of the server, and of the files of this machine.
    pub fn view(&self, remote: &Remote) -> Result<View> {
        let name =
            loosepack::codec::sha256(format!("{} {}", self.settings.block, remote.place()).as_bytes()).to_string();
        let folder = self.folder.join(&name[..32]);
        let (files, views) = (Files::new(&folder, self.settings), folder.join("views"));
        files.make_folders()?;
        fs::create_dir_all(&views).map_err(Error::file("create", &views))?;
        let known = folder.join("root.json");
        let (root, same) = remote.newest_of(read_root(&known))?;
        // Nobody waits for a server while this is held.
        let lock = open_lock(&folder.join("lock"))?;
        lock.lock().map_err(Error::file("lock", &folder))?;
        if !same {
            files.clear()?;
        }
        let gate = Gate::open(&folder).map_err(Error::file("open the gate of", &folder))?;
        if !gate.can_take_out() {
            files.replace_leaving(&root)?;
        }
        for listed in listed(&root) {
            files.make(&listed)?;
        }
        let (dir, held) = view_of(&views, &files, &root)?;
        if !same || read_root(&known).is_none_or(|known| known.number < root.number) {
            replace(&known, &root.encode())?;
            files.remove_others(&root)?;
        }
        drop(lock);
        let fetcher = Arc::new(Fetcher::new(remote.bucket().clone(), remote.handle(), self.settings, gate));
        for listed in listed(&root) {
            files.add(&fetcher, &dir, &listed)?;
        }
        fetcher.make_room();
        Ok(View { dir, fetcher, root, _lock: held, _remote: remote.clone() })
    }
}

fn open_lock(path: &Path) -> Result<File> {
    File::options().create(true).append(true).open(path).map_err(Error::file("open", path))
}

/// The root in a file, if there is one.
fn read_root(path: &Path) -> Option<Root> {
    let bytes = fs::read(path).ok()?;
    let number = serde_json::from_slice::<serde_json::Value>(&bytes).ok()?["number"].as_u64()?;
    match Root::decode(number, &bytes).ok()? {
        Found::Root(root) => Some(*root),
        Found::Gone => None,
    }
}

/// Finds the view of a root, or makes one, and removes those that nobody uses. Returns its directory, and what holds it.
fn view_of(views: &Path, files: &Files, root: &Root) -> Result<(PathBuf, File)> {
    let mut found = None;
    for name in files::names(views)?.iter().filter(|name| !name.ends_with(".lock")) {
        let (dir, held) = (views.join(name), open_lock(&views.join(format!("{name}.lock")))?);
        if found.is_none() && read_root(&dir.join("lock/root.json")).as_ref() == Some(root) && files.are_in(&dir, root)
        {
            held.lock_shared().map_err(Error::file("lock", &dir))?;
            found = Some((dir, held));
        } else if held.try_lock().is_ok() {
            // Nobody can come to use it: whoever wants to holds the lock of the cache.
            remove(&dir)?;
            let _ = fs::remove_file(views.join(format!("{name}.lock")));
        }
    }
    if let Some(found) = found {
        return Ok(found);
    }
    let name = crate::roots::mark()?;
    let (dir, held) = (views.join(&name), open_lock(&views.join(format!("{name}.lock")))?);
    held.lock_shared().map_err(Error::file("lock", &dir))?;
    for directory in DIRECTORIES {
        let path = dir.join(directory);
        fs::create_dir_all(&path).map_err(Error::file("create", &path))?;
    }
    for listed in listed(root) {
        files.link(&listed.name, &dir)?;
    }
    let contents = [
        ("container.json", root.container.clone().into_bytes()),
        ("index/log-0.jsonl", Vec::new()),
        ("index/manifest.json", manifest_of(root)),
        // The last one: a view without it was not finished.
        ("lock/root.json", root.encode()),
    ];
    for (name, content) in contents {
        replace(&dir.join(name), &content)?;
    }
    Ok((dir, held))
}

fn remove(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file("remove", dir)(error)),
        _ => Ok(()),
    }
}

/// The files of a root.
fn listed(root: &Root) -> Vec<Listed> {
    let packs = root.packs.iter();
    let packs = packs.map(|pack| Listed { name: root::pack_name(pack.number), size: pack.size, head: Vec::new() });
    let runs = root.runs.iter();
    let runs = runs.map(|run| Listed { name: run.name(), size: run.size, head: run.first_line() });
    packs.chain(runs).collect()
}

/// The manifest of a container whose index is the runs of a root, and of no other of the remote.
pub(crate) fn manifest_of(root: &Root) -> Vec<u8> {
    manifest(&root.runs, root.totals, root.number + 1)
}

/// The manifest of a container whose index is some runs. `written`: what tells it from others.
pub(crate) fn manifest(runs: &[Run], totals: Totals, written: u64) -> Vec<u8> {
    let value = json!({
        "log": 0,
        "runs": runs.iter().map(|run| run.number).collect::<Vec<_>>(),
        "objects": totals.objects,
        "size": totals.size,
        "length": totals.length,
        "written": written,
    });
    (value.to_string() + "\n").into_bytes()
}

impl Run {
    /// Its first line.
    fn first_line(&self) -> Vec<u8> {
        format!("{:width$}\n", self.head, width = RUN_HEADER - 1).into_bytes()
    }
}

impl View {
    /// Copies a file of the root.
    ///
    /// # Errors
    /// Failures of the server, and of the files of this machine.
    pub(crate) fn copy(&self, name: &str, to: &Path) -> Result<()> {
        let path = self.dir.join(name);
        let file = File::open(&path).map_err(Error::file("open", &path))?;
        let size = file.metadata().map_err(Error::file("examine", &path))?.len();
        let copy = File::create(to).map_err(Error::file("create", to))?;
        let (mut buffer, mut start) = (vec![0; PIECE.min(size) as usize], 0);
        while start < size {
            // Piece by piece, so that what follows is fetched while this is waited for.
            let piece = &mut buffer[..PIECE.min(size - start) as usize];
            let held = self.fetcher.read(&file, start..start + piece.len() as u64);
            let held = held.map_err(|error| Error::Failed(format!("read {name}"), error.to_string()))?;
            blocks::read_at(&file, piece, start).map_err(Error::file("read", &path))?;
            drop(held);
            blocks::write_at(&copy, piece, start).map_err(Error::file("write", to))?;
            start += piece.len() as u64;
        }
        Ok(())
    }
}
