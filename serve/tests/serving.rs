//! The server, asked by clients of all kinds over real connections.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;
use std::{fs, thread};

use loosepack::dir::cap::CapDir;
use loosepack::{Compression, Config, Container, Job as _, ObjectId};
use loosepack_serve::{Server, Settings};
use tokio::sync::oneshot;

/// Pieces that no size is a multiple of.
const PIECE: usize = 1013;

fn settings() -> Settings {
    Settings { threads: 2, piece: PIECE, ..Settings::default() }
}

fn open(folder: &Path) -> Container<CapDir> {
    Container::open(CapDir::open(folder).unwrap(), Default::default()).unwrap()
}

fn content(len: usize, seed: u64) -> Vec<u8> {
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
fn container(folder: &Path) -> Vec<(ObjectId, Vec<u8>)> {
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
fn serve(folder: &Path, settings: Settings, test: impl FnOnce(SocketAddr)) -> Vec<String> {
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), settings).unwrap();
    let address = server.address().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let reported = Mutex::new(Vec::new());
    let report = |problem: &str| reported.lock().unwrap().push(problem.to_string());
    let dir = CapDir::open(folder).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let stopped = async { drop(stopped.await) };
            server.run(&|| Ok(Box::new(open(folder))), &dir, stopped, &report).unwrap();
        });
        // A test that fails drops it, which stops the server as well.
        let _stop = stop;
        test(address);
    });
    reported.into_inner().unwrap()
}

struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The body came to its end.
    fn is_whole(&self) -> bool {
        self.header("content-length").parse() == Ok(self.body.len())
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    // A server that hangs fails the test.
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

fn ask(address: SocketAddr, method: &str, path: &str, headers: &[&str]) -> Answer {
    let mut stream = connect(address);
    let host = if headers.iter().any(|header| header.starts_with("Host")) { "" } else { "Host: localhost\r\n" };
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    write!(stream, "{method} {path} HTTP/1.1\r\n{host}Connection: close\r\n{headers}\r\n").unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    answer(&bytes)
}

fn answer(bytes: &[u8]) -> Answer {
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

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
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

#[test]
fn objects_come_whole_in_ranges_and_not_again() {
    let folder = tempfile::tempdir().unwrap();
    let objects = container(folder.path());
    let reported = serve(folder.path(), settings(), |address| {
        for (id, content) in &objects {
            let path = format!("/{id}");
            let got = ask(address, "GET", &path, &[]);
            assert_eq!((got.status, got.body == *content), (200, true), "{id}");
            assert_eq!(got.header("etag"), format!("\"{id}\""));
            assert!(got.header("cache-control").contains("immutable"));
            assert_eq!(got.header("accept-ranges"), "bytes");
            assert_eq!(got.header("x-content-type-options"), "nosniff");
            let head = ask(address, "HEAD", &path, &[]);
            assert_eq!((head.status, head.body.len()), (200, 0));
            assert_eq!(head.header("content-length"), content.len().to_string());
            let known = ask(address, "GET", &path, &[&format!("If-None-Match: \"x\", W/\"{id}\"")]);
            assert_eq!((known.status, known.body.len(), known.header("etag").len()), (304, 0, 66));
            let size = content.len();
            for (first, end) in
                [(0, 1), (0, size), (size / 2, size), (size / 3, size / 3 + 1500), (size - size / 9, size)]
            {
                let end = end.min(size);
                if first >= end {
                    continue;
                }
                let range = format!("Range: bytes={first}-{}", end - 1);
                let part = ask(address, "GET", &path, &[&range]);
                assert_eq!((part.status, part.body == content[first..end]), (206, true), "{id} {range} of {size}");
                assert_eq!(part.header("content-range"), format!("bytes {first}-{}/{size}", end - 1));
                let other = ask(address, "GET", &path, &[&range, "If-Range: \"another\""]);
                assert_eq!((other.status, other.body.len()), (200, size));
                let same = ask(address, "GET", &path, &[&range, &format!("If-Range: \"{id}\"")]);
                assert_eq!(same.status, 206);
            }
            let beyond = ask(address, "GET", &path, &[&format!("Range: bytes={size}-")]);
            assert_eq!((beyond.status, beyond.header("content-range")), (416, &*format!("bytes */{size}")));
        }
    });
    assert_eq!(reported, [""; 0]);
}

#[test]
fn what_is_not_there_or_not_ours_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let objects = container(folder.path());
    fs::write(folder.path().join("secret"), "secret").unwrap();
    let reported = serve(folder.path(), settings(), |address| {
        let absent = "0f".repeat(32);
        let id = objects[0].0;
        let cases = [
            ("GET", format!("/{absent}"), 404),
            ("HEAD", format!("/{absent}"), 404),
            ("GET", format!("/{}", &absent[1..]), 404),
            ("GET", format!("/{id}/"), 404),
            ("GET", "/secret".into(), 404),
            ("GET", "/lock/os".into(), 404),
            ("GET", "/packs/9".into(), 404),
            ("GET", "/../secret".into(), 404),
            ("GET", "/packs/../secret".into(), 404),
            ("GET", "/packs/%2e%2e/secret".into(), 404),
            ("GET", "/?after=1".into(), 400),
            ("POST", "/".into(), 405),
            ("DELETE", format!("/{id}"), 405),
            ("PUT", format!("/{id}"), 405),
        ];
        for (method, path, status) in cases {
            assert_eq!(ask(address, method, &path, &[]).status, status, "{method} {path}");
        }
        // A page of somebody else that has found a way to this address.
        for host in ["Host: evil.example", "Host: evil.example:80", "Host: 192.0.2.1", "Host: localhost.evil.example"] {
            assert_eq!(ask(address, "GET", "/", &[host]).status, 421, "{host}");
        }
        for host in ["Host: localhost:1", "Host: 127.0.0.1:80", "Host: [::1]:80", "Host: [::1]", "Host: LOCALHOST"] {
            assert_eq!(ask(address, "GET", "/", &[host]).status, 200, "{host}");
        }
        assert_eq!(ask(address, "GET", "/", &[]).header("access-control-allow-origin"), "");
        // More than fits in a head.
        let mut stream = connect(address);
        let _ = write!(stream, "GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
        let mut refused = Vec::new();
        let _ = stream.read_to_end(&mut refused);
        assert!(refused.is_empty() || answer(&refused).status == 431);
        let mut stream = connect(address);
        stream.write_all(b"\x16\x03\x01 no HTTP\r\n\r\n").unwrap();
        let _ = stream.read_to_end(&mut refused);
        assert_eq!(ask(address, "GET", &format!("/{id}"), &[]).status, 200);
    });
    assert_eq!(reported, [""; 0]);
}

#[test]
fn the_listing_and_the_files_are_the_containers() {
    let folder = tempfile::tempdir().unwrap();
    let mut objects: Vec<(String, usize)> =
        container(folder.path()).iter().map(|(id, content)| (id.to_string(), content.len())).collect();
    objects.sort();
    let settings = Settings { allow_origin: Some("https://example.org".into()), ..settings() };
    serve(folder.path(), settings, |address| {
        let lines = |objects: &[(String, usize)]| -> String {
            objects.iter().map(|(id, size)| format!("{{\"id\":\"{id}\",\"size\":{size}}}\n")).collect()
        };
        let list = |query: &str| String::from_utf8(ask(address, "GET", query, &[]).body).unwrap();
        assert_eq!(list("/"), lines(&objects));
        assert_eq!(list("/?limit=3"), lines(&objects[..3]));
        assert_eq!(list(&format!("/?after={}&limit=2", objects[2].0)), lines(&objects[3..5]));
        assert_eq!(list("/?limit=0"), "");
        assert_eq!(list(&format!("/?after={}", "f".repeat(64))), "");
        let files = list("/files.txt");
        for path in files.lines() {
            let file = fs::read(folder.path().join(path)).unwrap();
            let got = ask(address, "GET", &format!("/{path}"), &[]);
            assert_eq!((got.status, got.body == file), (200, true), "{path}");
            assert!(got.header("last-modified").ends_with("GMT") && got.header("cache-control") == "no-cache");
            let part = ask(address, "GET", &format!("/{path}"), &["Range: bytes=1-"]);
            assert!(part.body == file[1.min(file.len())..] || part.status == 416, "{path}");
            assert_eq!(got.header("access-control-allow-origin"), "https://example.org");
        }
        assert_eq!(files.lines().filter(|path| path.starts_with("loose/")).count(), 3);
        assert!(files.contains("packs/0\n") && files.contains("index/manifest.json\n"));
        let preflight = ask(address, "OPTIONS", "/container.json", &["Origin: https://example.org"]);
        assert_eq!((preflight.status, preflight.body.len()), (204, 0));
        assert!(preflight.header("access-control-allow-headers").contains("range"));
    });
}

#[test]
fn damage_cuts_an_answer_off_and_the_rest_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let objects = container(folder.path());
    let pack = folder.path().join("packs/0");
    let mut bytes = fs::read(&pack).unwrap();
    // The large plain one, and a small one before it.
    let large = &objects[4];
    for content in [&objects[1].1, &large.1] {
        let start = bytes.windows(64).position(|window| window == &content[..64]).unwrap();
        bytes[start + content.len() - 1] ^= 1;
    }
    fs::write(&pack, bytes).unwrap();
    let reported = serve(folder.path(), Settings { threads: 1, ..settings() }, |address| {
        assert_eq!(ask(address, "GET", &format!("/{}", large.0), &[]).status, 200);
        let got = ask(address, "GET", &format!("/{}", large.0), &[]);
        assert!(got.status == 200 && !got.is_whole(), "{} bytes of {}", got.body.len(), large.1.len());
        let got = ask(address, "GET", &format!("/{}", objects[1].0), &[]);
        assert_eq!((got.status, got.header("cache-control"), got.header("etag")), (500, "no-cache", ""));
        for (id, content) in [&objects[0], &objects[2], &objects[9]] {
            assert!(ask(address, "GET", &format!("/{id}"), &[]).body == *content);
        }
    });
    assert!(reported.iter().all(|problem| problem.contains("damaged")) && reported.len() >= 3, "{reported:?}");
}

#[test]
fn an_object_that_moves_is_read_on_and_one_that_goes_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let objects = container(folder.path());
    let (id, _) = &objects[11];
    serve(folder.path(), Settings { threads: 1, ..settings() }, |address| {
        let get = || ask(address, "GET", &format!("/{id}"), &[]).status;
        assert_eq!(get(), 200);
        open(folder.path()).pack_and_clean(Compression::Never).unwrap().finish().unwrap();
        for (id, content) in &objects {
            assert!(ask(address, "GET", &format!("/{id}"), &[]).body == *content);
        }
        open(folder.path()).delete(vec![*id]).unwrap().finish().unwrap();
        let added = open(folder.path()).add(b"added meanwhile").unwrap();
        assert_eq!(ask(address, "GET", &format!("/{added}"), &[]).body, b"added meanwhile");
        // What is not known is looked for in the latest index; until then the bytes may be given that are still there.
        assert_eq!(ask(address, "GET", &format!("/{}", "0".repeat(64)), &[]).status, 404);
        assert_eq!(get(), 404);
    });
}

/// Requests of one connection, one after the other and without waiting for the answers.
#[test]
fn a_connection_serves_request_after_request() {
    let folder = tempfile::tempdir().unwrap();
    let objects = container(folder.path());
    serve(folder.path(), settings(), |address| {
        let mut stream = connect(address);
        let mut expected = 0;
        for (id, content) in &objects {
            write!(stream, "GET /{id} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            expected += content.len();
        }
        write!(stream, "HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        assert!(bytes.len() > expected);
        assert_eq!(bytes.windows(12).filter(|window| window == b"HTTP/1.1 200").count(), objects.len() + 1);
    });
}

#[test]
fn who_takes_or_sends_nothing_keeps_nobody_waiting_and_is_let_go() {
    let folder = tempfile::tempdir().unwrap();
    container(folder.path());
    // More than the buffers of a connection take.
    let store = open(folder.path());
    let large = store.add(&content(24 << 20, 5)).unwrap();
    let small = store.add(b"small").unwrap();
    let get = |address: SocketAddr| ask(address, "GET", &format!("/{small}"), &[]).body == b"small";
    let request = |address: SocketAddr| {
        let mut slow = connect(address);
        write!(slow, "GET /{large} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        slow
    };
    // One thread reads for all.
    serve(folder.path(), Settings { threads: 1, ..settings() }, |address| {
        let slow: Vec<TcpStream> = (0..20).map(|_| request(address)).collect();
        let silent: Vec<TcpStream> = (0..20).map(|_| connect(address)).collect();
        assert!(get(address));
        drop((slow, silent));
        assert!(get(address));
    });
    // There is room for one: it has to go before another is answered.
    let short = Settings { connections: 1, patience: Duration::from_millis(300), ..settings() };
    serve(folder.path(), short, |address| {
        let slow = request(address);
        assert!(get(address));
        let silent = connect(address);
        assert!(get(address));
        let mut half = connect(address);
        half.write_all(b"GET / HTTP/1.1\r\nHos").unwrap();
        assert!(get(address));
        let mut idle = connect(address);
        write!(idle, "GET /{small} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        assert!(get(address));
        drop((slow, silent, half, idle));
    });
}
