//! Reading tar archives of which nothing is believed: from start to end, with bounded memory.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read};
use std::rc::Rc;

use tar::{Archive, Entry, EntryType};

/// Most bytes of the headers of one member: its long name, the target of its link, its extensions.
const HEADERS_MAX: u64 = 2 << 20;
/// The unit of tar, to which members are padded.
const BLOCK: u64 = 512;

/// A member of an archive.
pub(crate) struct Member<'a> {
    /// Its path as the archive has it.
    pub(crate) path: Vec<u8>,
    /// What it is.
    pub(crate) kind: Kind<'a>,
}

/// What a member is.
pub(crate) enum Kind<'a> {
    /// A file, and its content.
    File(Content<'a>),
    /// Another name of an earlier member: the path of that.
    HardLink(Vec<u8>),
    /// A folder.
    Folder,
    /// Neither file nor folder, as a symbolic link or a device.
    Other,
    /// Something that cannot be read, and why.
    Unreadable(&'static str),
}

/// The content of a file.
pub(crate) struct Content<'a> {
    read: &'a mut dyn Read,
    left: u64,
}

impl Content<'_> {
    /// Bytes that have not been read yet.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }
}

/// Fails where an archive ends before the file does, which must not pass for the end of the file.
impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.read.read(buffer)?;
        if length == 0 && self.left > 0 && !buffer.is_empty() {
            let message = format!("the archive ends {} bytes before the file does", self.left);
            return Err(io::Error::new(ErrorKind::UnexpectedEof, message));
        }
        self.left = self.left.saturating_sub(length as u64);
        Ok(length)
    }
}

/// Calls `visit` with each member of an archive, in order.
///
/// # Errors
/// Those of `visit`; and, converted, that the archive is damaged, is cut off or cannot be read. A cut at the start of a
/// member shows only by the end mark that is missing: all members have been visited then.
pub(crate) fn each<E: From<io::Error>>(
    input: impl Read,
    mut visit: impl FnMut(Member<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let allowance = Rc::new(Allowance { left: Cell::new(0), read: Cell::new(0), ended: Cell::new(false) });
    let mut archive = Archive::new(Metered { input, allowance: Rc::clone(&allowance) });
    let mut entries = archive.entries().map_err(E::from)?;
    // Bytes of the last member that are still to be skipped, without its padding.
    let mut skipped = 0;
    loop {
        let start = allowance.read.get().saturating_add(skipped).next_multiple_of(BLOCK);
        allowance.left.set(HEADERS_MAX.saturating_add(skipped).saturating_add(BLOCK));
        let Some(entry) = entries.next() else { break };
        let mut entry = entry.map_err(|error| E::from(damaged(start, &error)))?;
        allowance.left.set(u64::MAX);
        skipped = match entry.header().entry_type() {
            // Its size is that of the file with its holes.
            EntryType::GNUSparse => entry.header().entry_size().map_err(E::from)?,
            _ => entry.size(),
        };
        let is_file = describe(&mut entry, &mut visit)?;
        if is_file {
            skipped = 0;
        }
    }
    if allowance.ended.get() {
        let message = match allowance.read.get() {
            0 => "there is nothing on standard input: give it a tar archive".into(),
            read => format!("the archive has no end mark at byte {read}: it may be cut off"),
        };
        return Err(io::Error::new(ErrorKind::UnexpectedEof, message).into());
    }
    // A program that writes the archive through a pipe pads it after the end mark.
    allowance.left.set(HEADERS_MAX);
    let _ = io::copy(&mut archive.into_inner(), &mut io::sink());
    Ok(())
}

/// Calls `visit` with an entry; returns whether it was a file. A file that was not read to its end has been skipped.
fn describe<E: From<io::Error>>(
    entry: &mut Entry<'_, impl Read>,
    visit: &mut impl FnMut(Member<'_>) -> Result<(), E>,
) -> Result<bool, E> {
    let path = entry.path_bytes().into_owned();
    let kind = match entry.header().entry_type() {
        // Old archives mark folders by the slash alone.
        EntryType::Regular | EntryType::Continuous if path.ends_with(b"/") => Kind::Folder,
        EntryType::Regular | EntryType::Continuous if is_sparse(entry) => Kind::Unreadable(SPARSE),
        EntryType::Regular | EntryType::Continuous => {
            let left = entry.size();
            let mut content = Content { read: entry, left };
            // A member of `content` cannot be given away and be read afterwards, so that a copy is given.
            let given = Content { read: &mut content, left };
            visit(Member { path, kind: Kind::File(given) })?;
            io::copy(&mut content, &mut io::sink())?;
            return Ok(true);
        }
        EntryType::GNUSparse => Kind::Unreadable(SPARSE),
        EntryType::Link => match entry.link_name_bytes() {
            Some(target) => Kind::HardLink(target.into_owned()),
            None => Kind::Unreadable("it is a hard link without a target"),
        },
        EntryType::Directory => Kind::Folder,
        // Settings for all members: of git, the name of a commit.
        EntryType::XGlobalHeader => return Ok(false),
        _ => Kind::Other,
    };
    visit(Member { path, kind })?;
    Ok(false)
}

const SPARSE: &str = "it is a sparse file: make the archive without `--sparse`";

/// Returns whether the extensions of an entry make it a sparse file, whose content is not that of the file.
fn is_sparse(entry: &mut Entry<'_, impl Read>) -> bool {
    let is_sparse = |key: &[u8]| key.starts_with(b"GNU.sparse.");
    match entry.pax_extensions() {
        Ok(Some(mut extensions)) => extensions.any(|found| found.is_ok_and(|found| is_sparse(found.key_bytes()))),
        _ => false,
    }
}

fn damaged(start: u64, error: &io::Error) -> io::Error {
    let remedy = if start == 0 { " (decompress it first if it is compressed)" } else { "" };
    // The library quotes bytes of the archive.
    let why: String = error.to_string().chars().filter(|character| !character.is_control()).collect();
    io::Error::new(error.kind(), format!("no tar archive from byte {start} on: {why}{remedy}"))
}

/// How much may be read, and what was.
struct Allowance {
    left: Cell<u64>,
    read: Cell<u64>,
    ended: Cell<bool>,
}

/// The archive as it comes. The library reads headers into memory whatever their length: an allowance stops it.
struct Metered<R> {
    input: R,
    allowance: Rc<Allowance>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.allowance.left.get();
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if most == 0 && !buffer.is_empty() {
            return Err(io::Error::other(format!("the headers of a member take more than {HEADERS_MAX} bytes")));
        }
        let length = self.input.read(&mut buffer[..most])?;
        self.allowance.left.set(left - length as u64);
        self.allowance.read.set(self.allowance.read.get() + length as u64);
        if length == 0 && !buffer.is_empty() {
            self.allowance.ended.set(true);
        }
        Ok(length)
    }
}
