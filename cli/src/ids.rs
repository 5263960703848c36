//! The objects that a command line names.

use std::io::{self, BufRead};

use loosepack::{Error, ObjectId};

use crate::failure::{Failure, Outcome, tell};
use crate::{STANDARD, names};

/// Ids that are looked up together.
pub(crate) const BATCH: usize = 8192;

/// Bytes that are kept of a line at most. A longer one, as of a long name after `--tag`, is read to its end all the
/// same.
pub(crate) const LINE_MAX: usize = 64 << 10;

/// The byte order mark that some programs put before UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Which objects.
#[derive(Debug, clap::Args)]
pub(crate) struct Ids {
    /// Objects; `-` reads lines from standard input: an ID, what `add` and sha256sum print (also with --tag or
    /// --zero), or JSON of our own
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,
}

/// The id in an argument or a line.
pub(crate) fn parse(text: &[u8]) -> Result<ObjectId, Error> {
    names::id(text).ok_or_else(|| Error::InvalidId(String::from_utf8_lossy(text).into_owned()))
}

/// Gives `visit` the ids that the arguments name, in their order and in batches. What is no id is reported, and left
/// out.
pub(crate) fn each_batch(
    ids: &Ids,
    mut visit: impl FnMut(&[ObjectId]) -> Result<Outcome, Failure>,
) -> Result<Outcome, Failure> {
    let mut batch = Vec::new();
    let mut outcome = Outcome::Done;
    let mut take = |id: Result<ObjectId, String>| {
        match id {
            Ok(id) => batch.push(id),
            Err(message) => {
                tell(message);
                outcome = Outcome::Failed;
            }
        }
        if batch.len() == BATCH {
            outcome = outcome.max(visit(&batch)?);
            batch.clear();
        }
        Ok::<(), Failure>(())
    };
    for argument in &ids.ids {
        if argument != STANDARD {
            take(parse(argument.as_bytes()).map_err(|error| error.to_string()))?;
            continue;
        }
        let (mut input, mut number, mut line) = (io::stdin().lock(), 0, Vec::new());
        while next_line(&mut input, &mut line, &[b'\n', 0])? {
            number += 1;
            let line = match number {
                1 => line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line),
                _ => &line,
            };
            if !line.is_empty() {
                take(parse(line).map_err(|error| format!("standard input, line {number}: {error}")))?;
            }
        }
    }
    if batch.is_empty() { Ok(outcome) } else { Ok(outcome.max(visit(&batch)?)) }
}

/// Reads the objects that are to be kept when all others are deleted. A list with a line that is no id is none, and an
/// empty one a slip unless that is said.
pub(crate) fn read_keep_list(ids: &Ids, allow_empty: bool) -> Result<Vec<ObjectId>, Failure> {
    let mut keep: Vec<ObjectId> = Vec::new();
    let read = each_batch(ids, |ids| {
        keep.extend_from_slice(ids);
        Ok(Outcome::Done)
    })?;
    if read == Outcome::Failed {
        return Err("nothing was deleted".to_string().into());
    }
    if keep.is_empty() && !allow_empty {
        let problem = "the list is empty, which would delete all objects: nothing was deleted; if that is meant, say \
                       --allow-empty";
        return Err(problem.to_string().into());
    }
    Ok(keep)
}

/// Reads the next line, without its end, which is one of `ends`; whether there was one.
pub(crate) fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>, ends: &[u8]) -> Result<bool, Failure> {
    line.clear();
    let mut any = false;
    loop {
        let read = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map_err(|error| format!("cannot read standard input: {error}"))?,
        };
        if read.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = read.iter().position(|byte| ends.contains(byte));
        let part = &read[..end.unwrap_or(read.len())];
        line.extend_from_slice(&part[..part.len().min(LINE_MAX - line.len())]);
        let used = end.map_or(read.len(), |end| end + 1);
        input.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}
