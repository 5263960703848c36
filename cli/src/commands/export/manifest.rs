//! Files where a list of IDs and names wants them.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::path::{Component, Path, PathBuf};

use loosepack::codec::Sha256;
use loosepack::store::{Block, Found, Reader};
use loosepack::{Access, ObjectId, Store};
use serde_json::json;

use crate::STANDARD;
use crate::commands::add::path_of;
use crate::failure::{Failure, Outcome};
use crate::ids::{LINE_MAX, next_line};
use crate::input::{self, cannot};
use crate::names::{self, shown};
use crate::output::Format;
use crate::progress::Progress;
use crate::session::Session;
use crate::sizes::{counted, human};
use crate::tree::Tree;
use crate::walk::join;

/// Lines that are dealt with together.
const TOGETHER: usize = 4096;
/// Bytes that are read and written at once.
const PIECE: usize = 256 << 10;

/// A file to write.
struct Wanted {
    id: ObjectId,
    path: PathBuf,
}

pub(super) fn export(
    session: &mut Session<'_>,
    manifest: &Path,
    dest: &Path,
    zero: bool,
    format: Format,
) -> Result<Outcome, Failure> {
    let store = session.open(Access::ReadOnly)?;
    let mut lines: Box<dyn BufRead> = if manifest.as_os_str() == STANDARD {
        Box::new(BufReader::new(input::standard()?))
    } else {
        Box::new(BufReader::new(File::open(manifest).map_err(|error| cannot("open", manifest, &error))?))
    };
    session.writes()?;
    let tree = Tree::make(dest).map_err(|error| cannot("open", dest, &error))?;
    let progress = session.progress();
    let mut exporting = Exporting {
        session,
        store: &*store,
        tree,
        dest,
        progress,
        outcome: Outcome::Done,
        files: 0,
        bytes: 0,
        kept: 0,
        problems: 0,
    };
    exporting.lines(&mut lines, manifest, zero)?;
    exporting.progress.clear();
    let Exporting { outcome, files, bytes, kept, problems, .. } = exporting;
    if format.json {
        session.out.json(&json!({ "files": files, "bytes": bytes, "kept": kept, "problems": problems }))?;
    } else {
        let kept = if kept > 0 { format!("; {kept} were right already") } else { String::new() };
        session.out.line(&format!("exported {}, {}{kept}", counted(files, "file"), human(bytes)))?;
    }
    Ok(outcome)
}

struct Exporting<'a, 'b> {
    session: &'a mut Session<'b>,
    store: &'a dyn Store,
    tree: Tree,
    dest: &'a Path,
    progress: Progress,
    outcome: Outcome,
    /// Files that were written, and their bytes.
    files: u64,
    bytes: u64,
    /// Files that were right already.
    kept: u64,
    problems: u64,
}

impl Exporting<'_, '_> {
    fn lines(&mut self, lines: &mut dyn BufRead, manifest: &Path, zero: bool) -> Result<(), Failure> {
        let end = if zero { 0 } else { b'\n' };
        let (mut line, mut number) = (Vec::new(), 0_u64);
        let (mut wanted, mut paths) = (Vec::new(), HashSet::new());
        let mut lines = lines;
        while next_line(&mut lines, &mut line, &[end])? {
            number += 1;
            if line.is_empty() {
                continue;
            }
            match parse(&line, zero) {
                Ok(Wanted { id, path }) => {
                    // Of several lines about a file, the last counts.
                    if wanted.len() == TOGETHER || !paths.insert(path.clone()) {
                        self.files(&std::mem::take(&mut wanted))?;
                        paths.clear();
                        paths.insert(path.clone());
                    }
                    wanted.push(Wanted { id, path });
                }
                Err(problem) => {
                    self.problem(Outcome::Failed, format!("{}, line {number}: {problem}", shown(manifest)));
                }
            }
        }
        self.files(&wanted)
    }

    /// Writes files of different paths.
    fn files(&mut self, wanted: &[Wanted]) -> Result<(), Failure> {
        let ids: Vec<ObjectId> = wanted.iter().map(|wanted| wanted.id).collect();
        let infos = self.store.info_many(&ids).map_err(|error| self.session.failure(error))?;
        let mut missing: HashMap<ObjectId, Vec<&Wanted>> = HashMap::new();
        for (wanted, info) in wanted.iter().zip(infos) {
            let Some(info) = info else {
                self.problem(Outcome::Lacking, format!("no object {} for {}", wanted.id, shown(&wanted.path)));
                continue;
            };
            match self.is_there(wanted, info.size) {
                Ok(true) => self.kept += 1,
                Ok(false) => missing.entry(wanted.id).or_default().push(wanted),
                Err(error) => self.problem(Outcome::Failed, cannot("write", &join(self.dest, &wanted.path), &error)),
            }
        }
        let mut ids: Vec<ObjectId> = missing.keys().copied().collect();
        ids.sort_unstable();
        let mut large = Vec::new();
        let mut batch = self.store.read_many(ids.clone()).map_err(|error| self.session.failure(error))?;
        loop {
            let Block { bytes, items } = batch.next_block().map_err(|error| self.session.failure(error))?;
            if items.is_empty() {
                break;
            }
            for (position, found) in items {
                let Some((id, wanted)) = ids.get(position as usize).and_then(|id| missing.get_key_value(id)) else {
                    continue;
                };
                match found {
                    Found::Bytes(range) => wanted.iter().for_each(|wanted| {
                        self.write(wanted, |file| Ok(file.write_all(&bytes[range.clone()])?));
                    }),
                    Found::TooLarge(_) => large.push(*id),
                    Found::Missing => self.lost(wanted, &loosepack::Error::NotFound(*id)),
                    Found::Failed(error) => self.lost(wanted, &error),
                }
            }
            self.progress.read(self.files, self.bytes);
        }
        drop(batch);
        for wanted in large.iter().flat_map(|id| &missing[id]) {
            match self.store.reader(&wanted.id) {
                Ok(mut reader) => self.write(wanted, |file| copy(&mut *reader, file)),
                Err(error) => self.lost(&[wanted], &error),
            }
            self.progress.read(self.files, self.bytes);
        }
        Ok(())
    }

    /// Returns whether the file has the object's bytes.
    fn is_there(&mut self, wanted: &Wanted, size: u64) -> io::Result<bool> {
        let (parent, name) = parts(&wanted.path)?;
        self.tree.enter(parent)?;
        let Some(mut file) = self.tree.read(name)? else { return Ok(false) };
        if file.metadata()?.len() != size {
            return Ok(false);
        }
        let (mut hash, mut buffer) = (Sha256::default(), vec![0; size.clamp(1, PIECE as u64) as usize]);
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hash.finish() == wanted.id),
                read => hash.update(&buffer[..read]),
            }
        }
    }

    /// Writes a file, which appears when it is complete.
    fn write(&mut self, wanted: &Wanted, content: impl FnOnce(&mut File) -> Result<(), Trouble>) {
        match self.try_write(wanted, content) {
            Ok(size) => {
                self.files += 1;
                self.bytes += size;
            }
            Err(Trouble::Object(error)) => self.lost(&[wanted], &error),
            Err(Trouble::File(error)) => {
                self.problem(Outcome::Failed, cannot("write", &join(self.dest, &wanted.path), &error));
            }
        }
    }

    fn try_write(
        &mut self,
        wanted: &Wanted,
        content: impl FnOnce(&mut File) -> Result<(), Trouble>,
    ) -> Result<u64, Trouble> {
        let (parent, name) = parts(&wanted.path)?;
        self.tree.enter(parent)?;
        let (temporary, mut file) = self.create(parent, name)?;
        let made = join(self.dest, &parent.join(&temporary));
        let put = content(&mut file).and_then(|()| {
            // The permissions are those of the file that is replaced.
            if let Some(old) = self.tree.read(name)? {
                // Where there are no permissions, there is nothing to keep.
                let _ = file.set_permissions(old.metadata()?.permissions());
            }
            let size = file.metadata()?.len();
            self.tree.rename(&temporary, name)?;
            Ok(size)
        });
        if put.is_err() {
            // A file that cannot be removed stays beside the target, under a telling name.
            let _ = self.tree.remove(&temporary);
        }
        self.session.host.made(&made);
        put
    }

    /// Creates a file beside the target, under another name.
    fn create(&self, parent: &Path, name: &OsStr) -> io::Result<(OsString, File)> {
        let (mut start, mut attempt) = (name, 0);
        loop {
            let mut temporary = OsString::from(".");
            temporary.push(start);
            temporary.push(format!(".{}-{attempt}.part", crate::save::process()));
            let path = join(self.dest, &parent.join(&temporary));
            match self.session.host.make(&path, &mut || self.tree.create(&temporary)) {
                Ok(file) => return Ok((temporary, file)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => attempt += 1,
                // A name that just fits leaves no room for what is added to it.
                Err(error) if error.kind() == io::ErrorKind::InvalidFilename && start == name => {
                    start = OsStr::new("loosepack");
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// An object cannot be read.
    fn lost(&mut self, wanted: &[&Wanted], error: &loosepack::Error) {
        let outcome = match error {
            loosepack::Error::NotFound(_) | loosepack::Error::Corrupt(_) => Outcome::Lacking,
            _ => Outcome::Failed,
        };
        for wanted in wanted {
            self.problem(outcome, self.session.about(&format!("{error}, for {}", shown(&wanted.path))));
        }
    }

    fn problem(&mut self, outcome: Outcome, message: String) {
        self.problems += 1;
        self.outcome = self.outcome.max(outcome);
        self.progress.tell(message);
    }
}

/// Why a file was not written.
enum Trouble {
    Object(loosepack::Error),
    File(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Trouble::File(error)
    }
}

fn copy(reader: &mut dyn Reader, file: &mut File) -> Result<(), Trouble> {
    let mut buffer = vec![0; PIECE];
    loop {
        match reader.read(&mut buffer).map_err(Trouble::Object)? {
            0 => return Ok(()),
            read => file.write_all(&buffer[..read])?,
        }
    }
}

/// The ID in a line, and the path below the folder.
fn parse(line: &[u8], zero: bool) -> Result<Wanted, String> {
    if line.len() >= LINE_MAX {
        return Err(format!("it has {LINE_MAX} bytes or more, which is too long for a path"));
    }
    let Some((id, name)) = names::entry(line, zero) else {
        return Err("expected an ID and a name, as `add` and sha256sum print them".into());
    };
    let given = path_of(&name);
    let mut path = PathBuf::new();
    for component in given.components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            _ => return Err(format!("{} leads out of the folder", shown(&given))),
        }
    }
    if path.as_os_str().is_empty() || name.ends_with(b"/") {
        return Err(format!("{:?} is no name of a file", shown(&given)));
    }
    Ok(Wanted { id, path })
}

/// A path as its folder and its name.
fn parts(path: &Path) -> io::Result<(&Path, &OsStr)> {
    path.parent().zip(path.file_name()).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out() {
        let id = "a5".repeat(32);
        let path = |name: &str| parse(format!("{id}  {name}").as_bytes(), true).map(|wanted| wanted.path);
        assert_eq!(path("a/b"), Ok("a/b".into()));
        assert_eq!(path("./a//b"), Ok("a/b".into()));
        assert_eq!(path("..a/b.."), Ok("..a/b..".into()));
        for out in ["/a", "..", "../a", "a/../b", "a/..", "", ".", "/", "a/", "./"] {
            assert!(path(out).is_err(), "{out}");
        }
        assert!(path(&"a".repeat(LINE_MAX)).is_err());
    }
}
