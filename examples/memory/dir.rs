//! A directory in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use loosepack::dir::{Entry, Kind, Metadata};
use loosepack::{Code, Dir, File as _};

use crate::file::{MemoryFile, MemoryLock, lock, now};

/// A directory in memory. Clones are handles on the same one, for any number of threads.
#[derive(Clone, Default)]
pub(crate) struct MemoryDir(Arc<Mutex<Nodes>>);

/// What is below it, by path.
type Nodes = BTreeMap<String, Node>;

enum Node {
    Dir,
    File(MemoryFile),
}

fn find<'a>(nodes: &'a Nodes, path: &str) -> Result<&'a Node, Code> {
    check_parent(nodes, path)?;
    if path == "." { Ok(&Node::Dir) } else { nodes.get(path).ok_or(Code::NotFound) }
}

fn find_file(nodes: &Nodes, path: &str) -> Result<MemoryFile, Code> {
    match find(nodes, path)? {
        Node::File(file) => Ok(file.clone()),
        Node::Dir => Err(Code::IsDirectory),
    }
}

/// Checks that what holds `path` is a directory.
fn check_parent(nodes: &Nodes, path: &str) -> Result<(), Code> {
    match path.rsplit_once('/').map(|(parent, _)| find(nodes, parent)).transpose()? {
        None | Some(Node::Dir) => Ok(()),
        Some(Node::File(_)) => Err(Code::NotDirectory),
    }
}

/// Gives a new node its name, which nothing may have.
fn make(nodes: &mut Nodes, path: &str, node: Node) -> Result<(), Code> {
    match find(nodes, path) {
        Ok(_) => return Err(Code::Exists),
        Err(Code::NotFound) => check_parent(nodes, path)?,
        Err(code) => return Err(code),
    }
    nodes.insert(path.into(), node);
    Ok(())
}

fn make_file(nodes: &mut Nodes, path: &str) -> Result<MemoryFile, Code> {
    let file = MemoryFile::new();
    make(nodes, path, Node::File(file.clone()))?;
    Ok(file)
}

impl Dir for MemoryDir {
    type File = MemoryFile;
    type Lock = MemoryLock;

    fn create_dir(&self, path: &str) -> Result<(), Code> {
        make(&mut lock(&self.0), path, Node::Dir)
    }

    // The map is locked from the look to the insertion: of many who try at once, one succeeds.
    fn create_new(&self, path: &str) -> Result<MemoryFile, Code> {
        make_file(&mut lock(&self.0), path)
    }

    fn open_read(&self, path: &str) -> Result<MemoryFile, Code> {
        find_file(&lock(&self.0), path)
    }

    fn open_write(&self, path: &str) -> Result<MemoryFile, Code> {
        find_file(&lock(&self.0), path)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Code> {
        let mut nodes = lock(&self.0);
        let file = find_file(&nodes, from)?;
        match find_file(&nodes, to) {
            Ok(_) => {}
            Err(Code::NotFound) => check_parent(&nodes, to)?,
            Err(code) => return Err(code),
        }
        nodes.remove(from);
        nodes.insert(to.into(), Node::File(file));
        Ok(())
    }

    fn remove_file(&self, path: &str) -> Result<(), Code> {
        let mut nodes = lock(&self.0);
        find_file(&nodes, path)?;
        nodes.remove(path);
        Ok(())
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, Code> {
        let nodes = lock(&self.0);
        let Node::Dir = find(&nodes, path)? else { return Err(Code::NotDirectory) };
        let prefix = if path == "." { String::new() } else { format!("{path}/") };
        let below = nodes.range(prefix.clone()..).map_while(|(path, node)| Some((path.strip_prefix(&prefix)?, node)));
        let entries = below.filter(|(name, _)| !name.contains('/'));
        Ok(entries.map(|(name, node)| Entry { name: name.into(), kind: kind(node) }).collect())
    }

    fn metadata(&self, path: &str) -> Result<Metadata, Code> {
        match find(&lock(&self.0), path)? {
            Node::File(file) => file.metadata(),
            Node::Dir => Ok(Metadata { kind: Kind::Dir, len: 0, modified: 0, links: 1 }),
        }
    }

    // Memory survives no power cut, so there is nothing to flush, and `can_flush` tells the store's callers.
    fn sync_dir(&self, path: &str) -> Result<(), Code> {
        find(&lock(&self.0), path).map(drop)
    }

    fn sync_all(&self) -> Result<(), Code> {
        Ok(())
    }

    fn can_flush(&self) -> bool {
        false
    }

    fn try_lock(&self, path: &str) -> Result<MemoryLock, Code> {
        let mut nodes = lock(&self.0);
        let file = match find_file(&nodes, path) {
            Err(Code::NotFound) => make_file(&mut nodes, path)?,
            found => found?,
        };
        file.try_lock().ok_or(Code::WouldBlock)
    }

    fn now(&self) -> u64 {
        now()
    }
}

fn kind(node: &Node) -> Kind {
    match node {
        Node::Dir => Kind::Dir,
        Node::File(_) => Kind::File,
    }
}
