//! Talking to git through pipes.

use std::io::{BufRead as _, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use super::git;
use crate::Result;
use crate::side::ensure;

/// Writes to a program, and returns what it printed meanwhile.
pub(super) fn feed(command: &mut Command, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<String> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let input = child.stdin.take().ok_or("a pipe is missing")?;
    let mut output = child.stdout.take().ok_or("a pipe is missing")?;
    let printed = std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut printed = String::new();
            output.read_to_string(&mut printed).map(|_| printed)
        });
        let mut input = BufWriter::with_capacity(1 << 20, input);
        write(&mut input)?;
        drop(input.into_inner()?);
        Ok::<_, crate::Error>(reader.join().map_err(|_| "a thread panicked")??)
    })?;
    ensure(child.wait()?.success(), "git failed")?;
    Ok(printed)
}

/// Writes all ids to a program, and reads what it says meanwhile.
pub(super) fn ask_all<T: Send>(
    ids: &[String],
    command: &mut Command,
    read: impl FnOnce(&mut BufReader<ChildStdout>) -> Result<T>,
) -> Result<T> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let input = child.stdin.take().ok_or("a pipe is missing")?;
    let mut output = BufReader::with_capacity(1 << 20, child.stdout.take().ok_or("a pipe is missing")?);
    let result = std::thread::scope(|scope| {
        let asker = scope.spawn(move || {
            let mut input = BufWriter::new(input);
            ids.iter().try_for_each(|id| writeln!(input, "{id}"))?;
            input.flush()
        });
        let result = read(&mut output);
        asker.join().map_err(|_| "a thread panicked")??;
        result
    })?;
    ensure(child.wait()?.success(), "git failed")?;
    Ok(result)
}

/// Reads to the end; how many bytes there were.
pub(super) fn drain(output: Option<ChildStdout>) -> Result<u64> {
    let mut output = output.ok_or("a pipe is missing")?;
    let mut buffer = vec![0; 1 << 20];
    let mut size = 0;
    loop {
        match output.read(&mut buffer)? {
            0 => return Ok(size),
            len => size += len as u64,
        }
    }
}

/// `git cat-file`, asked for one object at a time.
pub(super) struct Batch {
    child: Child,
    pub(super) output: BufReader<ChildStdout>,
}

impl Batch {
    pub(super) fn start(repository: &Path, mode: &str) -> Result<Self> {
        let mut command = git(repository, &[]);
        let mut child = command.args(["cat-file", mode]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = BufReader::new(child.stdout.take().ok_or("a pipe is missing")?);
        Ok(Batch { child, output })
    }

    /// The size of an object.
    pub(super) fn ask(&mut self, id: &str) -> Result<usize> {
        let input = self.child.stdin.as_mut().ok_or("a pipe is missing")?;
        input.write_all(format!("{id}\n").as_bytes())?;
        header(&mut self.output)?.ok_or_else(|| "git ended".into())
    }

    pub(super) fn end(mut self) -> Result<()> {
        self.child.stdin = None;
        ensure(self.child.wait()?.success(), "git failed")
    }
}

/// The size in a line of `cat-file`; `None` at the end.
pub(super) fn header(output: &mut BufReader<ChildStdout>) -> Result<Option<usize>> {
    let mut line = String::new();
    if output.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let size = line.trim_end().rsplit_once(' ').and_then(|(_, size)| size.parse().ok());
    Ok(Some(size.ok_or_else(|| format!("git said {line:?}"))?))
}
