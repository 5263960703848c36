//! The program behind `cargo xtask bench`.

use std::process::ExitCode;

use clap::Parser as _;
use loosepack_bench::machine::Machine;
use loosepack_bench::options::Options;
use loosepack_bench::report::Report;
use loosepack_bench::step::Suite;
use loosepack_bench::work::Work;
use loosepack_bench::{Result, growth, sides, suites};

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    if let [folder, objects] = &options.fill[..] {
        return growth::fill(folder.as_ref(), objects.parse()?);
    }
    let folder = std::path::absolute(options.dir.join(format!("loosepack-bench-{}", std::process::id())))?;
    std::fs::create_dir_all(&folder)?;
    let result = measure(options, &folder);
    std::fs::remove_dir_all(&folder)?;
    let report = result?;
    print!("{}", report.markdown());
    if options.write {
        report.write(&xtask::workspace::root().join("docs/benchmarks"))?;
    }
    Ok(())
}

fn measure(options: &Options, folder: &std::path::Path) -> Result<Report> {
    let machine = Machine::look(folder);
    let (kinds, missing) = sides::all(options)?;
    missing.iter().for_each(|text| eprintln!("bench: {text}"));
    let work = Work::make(options, folder)?;
    let rows = suites::run(options, &kinds, &work)?;
    let growth = if options.wants(Suite::Growth) { growth::run(options, folder)? } else { Vec::new() };
    Ok(Report::new(options, machine, &kinds, missing, &work, rows, growth))
}
