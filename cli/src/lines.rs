//! Lines of input, for protocols: whether the next one is there already decides when answers are sent.

use std::io::{self, Read, Stdin};

use crate::failure::Failure;

/// Bytes that are read at once: what a pipe holds.
const PIECE: usize = 64 << 10;

/// Lines, each at most as long as a limit.
pub(crate) struct Lines<R> {
    input: R,
    /// Whether the input can be read without waiting.
    is_readable: fn(&R) -> bool,
    limit: usize,
    /// Bytes that have been read. Lines before `start` were given out.
    buffer: Vec<u8>,
    start: usize,
    /// There is no line end between `start` and this place.
    scanned: usize,
    /// The start of the current line was too long, and dropped.
    dropped: bool,
    ended: bool,
}

/// A line, without its end.
pub(crate) enum Line<'a> {
    Text(&'a [u8]),
    /// It has more bytes than the limit.
    TooLong,
}

impl Lines<Stdin> {
    /// Lines of standard input, of at most `limit` bytes each.
    pub(crate) fn standard(limit: usize) -> Self {
        Lines::new(io::stdin(), is_readable, limit)
    }
}

impl<R: Read> Lines<R> {
    fn new(input: R, is_readable: fn(&R) -> bool, limit: usize) -> Self {
        Lines { input, is_readable, limit, buffer: Vec::new(), start: 0, scanned: 0, dropped: false, ended: false }
    }

    /// The next line; `None` at the end. Waits for it.
    pub(crate) fn next(&mut self) -> Result<Option<Line<'_>>, Failure> {
        while !self.has_line() && !self.ended {
            self.fill()?;
        }
        let (start, end) = (self.start, self.scanned);
        if start == self.buffer.len() && !self.dropped {
            return Ok(None);
        }
        // What follows the last line end is a line as well.
        self.start = self.buffer.len().min(end + 1);
        self.scanned = self.start;
        Ok(Some(if std::mem::take(&mut self.dropped) { Line::TooLong } else { Line::Text(&self.buffer[start..end]) }))
    }

    /// Returns whether the next line would have to be waited for.
    pub(crate) fn would_wait(&mut self) -> Result<bool, Failure> {
        while !self.has_line() && !self.ended {
            if !(self.is_readable)(&self.input) {
                return Ok(true);
            }
            self.fill()?;
        }
        Ok(false)
    }

    /// Looks for the end of the current line, and goes there.
    fn has_line(&mut self) -> bool {
        let found = self.buffer[self.scanned..].iter().position(|byte| *byte == b'\n');
        self.scanned = found.map_or(self.buffer.len(), |place| self.scanned + place);
        self.dropped |= self.scanned - self.start > self.limit;
        if self.dropped {
            self.start = self.scanned;
        }
        found.is_some()
    }

    fn fill(&mut self) -> Result<(), Failure> {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.scanned = self.buffer.len();
        self.buffer.resize(self.scanned + PIECE, 0);
        let read = loop {
            match self.input.read(&mut self.buffer[self.scanned..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.buffer.truncate(self.scanned + *read.as_ref().unwrap_or(&0));
        self.ended = read.map_err(|error| format!("cannot read standard input: {error}"))? == 0;
        Ok(())
    }
}

/// Returns whether standard input can be read without waiting.
#[cfg(unix)]
fn is_readable(input: &Stdin) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(input, PollFlags::IN)], Some(&now)).is_ok_and(|ready| ready > 0)
}

/// Elsewhere that is not known, and only what has been read counts.
#[cfg(not(unix))]
fn is_readable(_: &Stdin) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives these pieces, one in each read, and then the end.
    struct Pieces(Vec<&'static [u8]>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let piece = self.0.remove(0);
            buffer[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    /// Its lines; one that is too long is a `!`.
    fn lines(pieces: &[&'static [u8]]) -> Vec<String> {
        let mut lines = Lines::new(Pieces(pieces.into()), |_| true, 4);
        std::iter::from_fn(|| {
            Some(match lines.next().unwrap()? {
                Line::Text(text) => String::from_utf8(text.into()).unwrap(),
                Line::TooLong => "!".into(),
            })
        })
        .collect()
    }

    #[test]
    fn lines_are_whole_however_they_come() {
        assert_eq!(lines(&[b"a\nb", b"c\n", b"\n", b"d"]), ["a", "bc", "", "d"]);
        assert_eq!(lines(&[b"a\n"]), ["a"]);
        assert!(lines(&[]).is_empty());
    }

    #[test]
    fn a_line_that_is_too_long_is_one_line_and_is_not_kept() {
        assert_eq!(lines(&[b"1234\n12345\n1234\n"]), ["1234", "!", "1234"]);
        assert_eq!(lines(&[b"123", b"45", b"67", b"8\na\n"]), ["!", "a"]);
        assert_eq!(lines(&[b"123", b"45", b"\n"]), ["!"]);
        assert_eq!(lines(&[b"12345"]), ["!"]);
        let mut long = Lines::new(io::repeat(b'x').take(10 << 20), |_| true, 4);
        assert!(matches!(long.next().unwrap(), Some(Line::TooLong)));
        assert!(long.buffer.capacity() < 1 << 20, "{}", long.buffer.capacity());
    }

    #[test]
    fn the_next_line_is_waited_for_unless_all_of_it_is_there() {
        let mut lines = Lines::new(Pieces(vec![b"a\nb", b"c\n"]), |pieces| pieces.0.len() == 2, 4);
        assert!(!lines.would_wait().unwrap());
        assert!(matches!(lines.next().unwrap(), Some(Line::Text(b"a"))));
        assert!(lines.would_wait().unwrap(), "half of it is there");
        assert!(matches!(lines.next().unwrap(), Some(Line::Text(b"bc"))));
        assert!(lines.next().unwrap().is_none());
        assert!(!lines.would_wait().unwrap(), "the end is there");
    }
}
