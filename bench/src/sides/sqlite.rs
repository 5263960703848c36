//! SQLite: one table of blobs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use loosepack::ObjectId;
use miniz_oxide::{deflate, inflate};
use rusqlite::Connection;

use super::program::{self, Program};
use crate::Result;
use crate::process::cold;
use crate::side::{Kind, Side, Tally, ensure, sha256, timed};
use crate::step::{Step, Suite};
use crate::system::helper;
use crate::work::Work;

/// The name of the column.
pub const NAME: &str = "SQLite";

/// Its file in the folder.
const FILE: &str = "objects.db";

/// The names of the contents are in an index of their own: a blob in the primary key's tree would make it deep.
const SCHEMA: &str = "CREATE TABLE object (id BLOB NOT NULL UNIQUE, size INTEGER NOT NULL, content BLOB NOT NULL)";
const INSERT: &str = "INSERT OR IGNORE INTO object (id, size, content) VALUES (?1, ?2, ?3)";
const SELECT: &str = "SELECT size, content FROM object WHERE id = ?1";
const SELECT_ALL: &str = "SELECT id, size, content FROM object";
const SELECT_IDS: &str = "SELECT id FROM object ORDER BY id";
const EXISTS: &str = "SELECT 1 FROM object WHERE id = ?1";

/// This side.
pub fn kind() -> Result<Kind> {
    Ok(Kind {
        name: NAME,
        version: format!("SQLite {} (rusqlite), a table of blobs, journal WAL", rusqlite::version()),
        open: Box::new(|folder, _| Ok(Box::new(Sqlite { folder: folder.into(), ids: Vec::new(), packed: None }))),
    })
}

struct Sqlite {
    folder: PathBuf,
    ids: Vec<ObjectId>,
    packed: Option<Connection>,
}

impl Side for Sqlite {
    fn run(&mut self, step: Step, work: &Work) -> Result<Option<Duration>> {
        Ok(Some(match step {
            Step::Direct => {
                let (time, ids) = self.fill("direct", &work.contents, false)?;
                self.ids = ids;
                time
            }
            Step::DirectZlib => {
                let mut database = create(&self.folder.join("zlib"), "FULL")?;
                timed(|| insert_all(&mut database, work.contents.iter().map(|content| Ok(content.clone())), true))?.0
            }
            Step::ReadMany => self.read(&self.ids, Tally::of(&work.contents))?,
            Step::ReadOne => self.read(&self.ids[..work.some().len()], Tally::of(work.some()))?,
            Step::ExistsMany => self.exists(&self.ids)?,
            Step::ExistsOne => self.exists(&self.ids[..work.some().len()])?,
            Step::Cold => cold(work.some().len(), |number| {
                let mut command = helper()?;
                command.arg(NAME).arg(self.folder.join("direct")).args(["get", &self.ids[number].to_string()]);
                Ok((command, work.contents[number].len()))
            })?,
            Step::Verify => self.verify(work.contents.len())?,
            Step::TextVerify => self.verify(work.texts.paths.len())?,
            Step::Loose => {
                let database = create(&self.folder.join("loose"), "OFF")?;
                timed(|| insert_each(&database, work.some().iter().map(|content| Ok(content.clone()))))?.0
            }
            Step::LooseSync => {
                let database = create(&self.folder.join("synced"), "FULL")?;
                timed(|| insert_each(&database, work.few().iter().map(|content| Ok(content.clone()))))?.0
            }
            Step::LooseBatch => {
                let mut database = create(&self.folder.join("batch"), "FULL")?;
                timed(|| insert_all(&mut database, work.some().iter().map(|content| Ok(content.clone())), false))?.0
            }
            Step::Text => {
                let mut database = create(&self.folder.join("text"), "FULL")?;
                let texts = work.texts.paths.iter().map(|path| Ok(std::fs::read(work.texts.folder.join(path))?));
                let (time, ids) = timed(|| insert_all(&mut database, texts, true))?;
                self.ids = ids;
                self.packed = Some(database);
                time
            }
            Step::TextRead => self.read(&self.ids, work.texts_tally())?,
            _ if step.suite() == Suite::Command => {
                return program::measure(NAME, &self.folder.join("command"), step, work);
            }
            // It has no blobs of more than 1 GB, and no files to move.
            _ => return Ok(None),
        }))
    }
}

impl Sqlite {
    fn packed(&self) -> Result<&Connection> {
        self.packed.as_ref().ok_or_else(|| "nothing was added".into())
    }

    fn fill(&mut self, name: &str, contents: &[Vec<u8>], compress: bool) -> Result<(Duration, Vec<ObjectId>)> {
        let mut database = create(&self.folder.join(name), "FULL")?;
        let contents = contents.iter().map(|content| Ok(content.clone()));
        let result = timed(|| insert_all(&mut database, contents, compress))?;
        self.packed = Some(database);
        Ok(result)
    }

    fn read(&self, ids: &[ObjectId], expected: Tally) -> Result<Duration> {
        let database = self.packed()?;
        let mut tally = Tally::default();
        let (time, ()) = timed(|| {
            read(database, ids, |content| {
                tally.count(content.len() as u64);
                Ok(())
            })
        })?;
        tally.check(expected)?;
        Ok(time)
    }

    fn exists(&self, ids: &[ObjectId]) -> Result<Duration> {
        let mut exists = self.packed()?.prepare(EXISTS)?;
        let (time, ()) =
            timed(|| ids.iter().try_for_each(|id| ensure(exists.exists([id.as_bytes()])?, "an object is missing")))?;
        Ok(time)
    }

    /// Its own check, and that of all contents.
    fn verify(&self, objects: usize) -> Result<Duration> {
        let database = self.packed()?;
        let (time, found) = timed(|| {
            let answer: String = database.query_row("PRAGMA integrity_check", (), |row| row.get(0))?;
            ensure(answer == "ok", "the database is damaged")?;
            let mut select = database.prepare(SELECT_ALL)?;
            let mut rows = select.query(())?;
            let mut found = 0;
            while let Some(row) = rows.next()? {
                restore(&ObjectId::from_bytes(row.get(0)?), (row.get(1)?, row.get(2)?))?;
                found += 1;
            }
            Ok(found)
        })?;
        ensure(found == objects, "objects are missing")?;
        Ok(time)
    }
}

/// The database of a folder.
pub struct OnDisk(pub PathBuf);

impl Program for OnDisk {
    fn add(&self, paths: &[String], to_pack: bool) -> Result<Vec<ObjectId>> {
        let mut database = create(&self.0, if to_pack { "FULL" } else { "OFF" })?;
        let contents = paths.iter().map(|path| Ok(std::fs::read(path)?));
        match to_pack {
            true => insert_all(&mut database, contents, false),
            false => insert_each(&database, contents),
        }
    }

    fn read(&self, ids: &[ObjectId], each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        read(&open(&self.0)?, ids, |content| each(&content))
    }

    fn contains(&self, ids: &[ObjectId]) -> Result<Vec<bool>> {
        let database = open(&self.0)?;
        let mut exists = database.prepare(EXISTS)?;
        ids.iter().map(|id| Ok(exists.exists([id.as_bytes()])?)).collect()
    }

    fn list(&self) -> Result<Vec<ObjectId>> {
        let database = open(&self.0)?;
        let mut select = database.prepare(SELECT_IDS)?;
        let ids = select.query_map((), |row| Ok(ObjectId::from_bytes(row.get(0)?)))?;
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    }
}

fn open(folder: &Path) -> Result<Connection> {
    Ok(Connection::open(folder.join(FILE))?)
}

/// Reads these, a statement each: it has none for many ids.
fn read(database: &Connection, ids: &[ObjectId], mut each: impl FnMut(Vec<u8>) -> Result<()>) -> Result<()> {
    let mut select = database.prepare(SELECT)?;
    for id in ids {
        let row = select.query_row([id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        each(restore(id, row)?)?;
    }
    Ok(())
}

fn create(folder: &Path, synchronous: &str) -> Result<Connection> {
    std::fs::create_dir_all(folder)?;
    let database = open(folder)?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.pragma_update(None, "synchronous", synchronous)?;
    database.execute(SCHEMA, ())?;
    Ok(database)
}

/// One transaction for all.
fn insert_all(
    database: &mut Connection,
    contents: impl Iterator<Item = Result<Vec<u8>>>,
    compress: bool,
) -> Result<Vec<ObjectId>> {
    let transaction = database.transaction()?;
    let mut ids = Vec::new();
    {
        let mut insert = transaction.prepare(INSERT)?;
        for content in contents {
            let content = content?;
            let id = sha256(&content);
            let packed = if compress { deflate::compress_to_vec_zlib(&content, 1) } else { Vec::new() };
            let payload = if compress && packed.len() < content.len() { &packed } else { &content };
            insert.execute((id.as_bytes(), content.len() as i64, payload))?;
            ids.push(id);
        }
    }
    transaction.commit()?;
    Ok(ids)
}

/// A transaction for each.
fn insert_each(database: &Connection, contents: impl Iterator<Item = Result<Vec<u8>>>) -> Result<Vec<ObjectId>> {
    let mut insert = database.prepare(INSERT)?;
    contents
        .map(|content| {
            let content = content?;
            let id = sha256(&content);
            insert.execute((id.as_bytes(), content.len() as i64, content))?;
            Ok(id)
        })
        .collect()
}

/// The object of a row, checked.
fn restore(id: &ObjectId, (size, payload): (i64, Vec<u8>)) -> Result<Vec<u8>> {
    let size = usize::try_from(size)?;
    let content = match payload.len() == size {
        true => payload,
        false => inflate::decompress_to_vec_zlib_with_limit(&payload, size).map_err(|error| format!("{error:?}"))?,
    };
    ensure(sha256(&content) == *id, "an object does not match its id")?;
    Ok(content)
}
