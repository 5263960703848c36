//! The interface `sources`.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;

use super::Component;
use super::convert::Result;
use super::wit::sources::{Error, Guest, GuestLazyStream, LazyStream};
use crate::bindings::wasi::filesystem::types::Descriptor;
use crate::bindings::wasi::io::streams::{InputStream, StreamError};
use crate::dir::wasi::{READ_MAX, WasiDir, plain_path};
use crate::error::Context as _;
use crate::source::{BytesSource, Source, file_in};

impl Guest for Component {
    type LazyStream = Lazy;
}

/// The resource `lazy-stream`.
pub(super) struct Lazy(RefCell<Box<dyn Source>>);

impl Lazy {
    fn stream(source: impl Source + 'static) -> LazyStream {
        LazyStream::new(Lazy(RefCell::new(Box::new(source))))
    }

    fn files(dir: &Descriptor, paths: Vec<String>) -> crate::Result<Vec<LazyStream>> {
        let dir = WasiDir::new(dir).during("open", ".")?;
        let stream = |path: String| {
            plain_path(&path).during("open", &path)?;
            Ok(Lazy::stream(file_in(dir.clone(), path)))
        };
        paths.into_iter().map(stream).collect()
    }
}

/// Uses the source behind a stream.
pub(super) fn with_source<T>(stream: &LazyStream, use_it: impl FnOnce(&mut dyn Source) -> T) -> T {
    use_it(&mut **stream.get::<Lazy>().0.borrow_mut())
}

impl GuestLazyStream for Lazy {
    fn from_file(dir: &Descriptor, path: String) -> Result<LazyStream> {
        let mut streams = Lazy::files(dir, Vec::from([path]))?;
        streams.pop().ok_or_else(|| Error::Other("no stream was made".into()))
    }

    fn from_files(dir: &Descriptor, paths: Vec<String>) -> Result<Vec<LazyStream>> {
        Ok(Lazy::files(dir, paths)?)
    }

    fn from_stream(stream: InputStream) -> LazyStream {
        Lazy::stream(StreamSource(Some(stream)))
    }

    fn from_bytes(content: Vec<u8>) -> LazyStream {
        Lazy::stream(BytesSource::new(content))
    }
}

/// The rest of an input stream; `None` at its end.
struct StreamSource(Option<InputStream>);

impl Source for StreamSource {
    fn read(&mut self, buffer: &mut [u8]) -> crate::Result<usize> {
        let Some(stream) = &self.0 else { return Ok(0) };
        loop {
            match stream.blocking_read(buffer.len().min(READ_MAX) as u64) {
                // Blocking does not rule out that there is nothing yet.
                Ok(bytes) if bytes.is_empty() && !buffer.is_empty() => {}
                Ok(bytes) => {
                    let given = bytes.get(..buffer.len()).unwrap_or(&bytes);
                    buffer[..given.len()].copy_from_slice(given);
                    return Ok(given.len());
                }
                Err(StreamError::Closed) => {
                    self.0 = None;
                    return Ok(0);
                }
                Err(StreamError::LastOperationFailed(error)) => {
                    let text = error.to_debug_string();
                    self.0 = None;
                    return Err(crate::Error::Other(format!("cannot read the stream: {text}")));
                }
            }
        }
    }
}
