//! The Python package `disk_objectstore`, in a process that takes steps as requests and answers with their times.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use xtask::process::output;
use xtask::{Error, workspace};

use crate::Result;
use crate::process::cold;
use crate::side::{Kind, Side, Tally};
use crate::step::Step;
use crate::work::Work;

/// The name of the column.
pub const NAME: &str = "disk_objectstore";

const VERSION: &str = "1.5.0";

/// Prints the version that this Python has.
const PRINT_VERSION: &str = "import importlib.metadata as m; print(m.version('disk_objectstore'))";

/// This side, installed below `target/` if need be.
pub fn kind() -> Result<Kind> {
    let python = interpreter();
    if !is_installed(&python) {
        install(&python)?;
    }
    let version = output(Command::new(&python).arg("--version"))?;
    Ok(Kind {
        name: NAME,
        version: format!("{NAME} {VERSION} of PyPI, {}; reads are not checked", version.trim()),
        open: Box::new(move |folder, work| Ok(Box::new(Peer::start(&python, folder, work)?))),
    })
}

fn environment() -> PathBuf {
    workspace::target().join("bench-python")
}

fn interpreter() -> PathBuf {
    environment().join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" })
}

fn script() -> PathBuf {
    workspace::root().join("bench/python/steps.py")
}

/// Makes the container that [`Step::Import`] imports from, unless it is there. Returns its folder; `None` where the
/// package, which makes it, is not installed.
pub(super) fn source(work: &Work) -> Result<Option<PathBuf>> {
    let folder = work.folder.join("source");
    if !folder.exists() {
        let python = interpreter();
        if !is_installed(&python) {
            return Ok(None);
        }
        output(Command::new(python).arg(script()).arg("source").arg(&folder).arg(&work.contents_file))?;
    }
    Ok(Some(folder))
}

fn is_installed(python: &Path) -> bool {
    output(Command::new(python).args(["-c", PRINT_VERSION])).is_ok_and(|version| version.trim() == VERSION)
}

fn install(python: &Path) -> Result<()> {
    eprintln!("bench: installing {NAME} {VERSION}");
    let system = if cfg!(windows) { "python" } else { "python3" };
    output(Command::new(system).args(["-m", "venv", "--clear"]).arg(environment()))
        .map_err(|error| Error::cannot("set up Python (it needs its venv module)", error))?;
    let package = format!("{NAME}=={VERSION}");
    output(Command::new(python).args(["-m", "pip", "install", "--quiet", &package]))
        .map_err(|error| Error::cannot(format_args!("install {package}"), error))?;
    Ok(())
}

struct Peer {
    python: PathBuf,
    folder: PathBuf,
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    fn start(python: &Path, folder: &Path, work: &Work) -> Result<Self> {
        let mut child = Command::new(python)
            .arg(script())
            .arg("serve")
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (requests, answers) = (child.stdin.take(), child.stdout.take().ok_or("a pipe is missing")?);
        let mut peer =
            Peer { python: python.into(), folder: folder.into(), child, requests, answers: BufReader::new(answers) };
        peer.ask(&json!({
            "step": "Start",
            "contents": work.contents_file.to_str().filter(|_| !work.contents.is_empty()),
            "texts": work.texts.paths.iter().map(|path| work.texts.folder.join(path)).collect::<Vec<_>>(),
            "large": work.large,
        }))?;
        Ok(peer)
    }

    fn ask(&mut self, request: &Value) -> Result<Value> {
        let requests = self.requests.as_mut().ok_or("the pipe is closed")?;
        writeln!(requests, "{request}")?;
        requests.flush()?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }
}

impl Side for Peer {
    fn run(&mut self, step: Step, work: &Work) -> Result<Option<Duration>> {
        let count = step.objects(work);
        if step == Step::Cold {
            let ids = self.ask(&json!({ "step": "Ids" }))?;
            return Ok(Some(cold(work.some().len(), |number| {
                let mut command = Command::new(&self.python);
                command.arg(script()).arg("get").arg(&self.folder).arg(ids[number].as_str().ok_or("an id is missing")?);
                Ok((command, work.contents[number].len()))
            })?));
        }
        let source = if step == Step::Import { source(work)? } else { None };
        let answer = self.ask(&json!({ "step": format!("{step:?}"), "count": count, "source": source }))?;
        let Some(seconds) = answer["seconds"].as_f64() else { return Ok(None) };
        let expected = match step {
            Step::TextRead => work.texts_tally(),
            Step::LargeRead | Step::LargeZlibRead => Tally { objects: 1, bytes: work.large_size },
            _ => Tally::of(&work.contents[..count.min(work.contents.len())]),
        };
        if let (Some(objects), Some(bytes)) = (answer["objects"].as_u64(), answer["bytes"].as_u64()) {
            Tally { objects: objects as usize, bytes }.check(expected)?;
        }
        Ok(Some(Duration::from_secs_f64(seconds)))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It ends at the end of its input. What it says then interests nobody.
        self.requests = None;
        let _ = self.child.wait();
    }
}
