//! A container of theirs that is being written.

use std::fs;
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use cap_std::fs::File;
use loosepack::{Code, Dir as _, ObjectId, Store};
use rusqlite::{Connection, params};

use super::payload::{Payload, Stored};
use crate::Error;
use crate::config::{self, CONFIG};
use crate::layout::{INDEX, LOOSE, OTHERS, PACKS, Place, pack};
use crate::source::SMALL;

/// Bytes that are written at once.
const PIECE: usize = 1 << 20;

/// Their table, as their database toolkit writes it.
const TABLE: &str = "CREATE TABLE db_object (
\tid INTEGER NOT NULL, 
\thashkey VARCHAR NOT NULL, 
\tcompressed BOOLEAN NOT NULL, 
\tsize INTEGER NOT NULL, 
\t\"offset\" INTEGER NOT NULL, 
\tlength INTEGER NOT NULL, 
\tpack_id INTEGER NOT NULL, 
\tPRIMARY KEY (id)
)";

/// Its index.
const TABLE_INDEX: &str = "CREATE UNIQUE INDEX ix_db_object_hashkey ON db_object (hashkey)";

/// A container of theirs that is being written.
pub(super) struct Writer {
    place: Place,
    index: PathBuf,
    db: Connection,
    target: u64,
    /// Number of the current pack, and bytes written to it.
    number: u32,
    position: u64,
    pack: Option<BufWriter<File>>,
}

/// The result about an object, which is its size, within that of writing.
pub(super) type Written = Result<Result<u64, loosepack::Error>, Error>;

impl Writer {
    /// Starts a container in a directory, which is made, or empty.
    pub(super) fn create(path: &Path, target: u64) -> Result<Self, Error> {
        let name = path.display();
        let failed = |error: io::Error| Error::Other(format!("cannot create {name}: {}", Code::from(&error)));
        fs::create_dir_all(path).map_err(failed)?;
        if fs::read_dir(path).map_err(failed)?.next().is_some() {
            return Err(Error::Other(format!("{name} is not empty: name a directory that is empty or absent")));
        }
        let place = Place::open(path)?;
        for dir in [LOOSE, PACKS].into_iter().chain(OTHERS) {
            place.dir.create_dir(dir).map_err(|code| place.failed("create", dir, code))?;
        }
        let index = path.join(INDEX);
        let db = Connection::open(&index).and_then(|db| {
            // Nobody reads it before it is complete, and an incomplete one is of no use.
            db.execute_batch(&format!("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN; {TABLE};"))?;
            Ok(db)
        });
        let db = db.map_err(|error| Error::Other(format!("cannot create {}: {error}", index.display())))?;
        Ok(Writer { place, index, db, target, number: 0, position: 0, pack: None })
    }

    /// Adds an object by its payload.
    pub(super) fn add(&mut self, stored: &Stored, payload: Payload) -> Written {
        let start = self.start()?;
        match payload {
            Payload::Small(bytes) => self.write(&bytes)?,
            Payload::Large(mut range) => {
                let mut buffer = vec![0; SMALL as usize];
                loop {
                    match range.read(&mut buffer) {
                        Ok(0) => break,
                        Ok(read) => self.write(&buffer[..read])?,
                        Err(problem) => {
                            self.cut(start)?;
                            return Ok(Err(loosepack::Error::Other(problem)));
                        }
                    }
                }
            }
        }
        self.insert(&stored.id, stored.compressed(), stored.size, start)?;
        Ok(Ok(stored.size))
    }

    /// Adds an object by its bytes, from the copy that the container finds.
    pub(super) fn add_from(&mut self, store: &dyn Store, id: &ObjectId) -> Written {
        let start = self.start()?;
        let mut reader = match store.reader(id) {
            Ok(reader) => reader,
            Err(error) => return Ok(Err(error)),
        };
        let mut buffer = vec![0; reader.size().clamp(1, SMALL) as usize];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => self.write(&buffer[..read])?,
                Err(error) => {
                    self.cut(start)?;
                    return Ok(Err(error));
                }
            }
        }
        let size = self.position - start;
        self.insert(id, false, size, start)?;
        Ok(Ok(size))
    }

    /// Opens the pack for the next object; returns where that starts.
    fn start(&mut self) -> Result<u64, Error> {
        if self.position >= self.target {
            self.end_pack()?;
            self.number += 1;
            self.position = 0;
        }
        if self.pack.is_none() {
            let path = pack(self.number.into());
            let mut options = cap_std::fs::OpenOptions::new();
            let file = self.place.std.open_with(&path, options.write(true).create_new(true));
            let file = file.map_err(|error| self.place.failed("create", &path, Code::from(&error)))?;
            self.pack = Some(BufWriter::with_capacity(PIECE, file));
        }
        Ok(self.position)
    }

    fn with_pack<T>(
        &mut self,
        operation: &str,
        work: impl FnOnce(&mut BufWriter<File>) -> io::Result<T>,
    ) -> Result<Option<T>, Error> {
        let Some(file) = &mut self.pack else { return Ok(None) };
        let done =
            work(file).map_err(|error| self.place.failed(operation, &pack(self.number.into()), Code::from(&error)));
        done.map(Some)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.with_pack("write", |file| file.write_all(bytes))?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    /// Cuts off an object that could not be read to its end.
    fn cut(&mut self, start: u64) -> Result<(), Error> {
        self.with_pack("cut", |file| {
            file.seek(SeekFrom::Start(start))?;
            file.get_ref().set_len(start)
        })?;
        self.position = start;
        Ok(())
    }

    fn end_pack(&mut self) -> Result<(), Error> {
        self.with_pack("flush", |file| {
            file.flush()?;
            file.get_ref().sync_all()
        })?;
        self.pack = None;
        Ok(())
    }

    fn insert(&mut self, id: &ObjectId, compressed: bool, size: u64, start: u64) -> Result<(), Error> {
        let length = self.position - start;
        let inserted = self.db.prepare(
            "INSERT INTO db_object (hashkey, compressed, size, \"offset\", length, pack_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        );
        let [size, start, length] = [size, start, length].map(u64::cast_signed);
        let values = params![id.to_string(), compressed, size, start, length, self.number];
        inserted.and_then(|mut insert| insert.execute(values)).map_err(|error| self.failed(&error))?;
        Ok(())
    }

    /// Makes everything durable, and then a container of it.
    pub(super) fn finish(mut self, id: &str, level: u8) -> Result<(), Error> {
        self.end_pack()?;
        // Their package opens it with a write-ahead log. SQLite removes that when the database is closed.
        let finish = format!("{TABLE_INDEX}; COMMIT; PRAGMA synchronous = FULL; PRAGMA journal_mode = WAL;");
        self.db.execute_batch(&finish).map_err(|error| self.failed(&error))?;
        let Writer { place, index, db, target, .. } = self;
        db.close().map_err(|(_, error)| Error::Other(format!("cannot write {}: {error}", index.display())))?;
        let failed = |operation: &'static str, path: &'static str| {
            let name = place.name.clone();
            move |error: io::Error| crate::layout::failed(operation, &name, path, Code::from(&error))
        };
        let synced = place.std.open(INDEX).and_then(|file| file.sync_all());
        synced.map_err(failed("flush", INDEX))?;
        let temporary = "config.json.part";
        let mut file = place.std.create(temporary).map_err(failed("create", CONFIG))?;
        let written = file.write_all(config::text(id, target, level).as_bytes()).and_then(|()| file.sync_all());
        written.map_err(failed("write", CONFIG))?;
        for dir in [PACKS, "."] {
            place.dir.sync_dir(dir).map_err(|code| place.failed("flush", dir, code))?;
        }
        place.std.rename(temporary, &place.std, CONFIG).map_err(failed("create", CONFIG))?;
        place.dir.sync_dir(".").map_err(|code| place.failed("flush", ".", code))
    }

    fn failed(&self, error: &rusqlite::Error) -> Error {
        Error::Other(format!("cannot write {}: {error}", self.index.display()))
    }
}
