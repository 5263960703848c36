//! The export: our objects, in the order of their places, to packs of theirs.
//!
//! `config.json` comes last: until then the directory is no container of theirs.

mod payload;
mod writer;

use loosepack::{Finding, ObjectId, ObjectInfo, Placement, Store};
use rusqlite::{Connection, params};

use self::payload::{Payloads, Stored};
use self::writer::Writer;
use crate::{Counts, Error, Export, Report};

/// IDs that are looked up together, and objects that are written together.
const PAGE: u32 = 4096;

pub(super) fn export(store: &dyn Store, export: &Export<'_>, report: &mut dyn Report) -> Result<Counts, Error> {
    let config = store.config()?;
    let mut list = List::new()?;
    let total = list.fill(store)?;
    let mut counts = Counts { total, ..Counts::default() };
    let mut payloads = Payloads::open(export.from)?;
    let mut writer = Writer::create(export.to, export.pack_target)?;
    let mut after = 0;
    loop {
        let page = list.page(after)?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        let mut rest = &page.into_iter().map(|(_, stored)| stored).collect::<Vec<_>>()[..];
        while !rest.is_empty() {
            let group = payload::together(rest);
            rest = &rest[group.len()..];
            for (stored, payload) in group.iter().zip(payloads.read(group)) {
                counts.done += 1;
                let written = match payload {
                    Some(payload) => writer.add(stored, payload)?,
                    // It has no payload, or a damaged one: another copy may be sound.
                    None => writer.add_from(store, &stored.id)?,
                };
                match written {
                    Ok(size) => {
                        counts.objects += 1;
                        counts.bytes += size;
                    }
                    // Deleted meanwhile.
                    Err(loosepack::Error::NotFound(_)) => {}
                    Err(error) => {
                        counts.problems += 1;
                        let message = error.to_string();
                        report.problem(&Finding { file: format!("object {}", stored.id), message });
                    }
                }
            }
        }
        report.progress(&counts);
    }
    writer.finish(&store.id()?, config.compression_level)?;
    report.committed(&counts, &[])?;
    Ok(counts)
}

/// All objects, sorted by place in a temporary database: memory holds a page of them.
struct List(Connection);

impl List {
    fn new() -> Result<Self, Error> {
        // A name of no letters is a temporary file.
        let db = Connection::open("").map_err(failed)?;
        db.execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
             CREATE TABLE found (id BLOB, size INTEGER, pack INTEGER, start INTEGER, length INTEGER);
             CREATE TABLE list (number INTEGER PRIMARY KEY, id BLOB, size INTEGER, pack INTEGER, start INTEGER, length INTEGER);",
        )
        .map_err(failed)?;
        Ok(List(db))
    }

    /// Lists all objects; returns their number.
    fn fill(&mut self, store: &dyn Store) -> Result<u64, Error> {
        let mut after: Option<ObjectId> = None;
        loop {
            let ids = store.objects(after.as_ref(), PAGE)?;
            let Some(last) = ids.last() else { break };
            after = Some(*last);
            let infos = store.info_many(&ids)?;
            self.insert(&ids, &infos).map_err(failed)?;
        }
        let sorted = self.0.execute_batch(
            "INSERT INTO list (id, size, pack, start, length) SELECT * FROM found ORDER BY pack IS NULL, pack, start, id;
             DROP TABLE found;",
        );
        let sorted =
            sorted.and_then(|()| self.0.query_row("SELECT count(*) FROM list", [], |row| row.get::<_, i64>(0)));
        Ok(sorted.map_err(failed)?.cast_unsigned())
    }

    fn insert(&mut self, ids: &[ObjectId], infos: &[Option<ObjectInfo>]) -> rusqlite::Result<()> {
        let transaction = self.0.transaction()?;
        {
            let mut insert = transaction.prepare("INSERT INTO found VALUES (?1, ?2, ?3, ?4, ?5)")?;
            for (id, info) in ids.iter().zip(infos).filter_map(|(id, info)| Some((id, info.as_ref()?))) {
                let (id, size) = (id.as_bytes(), info.size.cast_signed());
                match info.placement {
                    Placement::Packed(place) => insert.execute(params![
                        id,
                        size,
                        place.pack,
                        place.offset.cast_signed(),
                        place.length.cast_signed()
                    ])?,
                    Placement::Loose => insert.execute(params![id, size, None::<u32>, 0, size])?,
                };
            }
        }
        transaction.commit()
    }

    /// The next objects in the order of their places, with their numbers.
    fn page(&self, after: i64) -> Result<Vec<(i64, Stored)>, Error> {
        let read = || {
            let mut query = self.0.prepare(
                "SELECT number, id, size, pack, start, length FROM list WHERE number > ?1 ORDER BY number LIMIT ?2",
            )?;
            let rows = query.query_map(params![after, PAGE], |row| {
                let stored = Stored {
                    id: ObjectId::from_bytes(row.get(1)?),
                    size: row.get::<_, i64>(2)?.cast_unsigned(),
                    pack: row.get(3)?,
                    offset: row.get::<_, i64>(4)?.cast_unsigned(),
                    length: row.get::<_, i64>(5)?.cast_unsigned(),
                };
                Ok((row.get(0)?, stored))
            })?;
            rows.collect::<rusqlite::Result<_>>()
        };
        read().map_err(failed)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that map_err wants")]
fn failed(error: rusqlite::Error) -> Error {
    Error::Other(format!("cannot sort the objects in a temporary database: {error}"))
}
