//! A server at work, and clients of it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use loosepack::dir::cap::CapDir;
use loosepack::{Compression, Config, Container, ObjectId};
use loosepack_serve::{Server, Settings};
use tokio::sync::oneshot;

/// Pieces that no size is a multiple of.
pub(crate) const PIECE: usize = 1013;

pub(crate) fn settings() -> Settings {
    Settings { threads: 2, piece: PIECE, ..Settings::default() }
}

pub(crate) fn open(folder: &Path) -> Container<CapDir> {
    Container::open(CapDir::open(folder).unwrap(), Default::default()).unwrap()
}

pub(crate) fn content(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

/// A container with loose, packed and compressed objects.
pub(crate) fn container(folder: &Path) -> Vec<(ObjectId, Vec<u8>)> {
    let store = Container::create(CapDir::open(folder).unwrap(), Config::default(), Default::default()).unwrap();
    let mut objects = Vec::new();
    for (compression, base) in [(Compression::Never, 0), (Compression::Always, 100)] {
        let mut writer = store.pack_writer(compression).unwrap();
        for (seed, len) in (base..).zip([1, PIECE, PIECE + 1, 9 * PIECE, 3 << 20]) {
            let content = content(len, seed);
            objects.push((writer.add(&content).unwrap(), content));
        }
        writer.finish().unwrap();
    }
    for content in [Vec::new(), content(70_000, 7), content(PIECE - 1, 8)] {
        objects.push((store.add(&content).unwrap(), content));
    }
    objects
}

/// Runs a server while `test` talks to it. Returns what the server reported.
pub(crate) fn serve(folder: &Path, settings: Settings, test: impl FnOnce(SocketAddr)) -> Vec<String> {
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), settings).unwrap();
    let address = server.address().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let reported = Mutex::new(Vec::new());
    let report = |problem: &str| reported.lock().unwrap().push(problem.to_string());
    let dir = CapDir::open(folder).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let stopped = async { drop(stopped.await) };
            server.run(&|| Ok(Box::new(open(folder))), Some(&dir), stopped, &report).unwrap();
        });
        // A test that fails drops it, which stops the server as well.
        let _stop = stop;
        test(address);
    });
    reported.into_inner().unwrap()
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The body came to its end.
    pub(crate) fn is_whole(&self) -> bool {
        self.header("content-length").parse() == Ok(self.body.len())
    }
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    // A server that hangs fails the test.
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

pub(crate) fn ask(address: SocketAddr, method: &str, path: &str, headers: &[&str]) -> Answer {
    let mut stream = connect(address);
    let host = if headers.iter().any(|header| header.starts_with("Host")) { "" } else { "Host: localhost\r\n" };
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    write!(stream, "{method} {path} HTTP/1.1\r\n{host}Connection: close\r\n{headers}\r\n").unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    answer(&bytes)
}

pub(crate) fn answer(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head comes");
    let head = str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: BTreeMap<String, String> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.into()))
        .collect();
    let mut body = bytes[end + 4..].to_vec();
    if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        body = unchunked(&body);
    }
    Answer { status, headers, body }
}

pub(crate) fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = bytes.windows(2).position(|two| two == b"\r\n").expect("a chunk has a length");
        let len = usize::from_str_radix(str::from_utf8(&bytes[..line]).unwrap(), 16).unwrap();
        body.extend_from_slice(&bytes[line + 2..line + 2 + len]);
        bytes = &bytes[line + 4 + len..];
        if len == 0 {
            return body;
        }
    }
}
