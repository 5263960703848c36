//! As much of HTTP/1.1 as tells where a message ends.

use std::io::{self, BufRead, Error, ErrorKind, Read as _, Write};

/// Bytes of a head at most.
const MAX: usize = 1 << 20;

/// The first line of a message and its headers.
#[derive(Debug)]
pub(super) struct Head {
    /// All of it, with the empty line.
    pub(super) bytes: Vec<u8>,
    /// Whether the connection ends with this message.
    pub(super) closes: bool,
    /// Whether the client waits for leave to send the body.
    pub(super) expects_continue: bool,
    first: String,
    length: Option<u64>,
    chunked: bool,
}

/// What follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    Length(u64),
    Chunked,
    UntilEnd,
}

impl Head {
    /// Reads a head. Returns `None` if the connection ends before it begins.
    pub(super) fn read(from: &mut impl BufRead) -> io::Result<Option<Head>> {
        let mut bytes = Vec::new();
        let first = line(from, &mut bytes)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let old = first.split(' ').any(|word| word == "HTTP/1.0");
        let (mut closes, mut length, mut chunked, mut expects_continue) = (old, None, false, false);
        loop {
            let header = line(from, &mut bytes)?;
            if header.is_empty() {
                break;
            }
            let (name, value) = header.split_once(':').ok_or_else(|| invalid("a header without a colon"))?;
            let value = value.trim().to_ascii_lowercase();
            let has = |word: &str| value.split(',').any(|part| part.trim() == word);
            match &*name.to_ascii_lowercase() {
                "content-length" => {
                    length = Some(value.parse().map_err(|_| invalid("a length that is no number"))?);
                }
                "transfer-encoding" => chunked = has("chunked"),
                "connection" if has("close") => closes = true,
                "connection" if has("keep-alive") => closes = false,
                "expect" => expects_continue = has("100-continue"),
                _ => {}
            }
        }
        Ok(Some(Head { bytes, closes, expects_continue, first, length, chunked }))
    }

    /// The status of a response.
    pub(super) fn status(&self) -> io::Result<u16> {
        let status = self.first.split(' ').nth(1).and_then(|status| status.parse().ok());
        status.ok_or_else(|| invalid("a response without a status"))
    }

    /// Returns whether this request is for headers alone.
    pub(super) fn is_head(&self) -> bool {
        self.first.starts_with("HEAD ")
    }

    /// The body of a request.
    pub(super) fn request_body(&self) -> io::Result<Body> {
        Ok(if self.chunked { Body::Chunked } else { Body::Length(self.length.unwrap_or(0)) })
    }

    /// The body of a response.
    pub(super) fn response_body(&self, to_head: bool) -> io::Result<Body> {
        if to_head || matches!(self.status()?, 204 | 304) {
            return Ok(Body::Length(0));
        }
        Ok(match (self.chunked, self.length) {
            (true, _) => Body::Chunked,
            (false, Some(length)) => Body::Length(length),
            (false, None) => Body::UntilEnd,
        })
    }
}

impl Body {
    /// Copies a body as it is.
    pub(super) fn copy(self, from: &mut impl BufRead, to: &mut impl Write) -> io::Result<()> {
        match self {
            Body::Length(length) => copy(from, to, length),
            Body::UntilEnd => io::copy(from, to).map(drop),
            Body::Chunked => loop {
                let mut bytes = Vec::new();
                let size = line(from, &mut bytes)?;
                let size = size.split(';').next().unwrap_or_default().trim();
                let size = u64::from_str_radix(size, 16).map_err(|_| invalid("a chunk without a size"))?;
                if size == 0 {
                    // Trailers, and an empty line.
                    while !line(from, &mut bytes)?.is_empty() {}
                }
                to.write_all(&bytes)?;
                if size == 0 {
                    return Ok(());
                }
                copy(from, to, size + 2)?;
            },
        }
    }
}

fn copy(from: &mut impl BufRead, to: &mut impl Write, length: u64) -> io::Result<()> {
    match io::copy(&mut from.take(length), to)? {
        copied if copied == length => Ok(()),
        _ => Err(ErrorKind::UnexpectedEof.into()),
    }
}

/// Appends a line to `bytes`. Returns it without its end.
fn line(from: &mut impl BufRead, bytes: &mut Vec<u8>) -> io::Result<String> {
    let start = bytes.len();
    from.take((MAX - start.min(MAX)) as u64).read_until(b'\n', bytes)?;
    let line = &bytes[start..];
    // The connection may end before a head, but not within.
    if !line.ends_with(b"\n") && !bytes.is_empty() {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(line).trim_end_matches(['\r', '\n']).to_string())
}

fn invalid(problem: &str) -> Error {
    Error::new(ErrorKind::InvalidData, problem)
}
