//! The objects that a command line names.

use std::io::{self, BufRead, Read as _};

use loosepack::cli::{STANDARD, names};
use loosepack::{Error, ObjectId};

use crate::failure::{Failure, Outcome, tell};

/// Ids that are looked up together.
const BATCH: usize = 8192;

/// What is read of a line: more than an id, and what tells that a name follows. Of the rest nothing depends.
const LINE_START: u64 = 128;

/// The id in an argument or a line.
pub(crate) fn parse(text: &[u8]) -> Result<ObjectId, Error> {
    names::id(text).ok_or_else(|| Error::InvalidId(String::from_utf8_lossy(text).into_owned()))
}

/// Give `visit` the ids that `arguments` name, in their order and in batches. What is no id is told, and left out.
pub(crate) fn each_batch(
    arguments: &[String],
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
    for argument in arguments {
        if argument != STANDARD {
            take(parse(argument.as_bytes()).map_err(|error| error.to_string()))?;
            continue;
        }
        let (mut input, mut number) = (io::stdin().lock(), 0);
        while let Some(line) = next_line(&mut input)? {
            number += 1;
            if !line.is_empty() {
                take(parse(&line).map_err(|error| format!("standard input, line {number}: {error}")))?;
            }
        }
    }
    if batch.is_empty() { Ok(outcome) } else { Ok(outcome.max(visit(&batch)?)) }
}

/// The start of the next line, without its end; `None` when there are no more.
fn next_line(input: &mut impl BufRead) -> Result<Option<Vec<u8>>, Failure> {
    let failed = |error: io::Error| format!("cannot read standard input: {error}");
    let mut line = Vec::new();
    if input.by_ref().take(LINE_START).read_until(b'\n', &mut line).map_err(failed)? == 0 {
        return Ok(None);
    }
    if line.pop_if(|last| *last == b'\n').is_none() && line.len() as u64 == LINE_START {
        input.skip_until(b'\n').map_err(failed)?;
    }
    Ok(Some(line))
}
