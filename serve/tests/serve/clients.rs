//! Clients that are slow, silent, gone, or harmed by what others ask for.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use loosepack::Compression;
use loosepack_serve::Settings;

use crate::support::{answer, ask, connect, container, content, open, serve, settings};

/// More than the buffers of a connection take.
const LARGE: usize = 24 << 20;

/// Asks for something, and takes nothing of it yet.
fn request(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = connect(address);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    stream
}

/// Takes the rest.
fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    answer(&bytes).body
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

/// A failure ended the thread's store, and what was opened next had the key of what was open before.
#[test]
fn a_failure_cuts_off_what_was_open_and_mixes_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    container(folder.path());
    let store = open(folder.path());
    let (first, second) = (content(LARGE, 1), content(LARGE, 2));
    let ids = [store.add(&first).unwrap(), store.add(&second).unwrap()];
    let reported = serve(folder.path(), Settings { threads: 1, ..settings() }, |address| {
        let slow = request(address, &format!("/{}", ids[0]));
        // It has been opened when another is answered.
        assert_eq!(ask(address, "GET", "/container.json", &[]).status, 200);
        // The store fails: a folder cannot be listed.
        fs::rename(folder.path().join("loose"), folder.path().join("away")).unwrap();
        fs::write(folder.path().join("loose"), b"").unwrap();
        let mut listing = Vec::new();
        let _ = request(address, "/").read_to_end(&mut listing);
        assert!(!listing.ends_with(b"0\r\n\r\n"), "it is said to be whole");
        fs::remove_file(folder.path().join("loose")).unwrap();
        fs::rename(folder.path().join("away"), folder.path().join("loose")).unwrap();
        let other = request(address, &format!("/{}", ids[1]));
        assert_eq!(ask(address, "GET", "/container.json", &[]).status, 200);
        let got = rest(slow);
        assert!(got.len() < first.len() && first.starts_with(&got), "{} bytes, and not of it", got.len());
        assert!(rest(other) == second);
    });
    assert_eq!(reported.len(), 1, "{reported:?}");
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_read_harms_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    container(folder.path());
    let large = content(LARGE, 1);
    let id = open(folder.path()).add(&large).unwrap();
    std::os::unix::fs::symlink("0", folder.path().join("packs/7")).unwrap();
    let reported = serve(folder.path(), Settings { threads: 1, ..settings() }, |address| {
        let slow = request(address, &format!("/{id}"));
        assert_eq!(ask(address, "GET", "/packs/7", &[]).status, 500);
        assert!(rest(slow) == large);
    });
    assert_eq!(reported.len(), 1, "{reported:?}");
}

/// The container was opened for those who had gone before they were told.
#[cfg(target_os = "linux")]
#[test]
fn who_goes_leaves_nothing_open() {
    let folder = tempfile::tempdir().unwrap();
    container(folder.path());
    serve(folder.path(), Settings { threads: 1, ..settings() }, |address| {
        for _ in 0..300 {
            drop(request(address, "/container.json"));
            drop(request(address, "/"));
        }
        // Whatever was asked for before has been done, or dropped, when this is answered; closing comes soon after.
        let is_open = || {
            assert_eq!(ask(address, "GET", "/?limit=1", &[]).status, 200);
            let path = folder.path().join("container.json");
            let handles = fs::read_dir("/proc/self/fd").unwrap().map(|entry| fs::read_link(entry.unwrap().path()));
            handles.filter(|target| target.as_ref().is_ok_and(|target| *target == path)).count()
        };
        assert!((0..1000).any(|_| is_open() == 0));
    });
}

/// The header told the size of a copy that was then left for a sound one.
#[test]
fn a_copy_of_another_size_is_not_sent_as_the_object() {
    let folder = tempfile::tempdir().unwrap();
    container(folder.path());
    let (short, empty) = (content(40, 1), content(50, 2));
    let ids = [&short, &empty].map(|content| open(folder.path()).add(content).unwrap());
    serve(folder.path(), Settings { threads: 1, ..settings() }, |address| {
        let get = |number: usize| ask(address, "GET", &format!("/{}", ids[number]), &[]);
        assert!(get(0).body == short && get(1).body == empty);
        for (id, len) in ids.iter().zip([20, 0]) {
            let name = id.to_string();
            let path = folder.path().join("loose").join(&name[..2]).join(&name[2..]);
            fs::remove_file(&path).unwrap();
            fs::write(&path, &short[..len]).unwrap();
        }
        assert_eq!((get(0).status, get(1).status), (500, 500));
        let mut writer = open(folder.path()).pack_writer(Compression::Never).unwrap();
        writer.add(&short).unwrap();
        writer.add(&empty).unwrap();
        writer.finish().unwrap();
        for (number, content) in [short, empty].into_iter().enumerate() {
            let got = get(number);
            assert!((got.status, got.body) == (200, content));
        }
    });
}
