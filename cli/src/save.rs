//! Writing an object, or other bytes, to a file, which appears or is replaced when it is complete.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use loosepack::store::Reader;

use crate::failure::Failure;
use crate::input::cannot;
use crate::names::shown;
use crate::session::Session;

/// Bytes that are read and written at once: whole blocks.
const PIECE: u64 = 256 << 10;

/// Bytes of a block of zeros that is left out of a sparse file: what file systems allocate at least.
const BLOCK: usize = 4096;

/// Writes what a reader gives to a file. `sparse`: blocks of zeros become holes.
pub(crate) fn save(session: &Session<'_>, reader: &mut dyn Reader, path: &Path, sparse: bool) -> Result<(), Failure> {
    let failed = |operation: &'static str| move |error: io::Error| Failure::from(cannot(operation, path, &error));
    let found = fs::metadata(path).ok();
    // Its name says so, or it is one.
    if found.as_ref().is_some_and(fs::Metadata::is_dir) || shown(path).ends_with('/') {
        return Err(failed("write")(io::ErrorKind::IsADirectory.into()));
    }
    session.writes()?;
    if found.is_some_and(|found| !found.is_file()) {
        // A device or a pipe cannot be replaced by a rename.
        let mut file = OpenOptions::new().write(true).open(path).map_err(failed("open"))?;
        return copy(session, reader, path, |bytes| file.write_all(bytes));
    }
    let mut output = Output::create(session, path).map_err(failed("create"))?;
    let file = &mut output.file;
    if sparse {
        copy(session, reader, path, |bytes| write_sparse(file, bytes))?;
        // A hole at the end is part of the file only by its length.
        file.stream_position().and_then(|end| file.set_len(end)).map_err(failed("write"))?;
    } else {
        copy(session, reader, path, |bytes| file.write_all(bytes))?;
    }
    output.put_in_place().map_err(failed("write"))
}

/// Writes bytes to a file.
pub(crate) fn save_bytes(session: &Session<'_>, bytes: &[u8], path: &Path) -> Result<(), Failure> {
    save(session, &mut Bytes { bytes, position: 0 }, path, false)
}

/// Bytes in memory, as a reader.
struct Bytes<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Reader for Bytes<'_> {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&mut self, buffer: &mut [u8]) -> loosepack::Result<usize> {
        let rest = &self.bytes[self.position..];
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        self.position += read;
        Ok(read)
    }

    fn seek(&mut self, position: u64) -> loosepack::Result<()> {
        self.position = usize::try_from(position).map_or(self.bytes.len(), |position| position.min(self.bytes.len()));
        Ok(())
    }
}

/// Gives all bytes to `write`, [`PIECE`] at a time.
fn copy(
    session: &Session<'_>,
    reader: &mut dyn Reader,
    path: &Path,
    mut write: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut buffer = vec![0; reader.size().clamp(1, PIECE) as usize];
    loop {
        match reader.read(&mut buffer).map_err(|error| session.failure(error))? {
            0 => return Ok(()),
            read => write(&buffer[..read]).map_err(|error| match error.kind() {
                io::ErrorKind::BrokenPipe => Failure::ReaderGone,
                _ => cannot("write", path, &error).into(),
            })?,
        }
    }
}

/// Writes bytes that start at a block, but steps over blocks of zeros.
fn write_sparse(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    let is_zero = |block: &[u8]| *block == [0; BLOCK][..block.len()];
    let blocks: Vec<&[u8]> = bytes.chunks(BLOCK).collect();
    let mut rest = bytes;
    for run in blocks.chunk_by(|a, b| is_zero(a) == is_zero(b)) {
        let (run_bytes, others) = rest.split_at(run.iter().map(|block| block.len()).sum());
        if is_zero(run[0]) {
            file.seek(SeekFrom::Current(run_bytes.len() as i64))?;
        } else {
            file.write_all(run_bytes)?;
        }
        rest = others;
    }
    Ok(())
}

/// An output file that is being written, beside its place and under another name.
struct Output<'a> {
    session: &'a Session<'a>,
    file: File,
    target: PathBuf,
    /// Where it is written to; empty once it is in place.
    temporary: PathBuf,
}

impl<'a> Output<'a> {
    fn create(session: &'a Session<'_>, path: &Path) -> io::Result<Self> {
        // A rename would replace the link itself, and not what it leads to.
        let target = if path.is_symlink() { path.canonicalize()? } else { path.to_path_buf() };
        let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let named = |start: &OsStr, attempt: u32| {
            let mut hidden = OsString::from(".");
            hidden.push(start);
            hidden.push(format!(".{}-{attempt}.part", process()));
            target.with_file_name(hidden)
        };
        let (mut start, mut attempt) = (name, 0);
        loop {
            let temporary = named(start, attempt);
            let mut create = || OpenOptions::new().write(true).create_new(true).open(&temporary);
            match session.host.make(&temporary, &mut create) {
                Ok(file) => {
                    let output = Output { session, file, target, temporary };
                    // The permissions are those of the file that is replaced.
                    if let Ok(found) = fs::metadata(&output.target) {
                        // Where there are no permissions, there is nothing to keep.
                        let _ = fs::set_permissions(&output.temporary, found.permissions());
                    }
                    return Ok(output);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => attempt += 1,
                // A name that just fits leaves no room for what is added to it.
                Err(error) if error.kind() == io::ErrorKind::InvalidFilename && start == name => {
                    start = OsStr::new("loosepack");
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn put_in_place(mut self) -> io::Result<()> {
        fs::rename(&self.temporary, &self.target)?;
        self.session.host.made(&self.temporary);
        self.temporary = PathBuf::new();
        Ok(())
    }
}

impl Drop for Output<'_> {
    fn drop(&mut self) {
        if !self.temporary.as_os_str().is_empty() {
            // A file that cannot be removed stays beside the target, under a telling name.
            let _ = fs::remove_file(&self.temporary);
            self.session.host.made(&self.temporary);
        }
    }
}

/// The number of this process; WASI has none.
pub(crate) fn process() -> u32 {
    if cfg!(target_os = "wasi") { 0 } else { std::process::id() }
}
