//! A server process that ends when this process does.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Runs the server given as arguments until it ends or standard input does, then removes what it leaves behind. The
/// last line ends what the server may have started: the shell leads a process group.
const SHELL: &str = r#"
exec 3<&0
"$@" 3<&- </dev/null &
server=$!
{ read -r _; kill -9 "$server"; } <&3 2>/dev/null &
watcher=$!
exec 3<&-
wait "$server"
kill -9 "$watcher" 2>/dev/null
wait "$watcher"
rm -rf -- "$LOOSEPACK_FOLDER"
rmdir -- "${LOOSEPACK_FOLDER%/*}" 2>/dev/null
rm -f -- $LOOSEPACK_SOCKETS
kill -9 0
"#;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a server says that may start the next time: of a port that is in use, and of a cluster whose masters take long to
/// agree.
const NEXT_TIME: [&str; 2] = ["address already in use", "not current leader"];

/// A running server. Dropping it kills it with signal 9, waits until it is gone, and removes its folder.
pub(crate) struct Server {
    shell: Child,
    log: File,
    name: String,
}

impl Server {
    /// Starts a program in `folder`, which must have a parent that belongs to this run alone. `sockets` are files that
    /// the program makes elsewhere, separated by spaces.
    pub(crate) fn start(program: &Path, arguments: &[String], folder: &Path, sockets: &str) -> Server {
        let log_file = folder.join("log.txt");
        let log = File::options().create_new(true).read(true).append(true).open(&log_file).unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SHELL, "sh"]).arg(program).args(arguments);
        command.current_dir(folder).stdin(Stdio::piped());
        command.stdout(log.try_clone().unwrap()).stderr(log.try_clone().unwrap());
        // Neither configuration nor credentials of the user, and log files in the folder.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("AWS_") || text.starts_with("WEED_") {
                command.env_remove(name);
            }
        }
        command.env("HOME", folder).env("TMPDIR", folder);
        command.env("LOOSEPACK_FOLDER", folder).env("LOOSEPACK_SOCKETS", sockets);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let shell = command.spawn().unwrap_or_else(|error| panic!("/bin/sh cannot be started: {error}"));
        let name = format!("{} {}", program.display(), arguments.join(" "));
        Server { shell, log, name }
    }

    /// Returns the end of the log, which can be read even after its file was removed.
    fn log(&mut self) -> String {
        let mut text = Vec::new();
        self.log.rewind().unwrap();
        self.log.read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text[text.len().saturating_sub(4000)..]).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// Waits until `is_ready`. Returns false if one of the servers ends that may start the next time.
///
/// # Panics
/// If one ends for another reason, or they are not ready in time.
pub(crate) fn wait_until(servers: &mut [&mut Server], what: &str, mut is_ready: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    loop {
        for server in &mut *servers {
            if server.shell.try_wait().unwrap().is_some() {
                let log = server.log();
                let passes = NEXT_TIME.iter().any(|words| log.to_lowercase().contains(words));
                assert!(passes, "`{}` ended before {what}:\n{log}", server.name);
                return false;
            }
        }
        if is_ready() {
            return true;
        }
        if Instant::now() > deadline {
            let logs = servers.iter_mut().map(|server| {
                let log = server.log();
                format!("\n`{}`:\n{log}", server.name)
            });
            panic!("not within {PATIENCE:?}: {what}{}", logs.collect::<String>());
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Makes the folder of a run, in which each server gets a folder of its own. The last server removes it.
pub(crate) fn folder_of_run() -> PathBuf {
    tempfile::Builder::new().prefix("loosepack-engines-").tempdir().unwrap().keep()
}

/// Makes the folder of a server.
pub(crate) fn folder_of_server(run: &Path, name: &str) -> PathBuf {
    let folder = run.join(name);
    fs::create_dir(&folder).unwrap();
    folder
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::sync::Mutex;
    use std::{env, process};

    use xtask::process::output;

    use super::*;

    /// Set in the process that starts a server: how that process ends.
    const ENDS: &str = "LOOSEPACK_ENGINES_TEST_ENDS";

    fn sleeper() -> (Server, PathBuf) {
        let run = folder_of_run();
        let folder = folder_of_server(&run, "sleeper");
        // A server that has started another process.
        let arguments = ["-c", "sleep 600 & echo $$ $! > ids; wait"].map(String::from);
        let mut server = Server::start(Path::new("/bin/sh"), &arguments, &folder, "");
        wait_until(&mut [&mut server], "it says its numbers", || {
            fs::read(folder.join("ids")).is_ok_and(|ids| ids.ends_with(b"\n"))
        });
        (server, folder)
    }

    /// Part of the test below, which runs it in a process of its own.
    #[test]
    fn a_process_that_starts_a_server_and_ends() {
        static KEPT: Mutex<Option<Server>> = Mutex::new(None);
        let Ok(ends) = env::var(ENDS) else { return };
        let (server, folder) = sleeper();
        let ids = fs::read_to_string(folder.join("ids")).unwrap();
        println!("\nstarted {} {ids}", folder.display());
        match &*ends {
            "drop" => drop(server),
            // The process ends when its tests have.
            "keep" => *KEPT.lock().unwrap() = Some(server),
            "panic" => panic!("with a server"),
            "abort" => process::abort(),
            _ => thread::sleep(Duration::from_secs(600)),
        }
    }

    #[test]
    fn what_may_pass_is_told_from_other_failures() {
        let ends = |words: &str| {
            let folder = folder_of_server(&folder_of_run(), "server");
            let arguments = ["-c".into(), format!("echo '{words}'; exit 1")];
            let mut server = Server::start(Path::new("/bin/sh"), &arguments, &folder, "");
            wait_until(&mut [&mut server], "it answers", || false)
        };
        assert!(!ends("listen: Address already in use") && !ends("raft.Server: Not current leader"));
        let failed = std::panic::catch_unwind(|| ends("no such option")).unwrap_err();
        let message = failed.downcast_ref::<String>().unwrap();
        assert!(message.contains("before it answers") && message.contains("no such option"), "{message}");
    }

    #[test]
    fn a_server_ends_with_the_process_that_started_it_however_that_ends() {
        for ends in ["drop", "keep", "panic", "abort", "kill"] {
            let mut command = Command::new(env::current_exe().unwrap());
            command.args(["a_process_that_starts_a_server_and_ends", "--nocapture"]).env(ENDS, ends);
            let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
            let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
            let line = lines.find_map(|line| line.strip_prefix("started ").map(String::from)).unwrap();
            let words: Vec<&str> = line.split(' ').collect();
            if ends == "kill" {
                process.kill().unwrap();
            }
            process.wait().unwrap();
            let [folder, ids @ ..] = &*words else { panic!("{line}") };
            // The process that inherits them may not look at once, or never: then they remain as zombies.
            let is_zombie =
                |id: &&str| fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| stat.contains(") Z "));
            let is_alive = |id: &&str| output(Command::new("kill").args(["-0", id])).is_ok() && !is_zombie(id);
            let deadline = Instant::now() + Duration::from_secs(10);
            while ids.iter().any(is_alive) || Path::new(folder).parent().unwrap().exists() {
                assert!(Instant::now() < deadline, "{ends}: {line} is there still");
                thread::sleep(Duration::from_millis(20));
            }
        }
    }
}
