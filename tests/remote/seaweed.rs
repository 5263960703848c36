//! Remotes on SeaweedFS and moto, near and far.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use loosepack_engines::{Engine, Proxy, Skip};

use crate::tool::{Machine, container, folder, listed, sorted};

/// One for all tests; it ends with the process.
fn seaweed() -> Result<&'static Engine, Skip> {
    static ENGINE: OnceLock<Result<Engine, Skip>> = OnceLock::new();
    ENGINE.get_or_init(Engine::seaweed).as_ref().map_err(Clone::clone)
}

fn push_and_read(engine: &Engine, url: &str) {
    let (machine, here) = (Machine::new(engine.environment()), folder());
    let store = here.path().join("store");
    let ids = container(&machine, &store, "mine", 500);
    machine.ok(&["remote", "init", url]);
    let pushed = machine.json(&["-C", store.to_str().unwrap(), "push", "--json", url]);
    assert_eq!(&pushed["objects"], &serde_json::Value::from(500));
    // Requests do not grow with objects.
    let requests = ["reads", "writes"].map(|kind| pushed["remote"][kind].as_u64().unwrap());
    assert!(requests.iter().sum::<u64>() < 30, "{pushed}");
    let other = Machine::new(engine.environment());
    assert_eq!(listed(&other, url), sorted(ids));
    let verified = other.json(&["-C", url, "verify", "--json"]);
    assert_eq!((&verified["objects"], &verified["problems"]), (&500.into(), &0.into()));
    let whole = here.path().join("whole");
    other.ok(&["clone", "--all", url, whole.to_str().unwrap()]);
    let verified = other.json(&["-C", whole.to_str().unwrap(), "verify", "--json"]);
    assert_eq!((&verified["objects"], &verified["problems"]), (&500.into(), &0.into()));
    let (status, said) = Machine::new(Vec::new()).fails(&["-C", url, "ls"]);
    assert!(status == 2 && !said.contains("panicked"), "{said}");
}

#[test]
fn seaweed_keeps_what_is_pushed() {
    match seaweed() {
        Ok(engine) => push_and_read(engine, &engine.url("command/all")),
        Err(skip) => println!("{skip}"),
    }
}

#[test]
fn moto_keeps_what_is_pushed() {
    match Engine::moto() {
        Ok(engine) => push_and_read(&engine, &engine.url("command/all")),
        Err(skip) => println!("{skip}"),
    }
}

#[test]
fn the_given_server_keeps_what_is_pushed() {
    match Engine::given() {
        Ok(engine) => {
            let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
            push_and_read(&engine, &engine.url(&format!("command-{now}")));
        }
        Err(skip) => println!("{skip}"),
    }
}

/// How many rounds of requests a command takes: those that are under way at the same time are one.
#[test]
fn rounds_are_few() {
    let engine = match seaweed() {
        Ok(engine) => engine,
        Err(skip) => return println!("{skip}"),
    };
    let (machine, here) = (Machine::new(engine.environment()), folder());
    let (url, store) = (engine.url("command/rounds"), here.path().join("store"));
    // Enough for many blocks of the index.
    let ids = container(&machine, &store, "mine", 3000);
    machine.ok(&["remote", "init", &url]);
    machine.ok(&["-C", store.to_str().unwrap(), "push", &url]);
    // Long, so that requests that are sent together are under way together on a busy machine as well.
    let proxy = Proxy::start(engine.address().unwrap(), Duration::from_millis(150));
    let far = Machine::new(engine.environment_through(&proxy.endpoint()));
    let rounds = |arguments: &[&str], input: &str| {
        let before = proxy.rounds();
        let output = far.run_with(arguments, input);
        assert!(output.status.success(), "{output:?}");
        proxy.rounds() - before
    };
    let cold = rounds(&["-C", &url, "get", &ids[0]], "");
    assert!(cold <= 5, "a cold get: {cold} rounds");
    let again = rounds(&["-C", &url, "get", &ids[0]], "");
    assert_eq!(again, 1, "the same again");
    // That the root is still the newest, and then fences, a block, and the object.
    let other = rounds(&["-C", &url, "get", &ids[1500]], "");
    assert!(other <= 4, "another get: {other} rounds");
    // With the whole index in the cache: the root, and the object, which may be in a block that is there.
    rounds(&["-C", &url, "has", "-"], &ids.join("\n"));
    let mirrored = rounds(&["-C", &url, "get", &ids[2900]], "");
    assert!(mirrored <= 2, "with the index here: {mirrored} rounds");
    let fresh = Machine::new(engine.environment_through(&proxy.endpoint()));
    let before = proxy.rounds();
    let output = fresh.run_with(&["-C", &url, "has", "-"], &ids[..1000].join("\n"));
    assert!(output.status.success());
    let many = proxy.rounds() - before;
    assert!(many <= 8, "1000 lookups: {many} rounds");
}

/// The measured promises: a million objects, on request, as `LOOSEPACK_OBJECTS=1000000`.
#[test]
fn a_large_remote_is_read_fast() {
    let engine = match seaweed() {
        Ok(engine) => engine,
        Err(skip) => return println!("{skip}"),
    };
    let Some(count) = std::env::var("LOOSEPACK_OBJECTS").ok().and_then(|count| count.parse::<usize>().ok()) else {
        return println!("skipped: name a number of objects in LOOSEPACK_OBJECTS");
    };
    let (machine, here) = (Machine::new(engine.environment()), folder());
    let (url, store) = (engine.url("command/large"), here.path().join("store"));
    let timed = |what: &str, machine: &Machine, arguments: &[&str], input: &str| {
        let began = Instant::now();
        let output = machine.run_with(arguments, input);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{what}: {said}");
        println!("{what}: {:.3} s; {}", began.elapsed().as_secs_f64(), said.trim());
        output
    };
    let ids = container(&machine, &store, "large", count);
    let store = store.to_str().unwrap();
    machine.ok(&["remote", "init", &url]);
    timed("push", &machine, &["-C", store, "push", &url], "");
    timed("push again", &machine, &["-C", store, "push", &url], "");
    let whole = here.path().join("whole");
    let near = || Machine::new(engine.environment());
    timed("clone --all", &near(), &["clone", "--all", &url, whole.to_str().unwrap()], "");
    timed("verify over the network", &near(), &["-C", &url, "verify"], "");
    let proxy = Proxy::start(engine.address().unwrap(), Duration::from_millis(30));
    let far = || Machine::new(engine.environment_through(&proxy.endpoint()));
    let some: Vec<&str> = ids.iter().step_by(count.div_ceil(1000)).map(String::as_str).collect();
    timed("1000 cold lookups, 30 ms", &far(), &["-C", &url, "has", "-"], &some.join("\n"));
    let reader = far();
    timed("cold get, 30 ms", &reader, &["-C", &url, "get", &ids[count / 2]], "");
    timed("warm get, 30 ms", &reader, &["-C", &url, "get", &ids[count / 2]], "");
}
