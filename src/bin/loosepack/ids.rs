//! The objects that a command line names.

use std::io::{self, BufRead};

use loosepack::cli::{STANDARD, names};
use loosepack::{Error, ObjectId};

use crate::failure::{Failure, Outcome, tell};

/// Ids that are looked up together.
const BATCH: usize = 8192;

/// What is read of a line: more than an id, and what tells that a name follows. Of the rest nothing depends.
const LINE_START: usize = 128;

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

/// The start of the next line, without its end; `None` when there are no more. A NUL ends a line as well, as in what
/// `sha256sum -z` prints.
fn next_line(input: &mut impl BufRead) -> Result<Option<Vec<u8>>, Failure> {
    let (mut line, mut any) = (Vec::new(), false);
    loop {
        let read = input.fill_buf().map_err(|error| format!("cannot read standard input: {error}"))?;
        if read.is_empty() {
            return Ok(any.then_some(line));
        }
        any = true;
        let end = read.iter().position(|byte| matches!(byte, b'\n' | 0));
        let part = &read[..end.unwrap_or(read.len())];
        line.extend_from_slice(&part[..part.len().min(LINE_START - line.len())]);
        let used = end.map_or(read.len(), |end| end + 1);
        input.consume(used);
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}
