//! What is answered, and what is refused.

use std::fs;
use std::io::{Read as _, Write as _};

use loosepack::{Compression, Job as _};
use loosepack_serve::Settings;

use crate::support::{answer, ask, connect, container, open, serve, settings};

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
                assert_eq!(part.header("cache-control"), "no-cache");
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
        // A listing that was cut off could not be told from a whole one.
        let mut stream = connect(address);
        write!(stream, "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        let mut refused = Vec::new();
        stream.read_to_end(&mut refused).unwrap();
        assert_eq!(answer(&refused).status, 505);
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
        // The order to copy them in.
        let folders: Vec<&str> = files.lines().map(|path| path.split('/').next().unwrap()).collect();
        assert!(
            folders.is_sorted_by_key(|folder| ["loose", "index", "packs", "container.json"]
                .iter()
                .position(|f| f == folder))
        );
        // Files change, and nobody can name the version that a range is of.
        let resumed =
            ask(address, "GET", "/container.json", &["Range: bytes=1-", "If-Range: Sat, 01 Jan 2000 00:00:00 GMT"]);
        assert_eq!(resumed.status, 200);
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
