//! A proxy that makes a server on this machine as slow as one far away.

mod message;

use std::io::{self, BufReader, BufWriter, ErrorKind, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use self::message::{Body, Head};

/// A loopback HTTP/1.1 proxy that waits before it passes each request on, and counts requests. Requests on different
/// connections wait in parallel.
///
/// Messages are passed on unchanged, `Host` included: signatures cover it.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    target: SocketAddr,
    delay: Duration,
    requests: AtomicU64,
    /// The greatest round of an answered request.
    rounds: AtomicU64,
    stopped: AtomicBool,
}

impl Proxy {
    /// Starts a proxy before a server.
    ///
    /// # Panics
    /// If there is no free port.
    pub fn start(target: SocketAddr, delay: Duration) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Shared {
            target,
            delay,
            requests: AtomicU64::new(0),
            rounds: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        };
        let shared = Arc::new(shared);
        let accepting = shared.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                if accepting.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(client), shared) = (client, accepting.clone()) else { continue };
                // A connection that breaks is one that is closed: both ends notice by themselves.
                thread::spawn(move || serve(client, &shared));
            }
        });
        Proxy { address, shared }
    }

    /// Requests so far.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Rounds so far: how many answers were waited for one after the other. A request belongs to the round behind that of
    /// every request that was answered before it came.
    pub fn rounds(&self) -> u64 {
        self.shared.rounds.load(Ordering::Relaxed)
    }

    /// Where clients reach the server through this proxy.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        // It wakes up, sees that, and ends.
        let _ = TcpStream::connect(self.address);
    }
}

/// A connection to read from and to write to.
struct Connection {
    reader: BufReader<TcpStream>,
    writer: BufWriter<TcpStream>,
}

impl Connection {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let reader = BufReader::with_capacity(1 << 16, stream.try_clone()?);
        Ok(Connection { reader, writer: BufWriter::with_capacity(1 << 16, stream) })
    }

    /// Returns whether the other end has not closed it.
    fn is_open(&self) -> io::Result<bool> {
        let stream = self.reader.get_ref();
        stream.set_nonblocking(true)?;
        let peeked = stream.peek(&mut [0]);
        stream.set_nonblocking(false)?;
        Ok(peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock))
    }
}

/// Passes requests of a client on, one after the other, until either end closes.
fn serve(client: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut client = Connection::new(client)?;
    let mut server: Option<Connection> = None;
    while let Some(request) = Head::read(&mut client.reader)? {
        if shared.stopped.load(Ordering::Relaxed) {
            return Ok(());
        }
        shared.requests.fetch_add(1, Ordering::Relaxed);
        let round = shared.rounds.load(Ordering::Relaxed) + 1;
        thread::sleep(shared.delay);
        if request.expects_continue {
            client.writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            client.writer.flush()?;
        }
        let reused = match server.take() {
            Some(server) if server.is_open()? => Some(server),
            _ => None,
        };
        let mut upstream = match reused {
            Some(upstream) => upstream,
            None => Connection::new(TcpStream::connect(shared.target)?)?,
        };
        let sent = pass(&request, request.request_body()?, &mut client.reader, &mut upstream.writer);
        if sent.is_err() {
            // A server may refuse a request before it has read all of it. What it said is passed on all the same.
            upstream.writer.get_ref().shutdown(Shutdown::Write)?;
        }
        let response = loop {
            match Head::read(&mut upstream.reader)? {
                Some(head) if head.status()? / 100 == 1 => {}
                Some(head) => break head,
                None => return sent,
            }
        };
        shared.rounds.fetch_max(round, Ordering::Relaxed);
        let body = response.response_body(request.is_head())?;
        pass(&response, body, &mut upstream.reader, &mut client.writer)?;
        if sent.is_err() || request.closes || response.closes || body == Body::UntilEnd {
            return Ok(());
        }
        server = Some(upstream);
    }
    Ok(())
}

/// Passes a message on.
fn pass(head: &Head, body: Body, from: &mut BufReader<TcpStream>, to: &mut BufWriter<TcpStream>) -> io::Result<()> {
    to.write_all(&head.bytes)?;
    body.copy(from, to)?;
    to.flush()
}
