//! What a hostile bucket can do: nothing but fail.

use std::fs;

use crate::folder::url;
use crate::tool::{Machine, container, folder};

/// A few numbers that look like any.
fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    std::iter::from_fn(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Some(state)
    })
}

#[test]
fn no_changed_byte_is_read_as_an_object_or_stops_the_process() {
    let (machine, bucket, here) = (Machine::new(Vec::new()), folder(), folder());
    let (url, store) = (url(bucket.path()), here.path().join("store"));
    let ids = container(&machine, &store, "mine", 120);
    machine.ok(&["remote", "init", &url]);
    machine.ok(&["-C", store.to_str().unwrap(), "push", &url]);
    let right = machine.run_with(&["-C", &url, "get", "-"], &ids.join("\n")).stdout;
    let files: Vec<_> = ["packs", "index", "root"]
        .iter()
        .flat_map(|part| fs::read_dir(bucket.path().join("team").join(part)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    let (mut failed, mut sound) = (0, 0);
    for (round, file) in (0..).zip(files.iter().cycle()).take(60) {
        let whole = fs::read(file).unwrap();
        let mut changed = whole.clone();
        let mut numbers = numbers(round + 1);
        for _ in 0..1 + round % 3 {
            if let (Some(at), Some(byte)) = (numbers.next(), numbers.next())
                && !changed.is_empty()
            {
                let at = at as usize % changed.len();
                changed[at] = byte as u8;
            }
        }
        if round % 7 == 0 {
            changed.truncate(changed.len() / 2);
        }
        fs::write(file, &changed).unwrap();
        let reader = Machine::new(Vec::new());
        let output = reader.run_with(&["-C", &url, "get", "-"], &ids.join("\n"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code().is_some() && !said.contains("panicked"), "{file:?}: {output:?}");
        if output.status.success() {
            sound += 1;
            assert_eq!(output.stdout, right, "{file:?}");
        } else {
            failed += 1;
            // Objects that were printed are whole ones, in their order, until the first that is not sound.
            assert!(said.contains("loosepack: "), "{said}");
        }
        let verified = reader.run(&["-C", &url, "verify"]);
        assert!(verified.status.code().is_some());
        fs::write(file, &whole).unwrap();
    }
    assert!(failed > 10 && sound > 0, "{failed} failed, {sound} did not");
}

/// A root that speaks of files that are not there, or are larger than anything.
#[test]
fn a_root_that_lies_is_an_error() {
    let (machine, bucket, here) = (Machine::new(Vec::new()), folder(), folder());
    let (url, store) = (url(bucket.path()), here.path().join("store"));
    let ids = container(&machine, &store, "mine", 20);
    machine.ok(&["remote", "init", &url]);
    machine.ok(&["-C", store.to_str().unwrap(), "push", &url]);
    let roots = bucket.path().join("team/root");
    let newest = fs::read_dir(&roots).unwrap().map(|root| root.unwrap().path());
    let newest = newest.filter(|path| !path.ends_with("latest")).max().unwrap();
    let root: serde_json::Value = serde_json::from_slice(&fs::read(&newest).unwrap()).unwrap();
    type Change = fn(&mut serde_json::Value);
    let changes: [Change; 6] = [
        |root| root["packs"][0]["size"] = (1_u64 << 62).into(),
        |root| root["packs"][0]["number"] = 4_000_000.into(),
        |root| root["runs"][0]["size"] = (1_u64 << 62).into(),
        |root| root["runs"][0]["head"] = "{}".into(),
        |root| root["container"] = "../../etc".into(),
        |root| root["packs"] = serde_json::json!([]),
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut changed = root.clone();
        change(&mut changed);
        fs::write(&newest, changed.to_string() + "\n").unwrap();
        let output = Machine::new(Vec::new()).run(&["-C", &url, "get", &ids[0]]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && output.stdout.is_empty(), "change {number}: {output:?}");
        assert!(said.contains("loosepack: ") && !said.contains("panicked"), "change {number}: {said}");
    }
    fs::write(&newest, root.to_string() + "\n").unwrap();
    machine.ok(&["-C", &url, "get", &ids[0]]);
}
