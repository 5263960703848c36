//! Tests that need a process of their own: this program again, for one test that is ignored otherwise.

use std::process::{Command, Stdio};

/// Runs an ignored test of this program.
pub(crate) fn process(test: &str) -> Command {
    by_shell("exec \"$@\"", test)
}

/// Does so by way of a script of the shell, which ends in `"$@"`.
pub(crate) fn by_shell(script: &str, test: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).arg(std::env::current_exe().expect("this program is a file"));
    command.args(["--exact", test, "--ignored", "--nocapture"]).stdin(Stdio::null());
    command
}

/// Runs it to its end, which is success.
#[track_caller]
pub(crate) fn succeeds(mut command: Command) {
    let output = command.output().expect("there is a shell");
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success() && out.contains("1 passed"), "{:?}\n{out}\n{err}", output.status);
}

/// Returns whether this process is root's. Tests that need it say that they are skipped.
pub(crate) fn is_root(what: &str) -> bool {
    let output = Command::new("id").arg("-u").output();
    let root = output.is_ok_and(|output| output.stdout == b"0\n");
    if !root {
        println!("skipped: {what} needs root");
    }
    root
}
