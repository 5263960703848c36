//! Standard output.

use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write as _};

use loosepack::ObjectId;
use serde_json::Value;

use crate::failure::Failure;

/// Written at once, unless a terminal reads it.
const PIECE: usize = 64 << 10;

/// How to print.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Format {
    /// Print JSON: an object on each line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Standard output: in large pieces, or line by line on a terminal.
pub(crate) struct Output {
    out: BufWriter<StdoutLock<'static>>,
    terminal: bool,
}

impl Output {
    /// Standard output.
    pub(crate) fn new() -> Self {
        let out = io::stdout().lock();
        let terminal = out.is_terminal();
        Output { out: BufWriter::with_capacity(PIECE, out), terminal }
    }

    /// Prints a line.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), Failure> {
        self.bytes_line(line.as_bytes(), b'\n')
    }

    /// Prints a line that starts with an id.
    pub(crate) fn id_line(&mut self, id: &ObjectId, rest: &str) -> Result<(), Failure> {
        self.out.write_all(&id.to_hex())?;
        self.line(rest)
    }

    /// Prints bytes, and what ends them.
    pub(crate) fn bytes_line(&mut self, bytes: &[u8], end: u8) -> Result<(), Failure> {
        self.out.write_all(bytes)?;
        self.out.write_all(&[end])?;
        if self.terminal { self.flush() } else { Ok(()) }
    }

    /// Prints a JSON value on a line.
    pub(crate) fn json(&mut self, value: &Value) -> Result<(), Failure> {
        self.line(&value.to_string())
    }

    /// Writes bytes.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        Ok(self.out.write_all(bytes)?)
    }

    /// Writes what has gathered.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.out.flush()?)
    }
}
