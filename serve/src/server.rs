//! Connections: how many there are, and how long they last.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use futures_util::future::select;
use hyper::header::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use loosepack::dir::cap::CapDir;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, mpsc};
use tokio_io_timeout::TimeoutStream;

use crate::Open;
use crate::answer::Answering;
use crate::readers;
use crate::reports::Reports;

/// Bytes of a request's head at most.
const HEAD: usize = 16 << 10;

/// After the system refused a connection for want of files or memory.
const BREATH: Duration = Duration::from_millis(100);

/// What a server may use.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Threads that read. One is the least.
    pub threads: usize,
    /// Connections at once; others wait.
    pub connections: usize,
    /// How long a client may take to send the head of a request, say nothing between two requests, or take nothing of
    /// an answer.
    pub patience: Duration,
    /// Bytes that are read at once for a client.
    pub piece: usize,
    /// The origin of pages that may read what is served; `*` is any.
    pub allow_origin: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        let threads = thread::available_parallelism().map_or(1, Into::into).min(8);
        Settings { threads, connections: 256, patience: Duration::from_secs(30), piece: 256 << 10, allow_origin: None }
    }
}

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    allow_origin: Option<HeaderValue>,
    settings: Settings,
}

impl Server {
    /// Listens at an address.
    ///
    /// # Errors
    /// Those of the system; of kind [`io::ErrorKind::InvalidInput`] for an origin that is none.
    pub fn bind(address: SocketAddr, settings: Settings) -> io::Result<Self> {
        let origin = settings.allow_origin.as_ref().map(HeaderValue::try_from).transpose();
        let allow_origin = origin.map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidInput, "an origin is `*`, or like `https://example.org`")
        })?;
        Ok(Server { listener: TcpListener::bind(address)?, allow_origin, settings })
    }

    /// The address it listens at, with the port that the system has chosen if none was named.
    ///
    /// # Errors
    /// Those of the system.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves the container that `open` opens until `stop` is done. `dir`: its directory, if its own files are served as
    /// well. What fails is passed to `report`.
    ///
    /// # Errors
    /// When the system gives no threads, or none of what waits for clients.
    pub fn run(
        self,
        open: &Open<'_>,
        dir: Option<&CapDir>,
        stop: impl Future<Output = ()>,
        report: &(dyn Fn(&str) + Sync),
    ) -> io::Result<()> {
        let Server { listener, allow_origin, settings } = self;
        let local = listener.local_addr()?.ip().to_canonical().is_loopback();
        let reports = &Reports::new(report);
        thread::scope(|scope| {
            let mut threads = Vec::new();
            for _ in 0..settings.threads.max(1) {
                let (tasks, queue) = mpsc::unbounded_channel();
                thread::Builder::new().spawn_scoped(scope, move || readers::work(open, dir, queue, reports))?;
                threads.push(tasks);
            }
            // The threads end when this is gone, and all connections with it.
            let answering = Arc::new(Answering { threads, piece: settings.piece.max(1), allow_origin, local });
            let runtime = Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                listener.set_nonblocking(true)?;
                let listener = tokio::net::TcpListener::from_std(listener)?;
                select(pin!(accept(&listener, answering, &settings)), pin!(stop)).await;
                Ok(())
            })
        })
    }
}

async fn accept(listener: &tokio::net::TcpListener, answering: Arc<Answering>, settings: &Settings) -> Infallible {
    let room = Arc::new(Semaphore::new(settings.connections.clamp(1, Semaphore::MAX_PERMITS)));
    let mut turn = 0_usize;
    loop {
        let Ok(place) = room.clone().acquire_owned().await else { unreachable!("it is never closed") };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(BREATH).await;
            continue;
        };
        turn = turn.wrapping_add(1);
        let connection = converse(stream, answering.clone(), turn, settings.patience);
        tokio::spawn(async move {
            connection.await;
            drop(place);
        });
    }
}

/// Answers the requests of a connection, one after the other.
async fn converse(stream: TcpStream, answering: Arc<Answering>, turn: usize, patience: Duration) {
    // Small answers are sent at once.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(patience));
    let requests = AtomicUsize::new(turn);
    let service = service_fn(|request| {
        let (answering, turn) = (answering.clone(), requests.fetch_add(1, Ordering::Relaxed));
        async move { Ok::<_, Infallible>(answering.answer(&request, turn).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    // However it ended, it was the client's doing.
    let _ = connection.await;
}
