//! `serve`: HTTP from a container in the sandbox, asked by curl.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use loosepack::Compression;

use crate::support::{TempDir, command, loosepack, noise, runtime};

/// The command at work, until this is dropped.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start(dir: &Path, arguments: &[&str]) -> Self {
        let mut command = command(dir);
        command.args(["-C", "store", "serve", "--listen", "127.0.0.1:0"]).args(arguments);
        let mut process = command.stdout(Stdio::piped()).spawn().expect("the command starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("it is piped")).read_line(&mut line).expect("it says where");
        let url = line.trim_end().split_once(" at ").expect("it says where").1.to_string();
        Server { process, url }
    }

    /// What curl gets: the status, and the body.
    fn get(&self, path: &str, arguments: &[&str]) -> (String, Vec<u8>) {
        let body = TempDir::new();
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--path-as-is", "--write-out", "%{http_code}", "--output"]).arg(body.join("body"));
        let output = curl.args(arguments).arg(format!("{}{path}", self.url)).output().expect("curl runs");
        let status = String::from_utf8(output.stdout).expect("a status is a number");
        (status, std::fs::read(body.join("body")).unwrap_or_default())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().expect("it is at work");
        self.process.wait().expect("it ends");
    }
}

fn has_curl() -> bool {
    let found = Command::new("curl").arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: there is no curl");
    }
    found
}

#[test]
fn objects_are_served_from_the_sandbox_while_others_work() {
    if !has_curl() {
        return;
    }
    let dir = TempDir::new();
    std::fs::create_dir(dir.join("store")).unwrap();
    let store = runtime().create(dir.join("store"), Default::default(), Default::default()).unwrap();
    let contents: Vec<Vec<u8>> = [0, 1, 70_000, 300_000, 5 << 20].iter().map(|len| noise(*len, *len as u64)).collect();
    let mut writer = store.pack_writer(Compression::Always).unwrap();
    let mut ids = writer.add_many(&contents[..3]).unwrap();
    writer.finish().unwrap();
    ids.extend(store.add_many(&contents[3..]).unwrap());
    let server = Server::start(dir.path(), &[]);
    for _ in 0..2 {
        for (id, content) in ids.iter().zip(&contents) {
            assert_eq!(server.get(&id.to_string(), &[]), ("200".into(), content.clone()));
            let middle = content.len() / 2;
            if middle > 0 {
                let range = format!("{middle}-");
                let part = server.get(&id.to_string(), &["--range", &range]);
                assert_eq!(part, ("206".into(), content[middle..].to_vec()));
            }
        }
        // The second time from packs.
        store.pack_and_clean(Compression::Never).unwrap().finish().unwrap();
    }
    let known = format!("If-None-Match: \"{}\"", ids[4]);
    assert_eq!(server.get(&ids[4].to_string(), &["--header", &known]).0, "304");
    let (status, listing) = server.get("", &[]);
    assert_eq!((status, listing.split(|byte| *byte == b'\n').count()), ("200".into(), ids.len() + 1));
    assert_eq!(server.get("?limit=2", &[]).1.split(|byte| *byte == b'\n').count(), 3);
    assert_eq!(server.get(&"0".repeat(64), &[]).0, "404");
    assert_eq!(server.get("../store/lock/os", &[]).0, "404");
    let added = store.add(b"added later").unwrap();
    assert_eq!(server.get(&added.to_string(), &[]), ("200".into(), b"added later".to_vec()));
    let (status, settings) = server.get("container.json", &[]);
    assert_eq!((status, settings), ("200".into(), std::fs::read(dir.join("store/container.json")).unwrap()));
}

/// A plain copy by HTTP, file by file, is a container.
#[test]
fn what_a_server_gives_of_the_files_is_the_container() {
    if !has_curl() {
        return;
    }
    let dir = TempDir::new();
    std::fs::create_dir(dir.join("store")).unwrap();
    let store = runtime().create(dir.join("store"), Default::default(), Default::default()).unwrap();
    let contents: Vec<Vec<u8>> = (0..30).map(|seed| noise(1000, seed)).collect();
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    let mut ids = writer.add_many(&contents[..20]).unwrap();
    writer.finish().unwrap();
    ids.extend(store.add_many(&contents[20..]).unwrap());
    let server = Server::start(dir.path(), &[]);
    let files = String::from_utf8(server.get("files.txt", &[]).1).unwrap();
    for path in files.lines() {
        dir.file(format!("copy/{path}"), server.get(path, &[]).1);
    }
    for folder in ["incoming", "lock"] {
        std::fs::create_dir_all(dir.join("copy").join(folder)).unwrap();
    }
    let copy = runtime().open(dir.join("copy")).unwrap();
    for (id, content) in ids.iter().zip(&contents) {
        assert_eq!(copy.get(id).unwrap(), *content);
    }
}

#[test]
fn what_cannot_be_served_is_told_at_once() {
    let dir = TempDir::new();
    loosepack(dir.path(), ["serve"]).exits(2).says(&["there is no container in store", "init"]);
    loosepack(dir.path(), ["init"]).exits(0);
    loosepack(dir.path(), ["serve", "--listen", "nowhere"]).exits(2).says(&["nowhere", "an address and a port"]);
    loosepack(dir.path(), ["serve", "--connections", "0"]).exits(2).says(&["--connections"]);
    loosepack(dir.path(), ["serve", "--listen", "127.0.0.1:0", "--allow-origin", "a\nb"]).exits(2).says(&["origin"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    loosepack(dir.path(), ["serve", "--listen", &address]).exits(2).says(&["cannot listen at", &address]);
}
