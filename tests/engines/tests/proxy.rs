//! The proxy, before a server that answers as it is told to.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use loosepack_engines::Proxy;

/// Accepts one connection. For each exchange, reads until the first text and answers with the second. Returns what it
/// read.
fn server(exchanges: Vec<(&'static str, &'static str)>) -> (SocketAddr, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let answering = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        exchanges.into_iter().map(|(end, answer)| exchange(&mut stream, end, answer)).collect()
    });
    (address, answering)
}

/// Reads until `end`, and writes an answer.
fn exchange(stream: &mut TcpStream, end: &str, answer: &str) -> String {
    let request = read_until(stream, end);
    stream.write_all(answer.as_bytes()).unwrap();
    request
}

fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    while !read.ends_with(end.as_bytes()) {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "the end came after {}", String::from_utf8_lossy(&read));
        read.push(byte[0]);
    }
    String::from_utf8(read).unwrap()
}

fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.endpoint().strip_prefix("http://").unwrap()).unwrap()
}

/// Requests and answers on one connection: each is passed on as it is, and the next one follows it.
#[test]
fn messages_are_passed_on_unchanged() {
    let request = "GET /b/k HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n";
    let head = "HEAD /b/k HTTP/1.1\r\nhost: x\r\n\r\n";
    let put = "PUT /b/k HTTP/1.1\r\nHost: x\r\ncontent-length: 5\r\n\r\nhello";
    let chunked =
        "PUT /b/k HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nT: 1\r\n\r\n";
    let exchanges = vec![
        (request, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
        (head, "HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n"),
        (put, "HTTP/1.1 204 No Content\r\n\r\n"),
        (request, "HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n"),
        (chunked, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n"),
        (put, "HTTP/1.1 412 Precondition Failed\r\nConnection: close\r\n\r\nuntil the end"),
    ];
    let (address, answering) = server(exchanges.clone());
    let proxy = Proxy::start(address, Duration::ZERO);
    let mut client = connect(&proxy);
    for (request, answer) in &exchanges {
        client.write_all(request.as_bytes()).unwrap();
        assert_eq!(read_until(&mut client, answer), *answer);
    }
    let requests: Vec<&str> = exchanges.iter().map(|(request, _)| *request).collect();
    assert_eq!(answering.join().unwrap(), requests);
    assert_eq!(proxy.requests(), exchanges.len() as u64);
    assert_eq!(client.read(&mut [0]).unwrap(), 0, "the end of the body is the end of the connection");
}

#[test]
fn clients_that_wait_for_leave_to_send_get_it_once() {
    let head = "PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    let (address, answering) = server(vec![("ok", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n\r\n")]);
    let proxy = Proxy::start(address, Duration::ZERO);
    let mut client = connect(&proxy);
    client.write_all(head.as_bytes()).unwrap();
    read_until(&mut client, "HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"ok").unwrap();
    assert_eq!(read_until(&mut client, "\r\n\r\n"), "HTTP/1.1 201 Created\r\n\r\n");
    assert_eq!(answering.join().unwrap(), [format!("{head}ok")]);
}

/// A message that breaks off is never passed on as a whole one.
#[test]
fn what_breaks_off_breaks_off_at_the_other_end() {
    for answer in ["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "HTTP/1.1 200 OK\r\nETag: x\r\n", ""] {
        let (address, answering) = server(vec![("\r\n\r\n", answer)]);
        let proxy = Proxy::start(address, Duration::ZERO);
        let mut client = connect(&proxy);
        client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        answering.join().unwrap();
        let mut read = String::new();
        client.read_to_string(&mut read).unwrap();
        assert!(answer.starts_with(&read) && read.len() < "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabcd".len());
    }
}

#[test]
fn requests_are_delayed_in_parallel() {
    const DELAY: Duration = Duration::from_millis(200);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                for _ in 0..2 {
                    exchange(&mut stream, "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                }
            });
        }
    });
    let proxy = Proxy::start(address, DELAY);
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = connect(&proxy);
                for _ in 0..2 {
                    client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
                    read_until(&mut client, "\r\n\r\n");
                }
            });
        }
    });
    let took = began.elapsed();
    assert_eq!(proxy.requests(), 16);
    // Two after each other; not sixteen.
    assert!(took >= 2 * DELAY && took < 8 * DELAY, "{took:?}");
}
