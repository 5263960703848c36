//! git as a store of blobs.

mod pipes;

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use xtask::process::output;

use self::pipes::{Batch, ask_all, drain, feed, header};
use crate::Result;
use crate::process::{cold, whole};
use crate::side::{Kind, Side, Tally, ensure, timed};
use crate::step::Step;
use crate::work::Work;

/// The name of the column.
pub const NAME: &str = "git";

/// Everything is flushed that can be.
const SYNC: &[&str] = &["-c", "core.fsync=all", "-c", "core.fsyncMethod=fsync"];
/// Everything too, but once for all objects.
const SYNC_BATCH: &[&str] = &["-c", "core.fsync=all", "-c", "core.fsyncMethod=batch"];
/// Nothing is.
const NO_SYNC: &[&str] = &["-c", "core.fsync=none"];

/// This side.
pub fn kind() -> Result<Kind> {
    let version = output(Command::new("git").arg("--version"))?;
    Ok(Kind {
        name: NAME,
        version: format!("{}: fast-import, cat-file --batch; SHA-1, reads are not checked", version.trim()),
        open: Box::new(|folder, _| {
            Ok(Box::new(Git { folder: folder.into(), repository: folder.into(), ids: Vec::new() }))
        }),
    })
}

struct Git {
    folder: PathBuf,
    /// The repository that the reading steps read.
    repository: PathBuf,
    ids: Vec<String>,
}

impl Side for Git {
    fn run(&mut self, step: Step, work: &Work) -> Result<Option<Duration>> {
        Ok(Some(match step {
            Step::Direct => {
                self.repository = create(&self.folder.join("direct"), false)?;
                self.import(work.contents.iter().map(|content| Ok(content.clone())))?
            }
            Step::DirectZlib => {
                let direct = std::mem::replace(&mut self.repository, create(&self.folder.join("zlib"), true)?);
                let time = self.import(work.contents.iter().map(|content| Ok(content.clone())))?;
                self.repository = direct;
                time
            }
            Step::ReadMany => self.read_many(Tally::of(&work.contents))?,
            Step::ReadOne => self.read_one(&self.repository, work)?,
            Step::ReadLoose => self.read_one(&self.folder.join("loose"), work)?,
            Step::ExistsMany => {
                let (time, lines) = timed(|| self.check_many())?;
                ensure(lines == self.ids.len(), "objects are missing")?;
                time
            }
            Step::ExistsOne => {
                let mut batch = Batch::start(&self.repository, "--batch-check")?;
                let ids = &self.ids[..work.some().len()];
                let (time, ()) = timed(|| ids.iter().try_for_each(|id| batch.ask(id).map(drop)))?;
                batch.end()?;
                time
            }
            Step::Cold => cold(work.some().len(), |number| {
                let mut command = git(&self.repository, &[]);
                command.args(["cat-file", "blob", &self.ids[number]]);
                Ok((command, work.contents[number].len()))
            })?,
            Step::Verify | Step::TextVerify => {
                timed(|| finish(git(&self.repository, &[]).args(["fsck", "--full", "--no-dangling", "--no-progress"])))?
                    .0
            }
            Step::Loose => self.add_loose("loose", NO_SYNC, work, work.some().len())?,
            Step::LooseSync => self.add_loose("synced", SYNC, work, work.few().len())?,
            Step::LooseBatch => {
                let repository = create(&self.folder.join("batch"), false)?;
                let names = work.names(work.some().len());
                let mut command = git(&repository, SYNC_BATCH);
                command.arg("--work-tree").arg(&work.files).args(["update-index", "--add", "--stdin"]);
                command.current_dir(&work.files);
                timed(|| feed(&mut command, |input| Ok(input.write_all(names.as_bytes())?)).map(drop))?.0
            }
            Step::PackLoose => {
                let repository = self.folder.join("loose");
                let mut command = git(&repository, SYNC);
                command.args(["pack-objects", "--quiet", "--window=0", "objects/pack/pack"]).current_dir(&repository);
                let ids = self.ids[..work.some().len()].join("\n") + "\n";
                timed(|| feed(&mut command, |input| Ok(input.write_all(ids.as_bytes())?)).map(drop))?.0
            }
            Step::Clean => {
                let (time, ()) =
                    timed(|| finish(git(&self.folder.join("loose"), &[]).args(["prune-packed", "--quiet"])))?;
                let left = output(git(&self.folder.join("loose"), &[]).arg("count-objects"))?;
                ensure(left.starts_with("0 objects"), "files were not removed")?;
                time
            }
            Step::Text => {
                self.repository = create(&self.folder.join("text"), true)?;
                self.import(work.texts.paths.iter().map(|path| Ok(fs::read(work.texts.folder.join(path))?)))?
            }
            Step::TextRead => self.read_many(work.texts_tally())?,
            Step::Large => self.add_large("large", false, work)?,
            Step::LargeZlib => self.add_large("large-zlib", true, work)?,
            Step::LargeRead | Step::LargeZlibRead => {
                let (time, size) = timed(|| {
                    let mut child = git(&self.repository, &[])
                        .args(["cat-file", "blob", &self.ids[0]])
                        .stdout(Stdio::piped())
                        .spawn()?;
                    let size = drain(child.stdout.take())?;
                    ensure(child.wait()?.success(), "git failed")?;
                    Ok(size)
                })?;
                ensure(size == work.large_size, "bytes are missing")?;
                time
            }
            Step::AddNamed => {
                self.repository = create(&self.folder.join("named"), false)?;
                let mut command = git(&self.repository, NO_SYNC);
                command.args(["hash-object", "-w", "--no-filters", "--stdin-paths"]).current_dir(&work.files);
                let (time, printed) = whole(&mut command, Some(&work.names))?;
                work.check_printed(step, &printed)?;
                fs::write(self.ids_file(), printed)?;
                let mut pack = git(&self.repository, &[]);
                pack.args(["pack-objects", "--quiet", "--window=0", "objects/pack/pack"]).current_dir(&self.repository);
                whole(&mut pack, Some(&self.ids_file()))?;
                whole(git(&self.repository, &[]).args(["prune-packed", "--quiet"]), None)?;
                time
            }
            // It adds to no pack, deletes what nothing refers to, when it pleases, and knows no container of others.
            Step::AddNamedPacked | Step::Repack | Step::RepackPieces | Step::Import | Step::Export => return Ok(None),
            Step::AddTree => {
                let repository = create(&self.folder.join("tree"), false)?;
                let mut command = git(&repository, SYNC_BATCH);
                whole(
                    command.arg("--work-tree").arg(&work.files).args(["add", "--force", "."]).current_dir(&work.files),
                    None,
                )?
                .0
            }
            Step::GetAll => {
                let mut command = git(&self.repository, &[]);
                let (time, printed) = whole(command.args(["cat-file", "--buffer", "--batch"]), Some(&self.ids_file()))?;
                ensure(printed.len() as u64 > Tally::of(&work.contents).bytes, "bytes are missing")?;
                time
            }
            Step::HasAll | Step::ListAll => {
                let mut command = git(&self.repository, &[]);
                command.args(["cat-file", "--buffer"]);
                let (time, printed) = match step {
                    Step::HasAll => whole(command.arg("--batch-check"), Some(&self.ids_file()))?,
                    _ => whole(command.args(["--batch-all-objects", "--batch-check=%(objectname)"]), None)?,
                };
                work.check_printed(step, &printed)?;
                time
            }
        }))
    }
}

impl Git {
    fn ids_file(&self) -> PathBuf {
        self.folder.join("ids")
    }

    /// fast-import of blobs into the repository.
    fn import(&mut self, contents: impl Iterator<Item = Result<Vec<u8>>>) -> Result<Duration> {
        let marks = self.repository.join("marks");
        let mut command = git(&self.repository, SYNC);
        // Without the last option, few objects are left loose. --depth=0: no search for differences between blobs.
        command.args(["-c", "fastimport.unpackLimit=0", "fast-import", "--quiet", "--depth=0"]);
        command.arg(format!("--export-marks={}", marks.display()));
        let (time, _) = timed(|| {
            feed(&mut command, |input| {
                for (number, content) in contents.enumerate() {
                    let content = content?;
                    write!(input, "blob\nmark :{}\ndata {}\n", number + 1, content.len())?;
                    input.write_all(&content)?;
                    input.write_all(b"\n")?;
                }
                Ok(())
            })
        })?;
        let text = fs::read_to_string(marks)?;
        let mut ids: Vec<(usize, String)> = Vec::new();
        for line in text.lines() {
            let (mark, id) = line.split_once(' ').ok_or("a mark has no id")?;
            ids.push((mark.trim_start_matches(':').parse()?, id.into()));
        }
        ids.sort();
        self.ids = ids.into_iter().map(|(_, id)| id).collect();
        Ok(time)
    }

    fn read_many(&self, expected: Tally) -> Result<Duration> {
        let (time, tally) = timed(|| {
            let mut command = git(&self.repository, &[]);
            command.args(["cat-file", "--batch", "--buffer"]);
            ask_all(&self.ids, &mut command, |output| {
                let mut tally = Tally::default();
                let mut content = Vec::new();
                while let Some(size) = header(output)? {
                    content.resize(size + 1, 0);
                    output.read_exact(&mut content)?;
                    tally.count(size as u64);
                }
                Ok(tally)
            })
        })?;
        tally.check(expected)?;
        Ok(time)
    }

    fn check_many(&self) -> Result<usize> {
        let mut command = git(&self.repository, &[]);
        command.args(["cat-file", "--batch-check", "--buffer"]);
        ask_all(&self.ids, &mut command, |output| {
            let mut count = 0;
            while header(output)?.is_some() {
                count += 1;
            }
            Ok(count)
        })
    }

    fn read_one(&self, repository: &Path, work: &Work) -> Result<Duration> {
        let mut batch = Batch::start(repository, "--batch")?;
        let (time, tally) = timed(|| {
            let mut tally = Tally::default();
            let mut content = Vec::new();
            for id in &self.ids[..work.some().len()] {
                let size = batch.ask(id)?;
                content.resize(size + 1, 0);
                batch.output.read_exact(&mut content)?;
                tally.count(size as u64);
            }
            Ok(tally)
        })?;
        tally.check(Tally::of(work.some()))?;
        batch.end()?;
        Ok(time)
    }

    fn add_loose(&self, name: &str, sync: &[&str], work: &Work, count: usize) -> Result<Duration> {
        let repository = create(&self.folder.join(name), false)?;
        let mut command = git(&repository, sync);
        command.args(["hash-object", "-w", "--no-filters", "--stdin-paths"]).current_dir(&work.files);
        let names = work.names(count);
        let (time, printed) = timed(|| feed(&mut command, |input| Ok(input.write_all(names.as_bytes())?)))?;
        ensure(printed.lines().count() == count, "objects were not added")?;
        Ok(time)
    }

    fn add_large(&mut self, name: &str, compress: bool, work: &Work) -> Result<Duration> {
        self.repository = create(&self.folder.join(name), compress)?;
        let mut command = git(&self.repository, SYNC);
        command.args(["hash-object", "-w", "--no-filters"]).arg(&work.large);
        let (time, id) = timed(|| Ok(output(&mut command)?))?;
        self.ids = vec![id.trim().into()];
        Ok(time)
    }
}

fn create(folder: &Path, compress: bool) -> Result<PathBuf> {
    output(Command::new("git").args(["init", "--quiet", "--bare"]).arg(folder))?;
    let level = if compress { "1" } else { "0" };
    output(git(folder, &[]).args(["config", "core.compression", level]))?;
    Ok(folder.into())
}

/// git in a repository, with these settings and no others of this machine.
fn git(repository: &Path, settings: &[&str]) -> Command {
    let mut command = Command::new("git");
    command
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "")
        .arg("--git-dir")
        .arg(repository)
        .args(settings);
    command
}

fn finish(command: &mut Command) -> Result<()> {
    ensure(command.stdout(Stdio::null()).stderr(Stdio::null()).status()?.success(), "git failed")
}
