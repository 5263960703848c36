//! `tarstore export`: an archive of the files of a list.

use std::io::{self, BufWriter, Write as _};
use std::mem;

use loosepack_guest::container::Container;
use loosepack_guest::store_types::{Access, Error};
use tar::{Builder, EntryType, Header};

use crate::container;
use crate::failure::{Failure, Outcome, report, shown};
use crate::lines::{self, Line};
use crate::object::Object;

/// Bytes that are written at once.
const PIECE: usize = 256 << 10;
/// Who may do what with each file: its owner may read and write, others may read.
const MODE: u32 = 0o644;
/// The name of a member that has the name of the next one.
const LONG_NAME: &[u8] = b"././@LongLink";

/// Reads a list from standard input, and writes an archive to standard output. When an object is damaged, the archive
/// ends there, without an end mark.
pub(crate) fn export(path: &str) -> Result<Outcome, Failure> {
    let container = container::open(path, Access::ReadOnly)?;
    let mut archive = Builder::new(BufWriter::with_capacity(PIECE, io::stdout().lock()));
    let mut outcome = Outcome::Complete;
    let listed = lines::each(io::stdin().lock(), |line| {
        outcome = if append(path, &container, &mut archive, &line)? { outcome } else { Outcome::Incomplete };
        Ok(())
    });
    if let Err(failure) = listed {
        let _ = archive.get_mut().flush();
        // Dropped, it would write the end mark.
        mem::forget(archive);
        return Err(failure);
    }
    let written = archive.into_inner().and_then(|mut out| out.flush());
    written.map_err(|error| Failure::cannot("write the archive to standard output", error))?;
    Ok(outcome)
}

/// Appends a file; returns whether it could be.
fn append(
    path: &str,
    container: &Container,
    archive: &mut Builder<impl io::Write>,
    line: &Line,
) -> Result<bool, Failure> {
    let Some(name) = relative(&line.path) else {
        report(&line.path, "a path in an archive is relative, without `..`; it is left out");
        return Ok(false);
    };
    let reader = match container.reader(&line.id) {
        Ok(reader) => reader,
        Err(error @ (Error::NotFound(_) | Error::Corrupt(_))) => {
            report(&line.path, format_args!("{}; it is left out", error.message()));
            return Ok(false);
        }
        Err(error) => return Err(container::failure(path, &error)),
    };
    let size = reader.size();
    append_file(archive, &name, size, Object::new(reader))
        .map_err(|error| Failure(format!("{}: {error}; the archive ends here", shown(&line.path))))?;
    Ok(true)
}

/// Appends a file of any name: the library's own function for that takes UTF-8 only.
fn append_file(archive: &mut Builder<impl io::Write>, name: &[u8], size: u64, content: Object) -> io::Result<()> {
    let mut header = header(EntryType::Regular, name, size);
    if name.len() > header.as_old().name.len() {
        let text = [name, b"\0"].concat();
        let mut long = self::header(EntryType::GNULongName, LONG_NAME, text.len() as u64);
        long.set_cksum();
        archive.append(&long, &text[..])?;
    }
    header.set_cksum();
    archive.append(&header, content)
}

/// A header with as much of a name as fits.
fn header(kind: EntryType, name: &[u8], size: u64) -> Header {
    let mut header = Header::new_gnu();
    let field = &mut header.as_old_mut().name;
    let length = name.len().min(field.len());
    field[..length].copy_from_slice(&name[..length]);
    header.set_entry_type(kind);
    header.set_mode(MODE);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header
}

/// The path without what leads nowhere; `None` if it leads out, or is none of a file.
fn relative(path: &[u8]) -> Option<Vec<u8>> {
    if path.starts_with(b"/") || path.ends_with(b"/") || path.contains(&0) {
        return None;
    }
    let names = path.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b"."));
    let names: Vec<&[u8]> = names.collect();
    (!names.is_empty() && !names.contains(&&b".."[..])).then(|| names.join(&b'/'))
}
