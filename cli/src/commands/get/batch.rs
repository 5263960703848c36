//! `loosepack get --batch`: ids in, objects out, in the manner of `git cat-file --batch`.

use loosepack::{Error, ObjectId, Store};

use super::PIECE;
use crate::failure::{Failure, Outcome};
use crate::fetch::{Fetched, TOGETHER};
use crate::ids::{BATCH, LINE_MAX, parse};
use crate::lines::{Line, Lines};
use crate::names::shown;
use crate::session::Session;

/// Letters of an invalid line that its answer repeats.
const REPEATED: usize = 200;

/// Answers the ids on standard input, in order, until it ends.
pub(super) fn answer(session: &mut Session<'_>, store: &dyn Store) -> Result<Outcome, Failure> {
    let mut lines = Lines::standard(LINE_MAX);
    let (mut outcome, mut ids) = (Outcome::Done, Vec::new());
    loop {
        let waits = lines.would_wait()?;
        if waits || ids.len() == BATCH {
            outcome = outcome.max(objects(session, store, &ids)?);
            ids.clear();
        }
        if waits {
            session.out.flush()?;
        }
        let id = match lines.next()? {
            None => return Ok(outcome.max(objects(session, store, &ids)?)),
            Some(Line::Text(b"" | b"\r")) => continue,
            Some(Line::Text(line)) => parse(line).map_err(|_| String::from_utf8_lossy(line).into_owned()),
            Some(Line::TooLong) => Err("a line that is too long".into()),
        };
        match id {
            Ok(id) => ids.push(id),
            Err(text) => {
                outcome = objects(session, store, &ids)?.max(Outcome::Failed);
                ids.clear();
                let text: String = shown(text).chars().take(REPEATED).collect();
                session.out.line(&format!("{text} invalid"))?;
            }
        }
    }
}

/// Answers ids.
fn objects(session: &mut Session<'_>, store: &dyn Store, ids: &[ObjectId]) -> Result<Outcome, Failure> {
    let fetched = Fetched::read(store, ids).map_err(|error| session.failure(error))?;
    let mut outcome = Outcome::Done;
    for (id, bytes) in fetched.objects() {
        let answered = match bytes {
            Some(bytes) => found(session, id, bytes).map(Ok)?,
            None => alone(session, store, id)?,
        };
        let reason = match answered {
            Ok(()) => continue,
            Err(Error::NotFound(_)) => " missing".into(),
            Err(Error::Corrupt(finding)) => format!(" damaged {}", shown(finding.to_string())),
            Err(error) => return Err(session.failure(error)),
        };
        session.out.id_line(id, &reason)?;
        outcome = Outcome::Lacking;
    }
    Ok(outcome)
}

fn found(session: &mut Session<'_>, id: &ObjectId, bytes: &[u8]) -> Result<(), Failure> {
    session.out.id_line(id, &format!(" {}", bytes.len()))?;
    session.out.bytes_line(bytes, b'\n')
}

/// Answers an id whose object is read by itself. It is checked to its end before its first byte is written: one that
/// does not fit into memory is read twice for that. The inner error is about the object, of which nothing was written.
fn alone(session: &mut Session<'_>, store: &dyn Store, id: &ObjectId) -> Result<Result<(), Error>, Failure> {
    let (mut content, mut size) = (Vec::new(), 0_u64);
    let checked = pieces(store, id, |piece| {
        size += piece.len() as u64;
        if size <= TOGETHER as u64 {
            content.extend_from_slice(piece);
        }
        Ok(())
    });
    match checked {
        Err(Stopped::Reading(error)) => return Ok(Err(error)),
        Err(Stopped::Writing(failure)) => return Err(failure),
        Ok(()) => {}
    }
    if size == content.len() as u64 {
        return found(session, id, &content).map(Ok);
    }
    drop(content);
    session.out.id_line(id, &format!(" {size}"))?;
    pieces(store, id, |piece| session.out.bytes(piece)).map_err(|stopped| match stopped {
        Stopped::Reading(error) => session.failure(error).and("the answer is cut short"),
        Stopped::Writing(failure) => failure,
    })?;
    session.out.line("").map(Ok)
}

/// Why an object was not passed on to its end.
enum Stopped {
    Reading(Error),
    Writing(Failure),
}

/// Passes on the bytes of an object.
fn pieces(store: &dyn Store, id: &ObjectId, mut take: impl FnMut(&[u8]) -> Result<(), Failure>) -> Result<(), Stopped> {
    let mut reader = store.reader(id).map_err(Stopped::Reading)?;
    // At least a byte, so that the end of an empty object is checked as well.
    let mut buffer = vec![0; reader.size().clamp(1, PIECE) as usize];
    loop {
        match reader.read(&mut buffer).map_err(Stopped::Reading)? {
            0 => return Ok(()),
            read => take(&buffer[..read]).map_err(Stopped::Writing)?,
        }
    }
}
