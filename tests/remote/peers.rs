//! A push beside one object for each key, through the same client, and beside restic, to the same server. On request, as
//! `LOOSEPACK_PEERS=100000`: it prints what each takes.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use loosepack_engines::{Engine, Proxy};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStoreExt as _};

use crate::tool::{Machine, folder};

/// Requests of the client at once.
const PARALLEL: usize = 32;

fn content(number: usize) -> Vec<u8> {
    format!("object {number} {}", "x".repeat(number * 37 % 1000)).into_bytes()
}

/// Writes each object under a key of its own.
async fn one_by_one(environment: Vec<(String, String)>, bucket: &str, count: usize) {
    // It chooses the cryptography of the process.
    drop(loosepack_remote::Bucket::with("s3://bucket/prefix", environment.clone()).unwrap());
    let options = ClientOptions::new().with_allow_http(true).with_timeout(Duration::from_secs(60));
    let mut builder = AmazonS3Builder::new().with_client_options(options);
    for (name, value) in environment {
        if let Ok(key) = name.to_lowercase().parse() {
            builder = builder.with_config(key, value);
        }
    }
    let store = Arc::new(builder.with_bucket_name(bucket).build().unwrap());
    let puts = (0..count).map(|number| {
        let store = store.clone();
        async move { store.put(&Path::from(format!("one/{number}")), content(number).into()).await.map(drop) }
    });
    let mut puts = futures::stream::iter(puts).buffer_unordered(PARALLEL);
    while let Some(put) = puts.next().await {
        put.unwrap();
    }
}

#[test]
fn a_push_takes_few_requests() {
    let Some(count) = std::env::var("LOOSEPACK_PEERS").ok().and_then(|count| count.parse::<usize>().ok()) else {
        return println!("skipped: name a number of objects in LOOSEPACK_PEERS");
    };
    let engine = match Engine::seaweed() {
        Ok(engine) => engine,
        Err(skip) => return println!("{skip}"),
    };
    let proxy = Proxy::start(engine.address().unwrap(), Duration::ZERO);
    let environment = engine.environment_through(&proxy.endpoint());
    let measured = |what: &str, run: &mut dyn FnMut()| {
        let (before, began) = (proxy.requests(), Instant::now());
        run();
        println!("{what}: {:.2} s, {} requests", began.elapsed().as_secs_f64(), proxy.requests() - before);
    };
    let (machine, here) = (Machine::new(environment.clone()), folder());
    let files = here.path().join("files");
    for number in 0..count {
        let part = files.join((number / 1000).to_string());
        fs::create_dir_all(&part).unwrap();
        fs::write(part.join(number.to_string()), content(number)).unwrap();
    }
    let (store, files) = (here.path().join("store"), files.to_str().unwrap().to_string());
    let store = store.to_str().unwrap();
    let url = engine.url("peers");
    machine.ok(&["init", store]);
    machine.ok(&["remote", "init", &url]);
    measured("loosepack add --to-pack, and push", &mut || {
        machine.ok(&["-C", store, "add", "--to-pack", "-r", &files]);
        machine.ok(&["-C", store, "push", &url]);
    });
    measured("loosepack push, with nothing new", &mut || drop(machine.ok(&["-C", store, "push"])));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let bucket = url.strip_prefix("s3://").unwrap().split('/').next().unwrap();
    measured("one object for each key", &mut || runtime.block_on(one_by_one(environment.clone(), bucket, count)));
    let restic = |arguments: &[&str]| {
        let mut command = Command::new("restic");
        command.args(arguments).envs(environment.clone()).env("RESTIC_PASSWORD", "test").stdout(Stdio::null());
        let repository = format!("s3:{}/{bucket}/restic", proxy.endpoint());
        command.env("RESTIC_REPOSITORY", repository).env("RESTIC_CACHE_DIR", here.path().join("restic")).status()
    };
    match restic(&["init"]) {
        Err(error) => println!("skipped: restic: {error}"),
        Ok(status) => {
            assert!(status.success());
            measured("restic backup", &mut || assert!(restic(&["backup", "-q", &files]).unwrap().success()));
        }
    }
}
