//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::step::Suite;

/// loosepack and its peers, side by side: the native logic, the component in its host, the component with WASI alone,
/// a program of bare system calls ("floor"), disk_objectstore, git and SQLite.
///
/// Everything is in one run and takes turns; a number is the median of the rounds. A peer that cannot be had is left
/// out, which the report says.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
pub struct Options {
    /// Objects of the suites `small`, `command` and `exchange`
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(100..))]
    pub objects: usize,

    /// Rounds; a number is their median
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,

    /// Folder to work in; a folder of its own is made in it and removed at the end. Creating files is what is measured
    /// in part, so it should be on a file system of the kind that matters: one with a journal, on the disk that
    /// matters
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    pub dir: PathBuf,

    /// Run these suites alone
    #[arg(long, value_name = "SUITE", num_args = 1..)]
    pub only: Vec<Suite>,

    /// Run these sides alone: floor, native, component, portable, disk_objectstore, git, SQLite
    #[arg(long, value_name = "SIDE", num_args = 1..)]
    pub sides: Vec<String>,

    /// Text to take for the suite `text`, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 300)]
    pub text: u64,

    /// Size of the object of the suite `large`, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 2048)]
    pub large: u64,

    /// Objects in the containers of the suite `growth`
    #[arg(long, value_name = "N", num_args = 1.., default_values_t = [10_000, 100_000, 1_000_000])]
    pub growth: Vec<u64>,

    /// Write table, chart and numbers to docs/benchmarks
    #[arg(long, conflicts_with_all = ["only", "sides"])]
    pub write: bool,

    /// Only fill a container in this folder with N objects: a process whose memory is measured
    #[arg(long, hide = true, num_args = 2, value_names = ["FOLDER", "N"])]
    pub fill: Vec<String>,
}

impl Options {
    /// Returns whether to run this suite.
    pub fn wants(&self, suite: Suite) -> bool {
        self.only.is_empty() || self.only.contains(&suite)
    }

    /// Returns whether to run this side.
    pub fn wants_side(&self, name: &str) -> bool {
        self.sides.is_empty() || self.sides.iter().any(|side| side == name)
    }
}
