//! A cluster of SeaweedFS: many writers, and servers that are killed.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use loosepack_engines::{Cluster, Engine};

use crate::tool::{Machine, container, folder, listed, sorted};

/// Writers at once.
const WRITERS: usize = 8;

/// How long they write: as long as `LOOSEPACK_SECONDS` says, or a moment.
fn seconds() -> Duration {
    let seconds = std::env::var("LOOSEPACK_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(15))
}

/// Adds some objects, and pushes them, until `stop`. Returns the ids that a push has acknowledged.
fn write(machines: &[Machine], dir: &Path, name: &str, url: &str, stop: &AtomicBool) -> (Vec<String>, u32) {
    let (mut acknowledged, mut failures, mut turn) = (Vec::new(), 0, 0);
    let mut waiting = Vec::new();
    while !stop.load(Ordering::Relaxed) || !waiting.is_empty() {
        // Behind a failure, the other gateway is used, as a load balancer would do it.
        let machine = &machines[turn % machines.len()];
        if waiting.is_empty() {
            waiting = container(machine, dir, &format!("{name} {turn}"), 20);
        }
        let output = machine.run(&["-C", dir.to_str().unwrap(), "push", url]);
        if output.status.success() {
            acknowledged.append(&mut waiting);
        } else {
            failures += 1;
            println!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim());
            assert!(failures < 60, "{name}: {output:?}");
        }
        turn += 1;
    }
    (acknowledged, failures)
}

/// Eight machines push for a while; `meanwhile` does something to the servers.
fn push_from_all(environments: &[Vec<(String, String)>], url: &str, meanwhile: impl FnOnce(Duration)) {
    let first = Machine::new(environments[0].clone());
    first.ok(&["remote", "init", url]);
    let (stop, here) = (AtomicBool::new(false), folder());
    let (acknowledged, failures) = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (stop, dir) = (&stop, here.path().join(writer.to_string()));
                scope.spawn(move || {
                    let mut machines: Vec<Machine> =
                        environments.iter().map(|environment| Machine::new(environment.clone())).collect();
                    machines.rotate_left(writer % environments.len());
                    write(&machines, &dir, &format!("writer {writer}"), url, stop)
                })
            })
            .collect();
        let began = Instant::now();
        meanwhile(seconds());
        std::thread::sleep(seconds().saturating_sub(began.elapsed()));
        stop.store(true, Ordering::Relaxed);
        let mut all = (Vec::new(), 0);
        for writer in writers {
            let (ids, failures) = writer.join().unwrap();
            all.0.extend(ids);
            all.1 += failures;
        }
        all
    });
    // Whoever comes now finds everything, by whichever gateway that is left.
    let whole = here.path().join("whole");
    let last = Machine::new(environments[environments.len() - 1].clone());
    last.ok(&["clone", "--all", url, whole.to_str().unwrap()]);
    let found = listed(&last, whole.to_str().unwrap());
    let acknowledged = sorted(acknowledged);
    let missing: Vec<_> = acknowledged.iter().filter(|id| found.binary_search(id).is_err()).collect();
    assert!(missing.is_empty(), "{} of {} are missing", missing.len(), acknowledged.len());
    let verified = last.json(&["-C", whole.to_str().unwrap(), "verify", "--json"]);
    assert_eq!(verified["problems"], 0);
    let verified = Machine::new(environments[environments.len() - 1].clone()).json(&["-C", url, "verify", "--json"]);
    assert_eq!((&verified["problems"], &verified["objects"]), (&0.into(), &found.len().into()));
    println!("{} objects acknowledged, all there; {failures} pushes failed and were done again", acknowledged.len());
}

#[test]
fn eight_writers_lose_nothing() {
    match Engine::seaweed() {
        Ok(engine) => push_from_all(&[engine.environment()], &engine.url("writers"), |_| {}),
        Err(skip) => println!("{skip}"),
    }
}

#[test]
fn a_storage_node_and_a_gateway_may_die() {
    let cluster = match Cluster::seaweed() {
        Ok(cluster) => cluster,
        Err(skip) => return println!("{skip}"),
    };
    let environments = [0, 1].map(|gateway| cluster.environment(gateway));
    push_from_all(&environments, &cluster.url("writers"), |time| {
        std::thread::sleep(time / 3);
        cluster.kill_volume_server(1);
        std::thread::sleep(time / 3);
        cluster.kill_gateway(0);
    });
}
