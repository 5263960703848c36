//! The suites run through, on a small scale, and every answer is right. Times are not looked at.

use clap::Parser as _;
use loosepack_bench::options::Options;
use loosepack_bench::sides::{FLOOR, NATIVE};
use loosepack_bench::step::{Step, Suite};
use loosepack_bench::work::Work;
use loosepack_bench::{sides, suites};

#[test]
fn sides_do_their_steps_and_what_comes_is_right() {
    let arguments =
        ["bench", "--sides", FLOOR, NATIVE, "--objects", "200", "--text", "1", "--large", "3", "--rounds", "1"];
    let options = Options::parse_from(arguments);
    let folder = tempfile::tempdir().unwrap();
    let (kinds, missing) = sides::all(&options).unwrap();
    assert_eq!((kinds.len(), missing), (2, Vec::new()));
    let work = Work::make(&options, folder.path()).unwrap();
    let rows = suites::run(&options, &kinds, &work).unwrap();
    let measured: Vec<Step> = rows.iter().map(|row| row.step).collect();
    for suite in [Suite::Small, Suite::Text, Suite::Large, Suite::Command] {
        assert!(suite.steps().iter().any(|step| measured.contains(step)), "{suite:?}");
    }
    for row in rows {
        assert!(row.times.values().all(|times| times.len() == 1), "{:?}", row.step);
        assert!(row.value(FLOOR).or(row.value(NATIVE)).is_some(), "{:?}", row.step);
    }
}
