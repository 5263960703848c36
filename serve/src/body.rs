//! The bytes of an answer, which are read when the client can take them.

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::oneshot::{self, Receiver};

use crate::readers::{Failure, Opened, Part, Task, Tasks};
use crate::target::Target;

/// The body of an answer.
pub(crate) enum Answer {
    /// All at once; `None` once it was given.
    Whole(Option<Bytes>),
    Stream(Stream),
    Listing(Listing),
}

/// Bytes of what is open in a thread.
pub(crate) struct Stream {
    open: Handle,
    position: u64,
    end: u64,
    /// Bytes that are read at once.
    piece: usize,
    coming: Coming<Bytes>,
    /// The first bytes, until they are given.
    first: Option<Bytes>,
}

/// What a thread has been asked for.
type Coming<T> = Option<Receiver<Result<T, Failure>>>;

/// Something that is open in a thread, or about to be, until this is dropped.
pub(crate) struct Handle {
    tasks: Tasks,
    key: u64,
}

impl Handle {
    /// Opens something in a thread.
    pub(crate) async fn open(tasks: Tasks, target: Target) -> Result<(Self, Opened), Failure> {
        // Never used again: a thread that has opened the store anew knows nothing of what was open before.
        static KEYS: AtomicU64 = AtomicU64::new(0);
        // Before it is open: a client may go at any time, and closing is queued behind opening then.
        let handle = Handle { tasks, key: KEYS.fetch_add(1, Ordering::Relaxed) };
        let (reply, opened) = oneshot::channel();
        let task = Task::Open { key: handle.key, target, reply };
        handle.tasks.send(task).map_err(|_| Failure::Failed)?;
        let opened = opened.await.map_err(|_| Failure::Failed)??;
        Ok((handle, opened))
    }
}

/// Lines that a thread writes.
pub(crate) struct Listing {
    pub(crate) tasks: Tasks,
    pub(crate) part: Part,
    pub(crate) coming: Coming<Option<(Bytes, Part)>>,
}

/// The answer ends here, before its end: the connection is cut off.
#[derive(Debug)]
pub(crate) struct CutOff;

impl std::fmt::Display for CutOff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("it cannot be read to its end")
    }
}

impl std::error::Error for CutOff {}

impl Answer {
    pub(crate) fn text(text: impl Into<Bytes>) -> Self {
        Answer::Whole(Some(text.into()))
    }

    pub(crate) fn empty() -> Self {
        Answer::Whole(None)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // A thread that has ended has closed everything.
        let _ = self.tasks.send(Task::Close(self.key));
    }
}

impl Stream {
    /// The bytes from `position` to before `end`. The first of them have been read then: what can be read in one piece
    /// is known to be sound before anything is answered.
    pub(crate) async fn start(open: Handle, position: u64, end: u64, piece: usize) -> Result<Self, CutOff> {
        let mut stream = Stream { open, position, end, piece, coming: None, first: None };
        stream.first = poll_fn(|context| stream.poll(context)).await.transpose()?;
        Ok(stream)
    }

    fn left(&self) -> u64 {
        self.end - self.position + self.first.as_ref().map_or(0, |first| first.len() as u64)
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, CutOff>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        if self.position == self.end {
            return Poll::Ready(None);
        }
        let Stream { open, position, end, piece, coming, .. } = self;
        let receiver = coming.get_or_insert_with(|| {
            let (reply, receiver) = oneshot::channel();
            let len = (*end - *position).min(*piece as u64) as usize;
            let _ = open.tasks.send(Task::Read { key: open.key, position: *position, len, reply });
            receiver
        });
        let read = ready!(Pin::new(receiver).poll(context));
        *coming = None;
        Poll::Ready(Some(match read {
            Ok(Ok(bytes)) if !bytes.is_empty() => {
                *position += bytes.len() as u64;
                Ok(bytes)
            }
            // A file became shorter, which is no end of this answer.
            _ => Err(CutOff),
        }))
    }
}

impl Listing {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, CutOff>>> {
        loop {
            let Listing { tasks, part, coming } = self;
            let receiver = coming.get_or_insert_with(|| {
                let (reply, receiver) = oneshot::channel();
                let _ = tasks.send(Task::List(*part, reply));
                receiver
            });
            let listed = ready!(Pin::new(receiver).poll(context));
            *coming = None;
            match listed {
                Ok(Ok(Some((bytes, next)))) => {
                    *part = next;
                    if !bytes.is_empty() {
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                }
                Ok(Ok(None)) => return Poll::Ready(None),
                _ => return Poll::Ready(Some(Err(CutOff))),
            }
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        let next = match &mut *self {
            Answer::Whole(bytes) => Poll::Ready(bytes.take().map(Ok)),
            Answer::Stream(stream) => stream.poll(context),
            Answer::Listing(listing) => listing.poll(context),
        };
        next.map(|next| next.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Answer::Whole(bytes) => bytes.is_none(),
            Answer::Stream(stream) => stream.left() == 0,
            Answer::Listing(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Answer::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Answer::Stream(stream) => SizeHint::with_exact(stream.left()),
            Answer::Listing(_) => SizeHint::default(),
        }
    }
}
