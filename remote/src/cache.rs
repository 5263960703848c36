//! Remotes as directories: files have the sizes that the newest root says, and their bytes come when they are read.
//!
//! ```text
//! <name of the remote>/lock        held while the directory is made to be that of another root
//! <name of the remote>/root.json   the root that it is that of
//! <name of the remote>/data/       a container: packs and runs are sparse files
//! <name of the remote>/blocks/     for each of them a journal of what is there
//! ```
//!
//! Several processes may use one cache: what they write to a file is the same. A file is never cut while somebody may
//! have it open. It is replaced by an empty one, and goes when nobody has it open any more.

mod blocks;
mod fetcher;

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::json;

pub use self::fetcher::Fetcher;
use self::fetcher::{Paths, cannot};
use crate::remote::Remote;
use crate::root::{self, Found, RUN_HEADER, Root};
use crate::{Error, Result};

/// Directories of a container.
const DIRECTORIES: [&str; 5] = ["loose", "incoming", "packs", "index", "lock"];

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
    /// Bytes that the cache may take. Packs that were not used for long go first, and files of the index last.
    pub capacity: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            block: 64 << 10,
            gap: 128 << 10,
            request: 4 << 20,
            parallel: 32,
            window: 16 << 20,
            capacity: 10 << 30,
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
}

/// Where the parts of the cache of a remote are.
struct Layout {
    lock: PathBuf,
    root: PathBuf,
    data: PathBuf,
    blocks: PathBuf,
}

/// A file of a root.
struct Listed {
    /// Its name below the remote.
    name: String,
    size: u64,
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
        let layout = self.layout(remote)?;
        let lock = File::options().create(true).append(true).open(&layout.lock);
        let lock = lock.map_err(cannot("open", &layout.lock))?;
        lock.lock().map_err(cannot("lock", &layout.lock))?;
        let known = layout.known();
        let root = remote.newest(known.clone())?;
        if known.as_ref().is_some_and(|known| known.container != root.container) {
            // Another remote has taken the place of the one that was known.
            layout.clear()?;
        }
        layout.drop_unused(&root, self.settings)?;
        layout.prepare(&root, known.as_ref() == Some(&root))?;
        let fetcher = Arc::new(Fetcher::new(remote.bucket().clone(), remote.handle(), self.settings));
        for listed in files(&root) {
            layout.add(&fetcher, &listed)?;
        }
        Ok(View { dir: layout.data, fetcher, root })
    }

    fn layout(&self, remote: &Remote) -> Result<Layout> {
        let name = loosepack::codec::sha256(format!("{} {}", self.settings.block, remote.url()).as_bytes()).to_string();
        let folder = self.folder.join(&name[..32]);
        let (data, blocks) = (folder.join("data"), folder.join("blocks"));
        let directories = DIRECTORIES.iter().map(|directory| data.join(directory));
        for directory in directories.chain([blocks.clone()]) {
            fs::create_dir_all(&directory).map_err(cannot("create", &directory))?;
        }
        Ok(Layout { lock: folder.join("lock"), root: folder.join("root.json"), data, blocks })
    }
}

impl Layout {
    /// The root that the directory is that of, unless it was left half made.
    fn known(&self) -> Option<Root> {
        let bytes = fs::read(&self.root).ok()?;
        let number = serde_json::from_slice::<serde_json::Value>(&bytes).ok()?["number"].as_u64()?;
        match Root::decode(number, &bytes).ok()? {
            Found::Root(root) => Some(*root),
            Found::Gone => None,
        }
    }

    fn clear(&self) -> Result<()> {
        for directory in [self.data.join("packs"), self.data.join("index"), self.blocks.clone()] {
            fs::remove_dir_all(&directory).map_err(cannot("remove", &directory))?;
            fs::create_dir(&directory).map_err(cannot("create", &directory))?;
        }
        Ok(())
    }

    /// Makes the directory that of a root. `same`: it is already, but for files that somebody may have removed.
    fn prepare(&self, root: &Root, same: bool) -> Result<()> {
        let kept: BTreeMap<String, Listed> = files(root).into_iter().map(|file| (file.name.clone(), file)).collect();
        for listed in kept.values() {
            let paths = self.paths(&listed.name);
            let there =
                fs::symlink_metadata(&paths.file).is_ok_and(|found| found.is_file() && found.len() == listed.size);
            if !there {
                make_hollow(listed, &paths)?;
            }
        }
        if same {
            return Ok(());
        }
        self.write("container.json", root.container.as_bytes())?;
        self.write("index/log-0.jsonl", b"")?;
        self.write("index/manifest.json", &manifest(root))?;
        // What no root names any more, after nobody who opens the container looks for it.
        for folder in ["packs", "index"] {
            for name in names(&self.data.join(folder))? {
                let name = format!("{folder}/{name}");
                let stays = kept.contains_key(&name) || ["index/log-0.jsonl", "index/manifest.json"].contains(&&*name);
                if !stays {
                    self.remove(&name)?;
                }
            }
        }
        replace(&self.root, &root.encode())
    }

    /// Makes room: packs that were not used for long are forgotten, and files of the index only when no pack is left.
    fn drop_unused(&self, root: &Root, settings: Settings) -> Result<()> {
        let mut used = Vec::new();
        for listed in files(root) {
            if let Ok(journal) = fs::metadata(self.paths(&listed.name).journal) {
                let bytes = blocks::told(journal.len(), settings.block).min(listed.size);
                let last = journal.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                used.push((listed.name.starts_with("index/"), last, bytes, listed.name));
            }
        }
        let mut sum: u64 = used.iter().map(|(_, _, bytes, _)| bytes).sum();
        if sum <= settings.capacity {
            return Ok(());
        }
        used.sort();
        // A bit more than must be, so that it is not done each time.
        let aim = settings.capacity / 10 * 9;
        for (_, _, bytes, name) in used {
            if sum > aim {
                self.remove(&name)?;
                sum -= bytes;
            }
        }
        Ok(())
    }

    fn paths(&self, name: &str) -> Paths {
        Paths { file: self.data.join(name), journal: self.blocks.join(name.replace('/', "-")) }
    }

    fn add(&self, fetcher: &Fetcher, listed: &Listed) -> Result<()> {
        let paths = self.paths(&listed.name);
        let found = fs::metadata(&paths.file).map_err(cannot("examine", &paths.file))?;
        fetcher.add(identity(&found), listed.name.clone(), listed.size, listed.head.len() as u64, paths);
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<()> {
        let Paths { file, journal } = self.paths(name);
        for path in [&journal, &file] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(cannot("remove", path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        replace(&self.data.join(name), bytes)
    }
}

/// Makes a file without bytes, but for those that the root tells.
fn make_hollow(listed: &Listed, Paths { file, journal }: &Paths) -> Result<()> {
    // A journal tells of a file that was there before.
    match fs::remove_file(journal) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(cannot("remove", journal)(error)),
        _ => {}
    }
    let temporary = file.with_extension("new");
    let make = || {
        let mut made = File::create(&temporary)?;
        made.write_all(&listed.head)?;
        made.set_len(listed.size)?;
        fs::rename(&temporary, file)
    };
    make().map_err(cannot("create", file))
}

/// Writes a file whole.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension("new");
    let write = || {
        fs::write(&temporary, bytes)?;
        fs::rename(&temporary, path)
    };
    write().map_err(cannot("write", path))
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let list = || fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<Vec<_>>>();
    let names = list().map_err(cannot("list", folder))?;
    Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
}

/// The files of a root.
fn files(root: &Root) -> Vec<Listed> {
    let packs = root.packs.iter();
    let packs = packs.map(|pack| Listed { name: root::pack_name(pack.number), size: pack.size, head: Vec::new() });
    let runs = root.runs.iter();
    let runs = runs.map(|run| Listed { name: run.name(), size: run.size, head: run.first_line() });
    packs.chain(runs).collect()
}

/// The manifest of a container whose index is the runs of a root.
pub(crate) fn manifest(root: &Root) -> Vec<u8> {
    let value = json!({
        "log": 0,
        "runs": root.runs.iter().map(|run| run.number).collect::<Vec<_>>(),
        "objects": root.totals.objects,
        "size": root.totals.size,
        "length": root.totals.length,
        // No two manifests of a remote are equal.
        "written": root.number + 1,
    });
    (value.to_string() + "\n").into_bytes()
}

impl crate::root::Run {
    /// Its first line.
    fn first_line(&self) -> Vec<u8> {
        format!("{:width$}\n", self.head, width = RUN_HEADER - 1).into_bytes()
    }
}

/// What tells a file from all others.
#[cfg(unix)]
fn identity(found: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (found.dev(), found.ino())
}

impl View {
    /// Reads whole files of the root into the cache.
    ///
    /// # Errors
    /// Failures of the server.
    pub fn fill(&self, names: impl IntoIterator<Item = String>) -> Result<()> {
        for name in names {
            let path = self.dir.join(&name);
            let file = File::open(&path).map_err(cannot("open", &path))?;
            let size = file.metadata().map_err(cannot("examine", &path))?.len();
            let mut start = 0;
            while start < size {
                // Piece by piece, so that what follows is fetched while this is waited for.
                let end = (start + (1 << 20)).min(size);
                self.fetcher
                    .read(&file, start..end)
                    .map_err(|error| Error::Failed(format!("read {name}"), error.to_string()))?;
                start = end;
            }
        }
        Ok(())
    }
}
