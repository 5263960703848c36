//! What the user sees of an import or an export.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use loosepack::{Finding, ObjectId};
use loosepack_disk_objectstore::{Counts, Error, Report, Stopped};
use serde_json::json;

use crate::failure::{Failure, Outcome};
use crate::input::cannot;
use crate::names::shown;
use crate::output::Format;
use crate::progress::Progress;
use crate::session::Session;

/// Shows and prints what an import or an export reports.
pub(crate) struct Shown<'a, 'b> {
    session: &'a mut Session<'b>,
    progress: Progress,
    format: Format,
    /// The other container, for messages.
    other: &'a Path,
    map: Option<Map<'a>>,
    /// Why it was stopped.
    failure: Option<Failure>,
}

/// A file of lines `ID  OLD`.
struct Map<'a> {
    path: &'a Path,
    file: BufWriter<File>,
}

impl<'a, 'b> Shown<'a, 'b> {
    /// `other`: the directory of the other container.
    pub(crate) fn new(session: &'a mut Session<'b>, format: Format, other: &'a Path) -> Self {
        let progress = session.progress();
        Shown { session, progress, format, other, map: None, failure: None }
    }

    /// Objects that get another name are written to this file, after what it holds already.
    pub(crate) fn with_map(mut self, path: Option<&'a Path>) -> Result<Self, Failure> {
        if let Some(path) = path {
            let opened = OpenOptions::new().append(true).create(true).open(path);
            let file = opened.map_err(|error| cannot("open", path, &error))?;
            self.map = Some(Map { path, file: BufWriter::new(file) });
        }
        Ok(self)
    }

    /// How it ended. `summary` words what was done.
    pub(crate) fn end(
        mut self,
        result: Result<Counts, Error>,
        summary: impl FnOnce(&Counts) -> String,
    ) -> Result<Outcome, Failure> {
        self.progress.clear();
        let counts = match (result, self.failure) {
            (_, Some(failure)) => return Err(failure),
            (Err(Error::Store(error)), _) => return Err(self.session.failure(error)),
            (Err(error), _) => return Err(error.to_string().into()),
            (Ok(counts), None) => counts,
        };
        if self.format.json {
            let Counts { objects, bytes, present, removed, problems, .. } = counts;
            self.session.out.json(&json!({
                "objects": objects,
                "bytes": bytes,
                "present": present,
                "removed-packs": removed,
                "problems": problems,
            }))?;
        } else {
            self.session.out.line(&summary(&counts))?;
        }
        Ok(if counts.problems == 0 { Outcome::Done } else { Outcome::Lacking })
    }

    fn finding(&mut self, kind: &str, word: &str, finding: &Finding) {
        let Finding { file, message } = finding;
        let other = shown(self.other);
        if self.format.json {
            let printed = self.session.out.json(&json!({ "file": file, kind: message }));
            self.failure = self.failure.take().or(printed.err());
        } else {
            self.progress.tell(format!("{other}: {word}: {file}: {message}"));
        }
    }

    fn write(&mut self, counts: &Counts, renamed: &[(String, ObjectId)]) -> Result<(), Failure> {
        if let Some(Map { path, file }) = &mut self.map {
            let written = renamed.iter().try_for_each(|(old, id)| writeln!(file, "{id}  {old}"));
            // It must outlive the objects' old names.
            let written = written.and_then(|()| file.flush()).and_then(|()| file.get_ref().sync_data());
            written.map_err(|error| cannot("write", path, &error))?;
        } else {
            for (old, id) in renamed {
                match self.format.json {
                    true => self.session.out.json(&json!({ "id": id.to_string(), "path": old }))?,
                    false => self.session.out.id_line(id, &format!("  {old}"))?,
                }
            }
        }
        if self.format.json {
            self.session.out.json(&json!({ "done": counts.done, "total": counts.total }))?;
            self.session.out.flush()?;
        }
        Ok(())
    }
}

impl Report for Shown<'_, '_> {
    fn progress(&mut self, counts: &Counts) {
        self.progress.job(counts.done, counts.total, counts.objects, counts.bytes);
    }

    fn problem(&mut self, finding: &Finding) {
        self.finding("problem", "damaged", finding);
    }

    fn note(&mut self, finding: &Finding) {
        if !self.session.is_quiet() {
            self.finding("note", "note", finding);
        }
    }

    fn committed(&mut self, counts: &Counts, renamed: &[(String, ObjectId)]) -> Result<(), Stopped> {
        if self.failure.is_none() {
            self.failure = self.write(counts, renamed).err();
        }
        if self.failure.is_none() { Ok(()) } else { Err(Stopped) }
    }
}
