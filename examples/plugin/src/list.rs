//! `tarstore list`: sizes of the files of a list.

use std::io::{self, BufWriter, Write as _};

use loosepack_guest::container::Container;
use loosepack_guest::store_types::Access;

use crate::container;
use crate::failure::{Failure, Outcome, report};
use crate::lines::{self, Line};

/// Lines that are looked up together.
const TOGETHER: usize = 4096;

/// Reads a list from standard input, and prints the size and the path of each of its files.
pub(crate) fn list(path: &str) -> Result<Outcome, Failure> {
    let container = container::open(path, Access::ReadOnly)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut outcome = Outcome::Complete;
    let mut gathered = Vec::new();
    let mut print = |gathered: &mut Vec<Line>| {
        outcome = if show(path, &container, &mut out, gathered)? { outcome } else { Outcome::Incomplete };
        gathered.clear();
        Ok(())
    };
    lines::each(io::stdin().lock(), |line| {
        gathered.push(line);
        if gathered.len() == TOGETHER { print(&mut gathered) } else { Ok(()) }
    })?;
    print(&mut gathered)?;
    out.flush().map_err(cannot_print)?;
    Ok(outcome)
}

/// Prints the lines of objects that exist; returns whether all do.
fn show(path: &str, container: &Container, out: &mut impl io::Write, lines: &[Line]) -> Result<bool, Failure> {
    let ids: Vec<u8> = lines.iter().flat_map(|line| line.digest).collect();
    let found = container.info_many(&ids).map_err(|error| container::failure(path, &error))?;
    let mut all = true;
    for (line, info) in lines.iter().zip(found) {
        match info {
            Some(info) => {
                let text = lines::line(&format!("{:>12}", info.size), &line.path);
                out.write_all(&text).map_err(cannot_print)?;
            }
            None => {
                report(&line.path, format_args!("no object {}", line.id));
                all = false;
            }
        }
    }
    Ok(all)
}

fn cannot_print(error: io::Error) -> Failure {
    Failure::cannot("write to standard output", error)
}
