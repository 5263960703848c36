//! Streams of the host for the components: what a [`Source`] gives, read without an asynchronous runtime.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use loosepack::Error;
use loosepack::source::Source;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::p2::bindings::sync::io::streams::StreamError as WitError;
use wasmtime_wasi::p2::{DynInputStream, InputStream, Pollable, StreamError, StreamResult};

/// The interface of the function that is replaced, as wasmtime-wasi 48 registers it.
const STREAMS: &str = "wasi:io/streams@0.2.12";

/// Bytes that one read gives at most: what the store reads at once.
const READ_MAX: usize = 1 << 20;

/// A source as a stream for a component.
pub struct SourceStream {
    source: Box<dyn Source + Send>,
    failure: Failure,
}

/// Why a source failed, which the component passes on as a text only.
#[derive(Clone, Default)]
pub struct Failure(Arc<Mutex<Option<Error>>>);

impl Failure {
    /// Why it failed, if it did since this was last asked.
    pub fn take(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl SourceStream {
    /// Turns a source into a stream.
    pub fn boxed(source: Box<dyn Source + Send>, failure: Failure) -> DynInputStream {
        Box::new(SourceStream { source, failure })
    }
}

impl InputStream for SourceStream {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let mut buffer = vec![0; size.min(READ_MAX)];
        match self.source.read(&mut buffer) {
            Ok(0) => Err(StreamError::Closed),
            Ok(len) => {
                buffer.truncate(len);
                Ok(buffer.into())
            }
            Err(error) => {
                let text = error.to_string();
                *self.failure.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Err(StreamError::LastOperationFailed(wasmtime::Error::msg(text)))
            }
        }
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for SourceStream {
    /// A read waits by itself.
    async fn ready(&mut self) {}
}

/// Replaces `input-stream.blocking-read`: the streams of this host wait by themselves.
pub(crate) fn add_to_linker<T: WasiView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    linker.instance(STREAMS)?.func_wrap(
        "[method]input-stream.blocking-read",
        |mut store: StoreContextMut<'_, T>, (this, len): (Resource<DynInputStream>, u64)| {
            let table = store.data_mut().ctx().table;
            let read = table.get_mut(&this)?.read(usize::try_from(len).unwrap_or(usize::MAX));
            Ok((match read {
                Ok(bytes) => Ok(Vec::from(bytes)),
                Err(StreamError::Closed) => Err(WitError::Closed),
                Err(StreamError::LastOperationFailed(error)) => Err(WitError::LastOperationFailed(table.push(error)?)),
                Err(StreamError::Trap(error)) => return Err(error),
            },))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}
