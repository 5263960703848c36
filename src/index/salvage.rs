//! The readable lines of a damaged index, oldest first.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::read_manifest;
use crate::dir::{Dir, Kind, read_full_at};
use crate::disk::Disk;
use crate::error::{Code, Context as _, Error, Finding, Result};
use crate::format::json::Cursor;
use crate::format::location::{Location, Place, Totals};
use crate::format::log_line::{self, Line};
use crate::format::names::{self, INDEX, IndexFile, MANIFEST};
use crate::format::run_header::{RUN_HEADER, RunHeader};
use crate::id::ObjectId;

/// Bytes of the longest line that is of interest: the first one of a run.
const LINE_MAX: usize = RUN_HEADER;
const _: () = assert!(LINE_MAX >= log_line::LINE_MAX);

/// A readable line.
#[derive(Clone, Copy)]
pub(crate) enum Told {
    /// An object was put there.
    Put(ObjectId, Location),
    /// An object was deleted.
    Delete(ObjectId),
}

/// A file of the index.
pub(crate) struct Leaf {
    pub(crate) path: String,
    pub(crate) is_log: bool,
}

/// The readable remains of an index.
pub(crate) struct Remains {
    /// Oldest first: the files that the manifest names, or all there are when it cannot tell.
    pub(crate) leaves: Vec<Leaf>,
    /// The first number that no file has.
    pub(crate) number: u32,
    /// Sums over the entries of all runs, if the manifest could be read.
    pub(crate) totals: Option<Totals>,
    /// Why the manifest could not be read.
    pub(crate) unreadable: Option<Finding>,
}

/// Findings about one file of the index, apart from its lines.
#[derive(Default)]
pub(crate) struct Found {
    /// The totals in its last commit line.
    pub(crate) totals: Option<Totals>,
    /// The last place that a run's entries have or had, as it says itself.
    pub(crate) reach: Option<Place>,
    /// Why the file could not be read.
    pub(crate) unreadable: Option<Finding>,
}

/// Looks for what there is of an index.
pub(crate) fn remains<D: Dir>(dir: &D) -> Result<Remains> {
    let (manifest, unreadable) = match read_manifest(dir) {
        Ok(manifest) => (Some(manifest), None),
        // The files that exist show what it listed.
        Err(Error::Corrupt(_)) => (None, None),
        Err(error) => (None, Some(error.into_finding(MANIFEST))),
    };
    let (mut found, mut next) = (Vec::new(), 0);
    for entry in dir.list(INDEX).during("list", INDEX)? {
        let Some(file) = names::index_file(&entry.name) else { continue };
        let (IndexFile::Log(number) | IndexFile::Run(number)) = file;
        next = next.max(u64::from(number) + 1);
        if entry.kind == Kind::File && manifest.as_ref().is_none_or(|manifest| manifest.names(&entry.name)) {
            let is_log = matches!(file, IndexFile::Log(_));
            // A log is younger than all runs that are live with it. Without a manifest, numbers tell.
            let age = if is_log && manifest.is_some() { u32::MAX } else { number };
            found.push((age, Leaf { path: format!("{INDEX}/{}", entry.name), is_log }));
        }
    }
    found.sort_by_key(|(age, _)| *age);
    let number = u32::try_from(next).map_err(|_| {
        let problem = "no number is left for an index file: remove the index file with the greatest one";
        Error::corrupt(INDEX, problem)
    })?;
    let leaves = found.into_iter().map(|(_, leaf)| leaf).collect();
    Ok(Remains { leaves, number, totals: manifest.map(|manifest| manifest.totals), unreadable })
}

/// Hands what the readable lines of a file tell to `visit`. Whatever is no line is stepped over. Deletions that no
/// commit line follows in a log have never happened.
pub(crate) fn read<D: Dir>(disk: &Disk<D>, leaf: &Leaf, mut visit: impl FnMut(Told) -> Result<()>) -> Result<Found> {
    let (mut totals, mut reach) = (None, None);
    let unreadable = |operation: &str, code: Code| {
        let problem = format!("cannot {operation} it: {code}; its entries are lost");
        Ok(Found { totals: None, reach: None, unreadable: Some(Finding { file: leaf.path.clone(), message: problem }) })
    };
    let file = match disk.open_read(&leaf.path) {
        Ok(file) => file,
        Err(code) => return unreadable("open", code),
    };
    let (mut buffer, mut position) = (Vec::new(), 0_u64);
    let mut batch = Vec::new();
    loop {
        let kept = buffer.len();
        buffer.resize(kept + disk.tuning.chunk, 0);
        let read = match read_full_at(&file, &mut buffer[kept..], position) {
            Ok(read) => read,
            Err(code) => return unreadable("read", code),
        };
        position += read as u64;
        buffer.truncate(kept + read);
        let mut used = 0;
        while let Some(len) = buffer[used..].iter().position(|byte| *byte == b'\n') {
            let text = &buffer[used..=used + len];
            used += len + 1;
            if !leaf.is_log {
                if let Some(header) = RunHeader::decode(text) {
                    reach = header.reach;
                }
                run_line(text).map_or(Ok(()), &mut visit)?;
                continue;
            }
            match log_line::parse(text) {
                Some(Line::Put(id, location)) => batch.push(Told::Put(id, location)),
                Some(Line::Delete(id)) => batch.push(Told::Delete(id)),
                Some(Line::Commit(commit)) => {
                    totals = Some(commit.totals);
                    batch.drain(..).try_for_each(&mut visit)?;
                }
                None if log_line::was_commit(text) => batch.drain(..).try_for_each(&mut visit)?,
                None => {}
            }
        }
        buffer.drain(..used);
        if buffer.len() > LINE_MAX {
            // The rest of a long line, as of fences: only its end can still be part of one of ours.
            buffer.drain(..buffer.len() - LINE_MAX);
        }
        if read == 0 {
            return Ok(Found { totals, reach, unreadable: None });
        }
    }
}

/// A line of a run, of whatever width.
fn run_line(text: &[u8]) -> Option<Told> {
    (text.len() <= log_line::LINE_MAX).then_some(())?;
    let dense: Vec<u8> = text.iter().copied().filter(|byte| *byte != b' ').collect();
    let mut rest = Cursor(&dense);
    rest.skip(b"{\"id\":\"").then_some(())?;
    let id = rest.id()?;
    if rest.skip(b"\",\"delete\":true") {
        return rest.end(b"}\n").map(|()| Told::Delete(id));
    }
    Some(Told::Put(id, rest.location()?))
}
