//! Their index: a table of an SQLite database.
//!
//! Read as a snapshot: its rows are copied to a temporary table in the order of their places, so that no transaction on
//! their database outlives the copy, and memory holds a page of rows.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use loosepack::dir::{Kind, Metadata};
use loosepack::{Code, Dir as _};
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use crate::Error;
use crate::key::{Hash, Key};
use crate::layout::{INDEX, Place};

/// Rows that are in memory together.
const PAGE: u32 = 4096;
/// Bytes of the longest value that is read. Keys have 64.
const LONGEST: i32 = 4096;
/// Bytes that a row takes at least. A crafted database can show a page of its rows any number of times.
const SMALLEST_ROW: u64 = 32;
/// How long a lock of the database is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// Files beside the database that SQLite uses.
const BESIDE: [&str; 3] = ["packs.idx-wal", "packs.idx-shm", "packs.idx-journal"];

/// Their index.
pub(crate) struct Index<'a> {
    place: &'a Place,
    db: Connection,
    /// The database is read as a file that nobody changes, and was so when it was opened.
    frozen: Option<(Metadata, bool)>,
    /// The version of the database that the snapshot is of.
    version: i64,
}

/// Where an object is, as the index says. Nothing of it has been compared with anything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) key: Key,
    pub(crate) compressed: bool,
    pub(crate) size: u64,
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// A row of the snapshot: the number of its pack if that is one, and the row or what is wrong with it.
pub(crate) struct Read {
    pub(crate) number: i64,
    pub(crate) pack: Option<i64>,
    pub(crate) row: Result<Row, String>,
}

impl<'a> Index<'a> {
    /// Opens the index. To be read only, it creates no file if it can.
    pub(crate) fn open(place: &'a Place, path: &Path, writable: bool) -> Result<Self, Error> {
        let found = |name: &str| match place.dir.metadata(name) {
            Err(Code::NotFound) => Ok(None),
            Ok(found) if found.kind == Kind::File => Ok(Some(found)),
            Ok(_) => Err(Error::Other(format!("{}/{name} is no regular file", place.name))),
            Err(code) => Err(place.failed("examine", name, code)),
        };
        let database = found(INDEX)?.ok_or_else(|| place.failed("open", INDEX, Code::NotFound))?;
        for name in BESIDE {
            found(name)?;
        }
        // Without a write-ahead log nobody has it open for writing.
        let log = found(BESIDE[0])?.is_some_and(|log| log.len > 0);
        let frozen = (!writable && !log).then_some((database, log));
        let path = path.canonicalize().map_err(|error| cannot(place, "find", &error))?.join(INDEX);
        let mut flags = OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        flags |= if writable { OpenFlags::SQLITE_OPEN_READ_WRITE } else { OpenFlags::SQLITE_OPEN_READ_ONLY };
        let uri = uri(&path, frozen.is_some());
        let db = Connection::open_with_flags(uri, flags).map_err(|error| cannot(place, "open", &error))?;
        protect(&db).map_err(|error| cannot(place, "open", &error))?;
        let mut index = Index { place, db, frozen, version: 0 };
        index.check_schema()?;
        Ok(index)
    }

    /// The table must be one: a view could compute rows without end.
    fn check_schema(&mut self) -> Result<(), Error> {
        let list =
            "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND name = 'db_object' AND type = 'table'";
        let columns = "SELECT count(*) FROM pragma_table_xinfo('db_object') WHERE hidden = 0 AND name IN \
                       ('id', 'hashkey', 'compressed', 'size', 'offset', 'length', 'pack_id')";
        let count = |query| self.db.query_row(query, [], |row| row.get::<_, i64>(0));
        let sound = count(list).and_then(|tables| Ok(tables == 1 && count(columns)? == 7));
        match sound.map_err(|error| self.cannot("read", &error))? {
            true => Ok(()),
            false => {
                let name = &self.place.name;
                Err(Error::Other(format!("{name}/{INDEX} is no index of disk_objectstore: it has no table db_object")))
            }
        }
    }

    /// Takes a snapshot of all rows, sorted by place. Returns their number.
    pub(crate) fn snapshot(&mut self) -> Result<u64, Error> {
        if let Some((database, _)) = &mut self.frozen {
            *database = self.place.dir.metadata(INDEX).map_err(|code| self.place.failed("examine", INDEX, code))?;
        }
        let size = |name: &str| self.place.dir.metadata(name).map_or(0, |found| found.len);
        let most = (size(INDEX) + size(BESIDE[0])) / SMALLEST_ROW;
        let copied = self.copy(most).map_err(|error| self.cannot("read", &error))?;
        if copied > most {
            return Err(Error::Other(format!(
                "{}/{INDEX} is damaged: it shows more rows than it has room for",
                self.place.name
            )));
        }
        Ok(copied)
    }

    fn copy(&mut self, most: u64) -> rusqlite::Result<u64> {
        self.db.execute_batch(
            "DROP TABLE IF EXISTS temp.snapshot;
             CREATE TEMP TABLE snapshot (number INTEGER PRIMARY KEY, id, hashkey, compressed, size, start, length, pack_id);",
        )?;
        // Read before: a change while it copies counts as one afterwards.
        self.version = self.version_now()?;
        let copied = self.db.execute(
            "INSERT INTO temp.snapshot (id, hashkey, compressed, size, start, length, pack_id)
             SELECT * FROM (SELECT id, hashkey, compressed, size, \"offset\", length, pack_id FROM main.db_object LIMIT ?1)
             ORDER BY 7, 5, 1",
            params![i64::try_from(most + 1).unwrap_or(i64::MAX)],
        )?;
        Ok(copied as u64)
    }

    fn version_now(&self) -> rusqlite::Result<i64> {
        self.db.query_row("PRAGMA main.data_version", [], |row| row.get(0))
    }

    /// Returns whether their database may have changed since the snapshot.
    pub(crate) fn changed(&self) -> Result<bool, Error> {
        match &self.frozen {
            Some((database, _)) => {
                let log = self.place.dir.metadata(BESIDE[0]).is_ok_and(|log| log.len > 0);
                Ok(log || self.place.dir.metadata(INDEX).ok().as_ref() != Some(database))
            }
            None => Ok(self.version_now().map_err(|error| self.cannot("read", &error))? != self.version),
        }
    }

    /// The next rows of the snapshot, in the order of packs and places.
    pub(crate) fn page(&self, after: i64, hash: Hash) -> Result<Vec<Read>, Error> {
        let read = || {
            let mut query = self.db.prepare(
                "SELECT number, hashkey, compressed, size, start, length, pack_id FROM temp.snapshot
                 WHERE number > ?1 ORDER BY number LIMIT ?2",
            )?;
            let rows = query.query_map(params![after, PAGE], |row| Ok(self::read(row, hash)))?;
            rows.flatten().collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|error| self.cannot("read", &error))
    }

    /// The packs that rows of the snapshot are in.
    pub(crate) fn packs(&self) -> Result<BTreeSet<i64>, Error> {
        let read = || {
            let mut query =
                self.db.prepare("SELECT DISTINCT pack_id FROM temp.snapshot WHERE typeof(pack_id) = 'integer'")?;
            query.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()
        };
        read().map_err(|error| self.cannot("read", &error))
    }

    /// Deletes the rows that are in the snapshot from `first` to `last`, durably and all at once, unless somebody else
    /// has changed the database since.
    pub(crate) fn delete(&mut self, first: i64, last: i64) -> Result<(), Error> {
        let version = self.version;
        let mut delete = || {
            let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if transaction.query_row("PRAGMA main.data_version", [], |row| row.get::<_, i64>(0))? != version {
                return Ok(false);
            }
            transaction.execute(
                "DELETE FROM main.db_object WHERE id IN (SELECT id FROM temp.snapshot WHERE number BETWEEN ?1 AND ?2)",
                params![first, last],
            )?;
            transaction.commit()?;
            Ok(true)
        };
        let deleted: rusqlite::Result<bool> = delete();
        if !deleted.map_err(|error| cannot(self.place, "write", &error))? {
            let name = &self.place.name;
            return Err(Error::Other(format!(
                "{name} was changed by another process: objects can be moved only while nobody else writes to it; \
                 nothing is lost, and the same command goes on"
            )));
        }
        // Keeps the log short. A reader that is in the way only puts it off.
        let _ = self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        Ok(())
    }

    fn cannot(&self, operation: &str, error: &impl std::fmt::Display) -> Error {
        cannot(self.place, operation, error)
    }
}

fn cannot(place: &Place, operation: &str, error: &impl std::fmt::Display) -> Error {
    Error::Other(format!("cannot {operation} {}/{INDEX}: {error}", place.name))
}

/// Nothing that a crafted database brings along is run, and no value may take much memory.
fn protect(db: &Connection) -> rusqlite::Result<()> {
    for (setting, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
    ] {
        db.set_db_config(setting, on)?;
    }
    db.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST)?;
    db.busy_timeout(PATIENCE)?;
    // A deletion is durable before the pack that it was about is removed.
    db.execute_batch("PRAGMA cell_size_check = ON; PRAGMA synchronous = FULL; PRAGMA temp_store = FILE;")
}

/// The name of a file for SQLite. `frozen`: it does not change, so that no lock and no other file is needed.
fn uri(path: &Path, frozen: bool) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    if frozen {
        uri.push_str("?immutable=1");
    }
    uri
}

/// Any value may be of any type.
fn read(row: &rusqlite::Row<'_>, hash: Hash) -> rusqlite::Result<Read> {
    let integer = |column: usize| match row.get_ref(column)? {
        ValueRef::Integer(number) => Ok(Some(number)),
        _ => Ok::<_, rusqlite::Error>(None),
    };
    let number = row.get(0)?;
    // -1 is the pack that is being made anew.
    let pack = integer(6)?.filter(|pack| *pack >= -1);
    let text = match row.get_ref(1)? {
        ValueRef::Text(text) => text,
        _ => &[],
    };
    let amount = |column| Ok::<_, rusqlite::Error>(integer(column)?.and_then(|number| u64::try_from(number).ok()));
    let (size, offset, length) = (amount(3)?, amount(4)?, amount(5)?);
    let found = match (pack, Key::new(hash, text), size.zip(offset).zip(length), integer(2)?) {
        (_, None, ..) => {
            Err(format!("a row has no hash key: {:?}", String::from_utf8_lossy(&text[..text.len().min(80)])))
        }
        (Some(_), Some(key), Some(((size, offset), length)), Some(compressed @ 0..=1)) => {
            Ok(Row { key, compressed: compressed == 1, size, offset, length })
        }
        (_, Some(key), ..) => Err(format!("object {key}: pack, offset, length or size of its row is no number")),
    };
    Ok(Read { number, pack, row: found })
}
