//! `cargo xtask <command>`: the developer commands as a table.

mod bench;
mod demo;
mod sweep;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use xtask::{Error, Result, components, dist, languages, package, test, wasm_target};

/// A developer command. Adding one is adding a line to [`COMMANDS`].
struct Command {
    name: &'static str,
    help: &'static str,
    run: fn(&[OsString]) -> Result<()>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "wasm-target",
        help: "make wasm32-wasip2 available to rustc",
        run: |args| none(args, wasm_target::ensure),
    },
    Command { name: "demo", help: "the main job on real files, from start to end", run: demo::demo },
    Command { name: "bench", help: "loosepack and its peers, side by side; --help tells how", run: bench::bench },
    Command {
        name: "components",
        help: "build the components into dist/, with the WIT package, manual pages and completions",
        run: |args| none(args, components::build),
    },
    Command {
        name: "dist",
        help: "build everything that is released into dist/, and try it out",
        run: |args| none(args, dist::build),
    },
    Command {
        name: "explorer",
        help: "build the page that looks into containers into target/explorer",
        run: |args| none(args, languages::explorer),
    },
    Command {
        name: "languages",
        help: "set up what the Python and Node tests need",
        run: |args| none(args, languages::ensure),
    },
    Command {
        name: "node",
        help: "build the npm package into target/npm from dist/, and test it",
        run: |args| none(args, languages::node_package),
    },
    Command {
        name: "package",
        help: "pack what is published, and use it from outside",
        run: |args| none(args, package::package),
    },
    Command {
        name: "plugin",
        help: "build the commands in examples/plugin, compose them with dist/loosepack.wasm, and test them",
        run: |args| none(args, languages::plugin),
    },
    Command {
        name: "python",
        help: "build the wheel of the Python package into target/wheels, and test it",
        run: |args| none(args, languages::python_package),
    },
    Command {
        name: "reproducible",
        help: "build the components in another folder, and compare their bytes",
        run: |args| none(args, dist::reproducible::check),
    },
    Command { name: "sweep", help: "crash, fail, kill and fuzz for longer; --seeds N", run: sweep::sweep },
    Command { name: "test", help: "run all tests; further arguments go to `cargo test`", run: test::run },
    Command {
        name: "together",
        help: "set the command, Python, Node, the plugin and the portable command to work on one container",
        run: |args| none(args, languages::together),
    },
];

/// The exit code for a command line that makes no sense.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let Some((name, rest)) = arguments.split_first() else {
        print!("{}", table());
        return ExitCode::SUCCESS;
    };
    if ["--help", "-h", "help"].iter().any(|help| name == help) {
        print!("{}", table());
        return ExitCode::SUCCESS;
    }
    let Some(command) = COMMANDS.iter().find(|command| name == command.name) else {
        eprint!("xtask: no command is called `{}`\n\n{}", name.display(), table());
        return ExitCode::from(USAGE);
    };
    match (command.run)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {}: {error}", command.name);
            ExitCode::FAILURE
        }
    }
}

/// Runs a command that takes no arguments.
fn none(arguments: &[OsString], run: fn() -> Result<()>) -> Result<()> {
    match arguments {
        [] => run(),
        [first, ..] => Err(Error::new(format!("takes no arguments, but was given `{}`", first.display()))),
    }
}

fn table() -> String {
    let lines = COMMANDS.iter().map(|command| format!("  {:<13} {}\n", command.name, command.help));
    format!("usage: cargo xtask <command>\n\n{}", lines.collect::<String>())
}
