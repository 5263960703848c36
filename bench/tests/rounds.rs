//! The suites run through, on a small scale, and every answer is right. Times are not looked at.

use clap::Parser as _;
use loosepack_bench::options::Options;
use loosepack_bench::sides::disk_objectstore::NAME as PEER;
use loosepack_bench::sides::{FLOOR, NATIVE};
use loosepack_bench::step::{Step, Suite};
use loosepack_bench::work::Work;
use loosepack_bench::{sides, suites};

#[test]
fn sides_do_their_steps_and_what_comes_is_right() {
    let sides = [FLOOR, NATIVE, PEER];
    let small = ["--objects", "200", "--text", "1", "--large", "3", "--rounds", "1"];
    let options = Options::parse_from(["bench", "--sides"].into_iter().chain(sides).chain(small));
    let folder = tempfile::tempdir().unwrap();
    let (kinds, missing) = sides::all(&options).unwrap();
    // The peer comes from a registry of packages, which may be out of reach.
    assert!(missing.iter().all(|missing| missing.starts_with(PEER)), "{missing:?}");
    assert_eq!(kinds.len() + missing.len(), sides.len());
    missing.iter().for_each(|missing| eprintln!("skipped: {missing}"));
    let work = Work::make(&options, folder.path()).unwrap();
    let rows = suites::run(&options, &kinds, &work).unwrap();
    let measured: Vec<Step> = rows.iter().map(|row| row.step).collect();
    for suite in [Suite::Small, Suite::Text, Suite::Large, Suite::Command, Suite::Exchange] {
        assert!(suite.steps().iter().any(|step| measured.contains(step)), "{suite:?}");
    }
    for row in rows {
        assert!(row.times.values().all(|times| times.len() == 1), "{:?}", row.step);
        assert!(sides.iter().any(|side| row.value(side).is_some()), "{:?}", row.step);
    }
}
