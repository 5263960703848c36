//! Making a container.

use alloc::format;
use alloc::string::{String, ToString as _};

use super::Container;
use crate::codec;
use crate::dir::{Dir, Kind};
use crate::disk::Disk;
use crate::disk::backup_mark;
use crate::disk::directory;
use crate::disk::flush::Flush;
use crate::disk::small_file::{self, make_directory};
use crate::error::{Code, Context as _, Error, Result};
use crate::format::container_json::{Config, ContainerJson, Sharing};
use crate::format::manifest::Manifest;
use crate::format::names::{
    self, CONTAINER, DIRECTORIES, INCOMING, INDEX, LOCK, LOOSE, MANIFEST, OS_LOCK, PACKS, THE_CONTAINER,
};
use crate::options::{Access, Options};

impl<D: Dir> Container<D> {
    /// Makes a container in an empty directory and opens it. One whose making was interrupted is completed.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] when the directory holds anything else; [`Error::InvalidArgument`] when a setting is
    /// out of its range; [`Error::Locked`] while another makes a container there.
    pub fn create(dir: D, config: Config, options: Options) -> Result<Self> {
        config.check()?;
        if options.access == Access::ReadOnly {
            return Err(Error::ReadOnly);
        }
        check_vacant(&dir)?;
        let dir = if config.shared == Sharing::Group { dir.sharing() } else { dir };
        if config.shared == Sharing::Group {
            // First of all: what is made in it belongs to its group then.
            share(&dir, ".")?;
        }
        let flush = Flush::new(options.durability);
        make_directory(&dir, LOCK)?;
        let _lock = match dir.try_lock(OS_LOCK) {
            Ok(lock) => Some(lock),
            Err(Code::Unsupported) => None,
            Err(Code::WouldBlock) => return Err(Error::Locked("another process is making a container here".into())),
            Err(code) => return Err(code).during("lock", OS_LOCK),
        };
        // Another may have been done between the two looks.
        check_vacant(&dir)?;
        for path in DIRECTORIES {
            make_directory(&dir, path)?;
        }
        for shard in 0..=u8::MAX {
            make_directory(&dir, &names::shard(shard))?;
        }
        let log = names::log(Manifest::FIRST.log);
        let file = match dir.create_new(&log) {
            Err(Code::Exists) => dir.open_write(&log),
            created => created,
        };
        let file = file.during("create", &log)?;
        if config.shared == Sharing::Group {
            share_all(&dir)?;
        }
        small_file::replace(&dir, MANIFEST, &Manifest::FIRST.encode(), &flush)?;
        flush.file(&file, &log)?;
        // All of it is durable before there is a `container.json`: who finds that finds a whole container.
        for path in [INDEX, LOOSE, "."] {
            flush.dir(&dir, path)?;
        }
        let now = dir.now();
        let seed = codec::sha256(format!("{now} {}", options.holder).as_bytes()).to_string();
        let settings = ContainerJson::new(&seed, config).encode();
        // Whoever finds the container before it is durable makes it so: see `settle`.
        directory::mark(&dir, THE_CONTAINER)?;
        small_file::replace(&dir, CONTAINER, &settings, &flush)?;
        // COMMIT: of the container. Cut at by `store::crash`.
        flush.dir(&dir, ".")?;
        if flush.is_full() {
            directory::unmark(&dir, THE_CONTAINER)?;
        }
        Self::open(dir, options)
    }

    /// Makes the container itself durable, before anything in it is acknowledged: whoever made it may not have flushed,
    /// or may have been killed before. Fails when it is a backup.
    pub(super) fn settle(&self) -> Result<()> {
        let Disk { dir, flush, .. } = &self.disk;
        if !self.settled.get() && backup_mark::is_there(dir)? {
            let problem = "this container is a backup, which only `backup` writes to: restore it to another directory, or \
                           remove lock/backup.json to work with it";
            return Err(Error::Other(problem.into()));
        }
        if self.settled.replace(true) || !flush.is_full() || !directory::is_marked(dir, THE_CONTAINER)? {
            return Ok(());
        }
        if let Ok(index) = self.index() {
            index.settle()?;
        }
        for path in [LOOSE, "."] {
            flush.dir(dir, path)?;
        }
        // Rewritten, because an earlier flush of it may have failed, and a second flush would do nothing.
        let bytes = small_file::read(dir, CONTAINER)?.ok_or(Error::NoContainer)?;
        small_file::replace(dir, CONTAINER, &bytes, flush)?;
        flush.dir(dir, ".")?;
        directory::unmark(dir, THE_CONTAINER)
    }
}

/// Shares what was made by an interrupted creation, which may have been killed before it did so itself or did not share.
fn share_all(dir: &impl Dir) -> Result<()> {
    for path in DIRECTORIES.into_iter().chain([OS_LOCK, &*names::log(Manifest::FIRST.log)]) {
        share(dir, path)?;
    }
    (0..=u8::MAX).try_for_each(|shard| share(dir, &names::shard(shard)))
}

/// Shares an entry with the group. The file for locks is missing where there are none.
pub(crate) fn share(dir: &impl Dir, path: &str) -> Result<()> {
    match dir.share(path) {
        Ok(()) | Err(Code::NotFound) => Ok(()),
        Err(Code::Unsupported) => Err(Error::InvalidArgument(
            "shared: this system, or this host, cannot give files to a group; leave the setting out, or make the \
             container with the native command"
                .into(),
        )),
        Err(code) => Err(code).during("share", path),
    }
}

/// Fails unless a directory holds nothing but what making a container leaves when it is interrupted.
pub(crate) fn check_vacant(dir: &impl Dir) -> Result<()> {
    let entries = dir.list(".").during("list", ".")?;
    if entries.iter().any(|entry| entry.name == CONTAINER) {
        return Err(Error::AlreadyExists("there is a container here already".into()));
    }
    let foreign = entries.iter().find(|entry| entry.kind != Kind::Dir || !DIRECTORIES.contains(&&*entry.name));
    if let Some(entry) = foreign {
        let found = &entry.name;
        let problem = format!("the directory is not empty (it holds {found:?}): a container needs one of its own");
        return Err(Error::AlreadyExists(problem));
    }
    if let Some(path) = first_content(dir)? {
        return Err(Error::AlreadyExists(format!(
            "there is a container without its container.json here (it holds {path}): restore that from a copy, or put the \
             one of another container in its place"
        )));
    }
    Ok(())
}

/// Returns the first of a container's files that contains objects or index entries.
fn first_content(dir: &impl Dir) -> Result<Option<String>> {
    for entry in small_file::list(dir, LOOSE)? {
        let shard = format!("{LOOSE}/{}", entry.name);
        if entry.kind != Kind::Dir {
            return Ok(Some(shard));
        }
        if let Some(object) = small_file::list(dir, &shard)?.first() {
            return Ok(Some(format!("{shard}/{}", object.name)));
        }
    }
    if let Some(pack) = small_file::list(dir, PACKS)?.first() {
        return Ok(Some(format!("{PACKS}/{}", pack.name)));
    }
    for entry in small_file::list(dir, INDEX)? {
        let path = format!("{INDEX}/{}", entry.name);
        let first = path == MANIFEST && small_file::read(dir, MANIFEST)? == Some(Manifest::FIRST.encode());
        let empty = path == names::log(Manifest::FIRST.log) && dir.metadata(&path).during("examine", &path)?.len == 0;
        if !first && !empty {
            return Ok(Some(path));
        }
    }
    let ours = |name: &str| names::is_incoming_file(name) || names::is_made_mark(name);
    let foreign = small_file::list(dir, INCOMING)?.into_iter().find(|entry| !ours(&entry.name));
    Ok(foreign.map(|entry| format!("{INCOMING}/{}", entry.name)))
}
