//! Containers of theirs, made by hand.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use loosepack::codec;
use rusqlite::{Connection, params};
use sha1::Digest as _;
use tempfile::TempDir;
use zlib_rs::{Deflate, DeflateFlush};

use crate::config;
use crate::key::Hash;

/// A container of theirs.
pub(super) struct Theirs {
    folder: TempDir,
    hash: Hash,
    prefix: usize,
}

/// A row of their table, each value of any type.
pub(super) type Values<'a> = [&'a dyn rusqlite::ToSql; 6];

impl Theirs {
    pub(super) fn new() -> Self {
        Self::with(Hash::Sha256, 2)
    }

    pub(super) fn with(hash: Hash, prefix: usize) -> Self {
        let theirs = Theirs { folder: tempfile::tempdir().unwrap(), hash, prefix };
        let name = if hash == Hash::Sha1 { "\"sha1\"" } else { "\"sha256\"" };
        let text = config::text("0", 1 << 32, 1).replace("\"sha256\"", name);
        let text = text.replace("\"loose_prefix_len\":2", &format!("\"loose_prefix_len\":{prefix}"));
        fs::write(theirs.path("config.json"), text).unwrap();
        for dir in ["loose", "packs", "duplicates", "sandbox"] {
            fs::create_dir(theirs.path(dir)).unwrap();
        }
        theirs
            .db()
            .execute_batch(
                "CREATE TABLE db_object (id INTEGER NOT NULL, hashkey VARCHAR NOT NULL, compressed BOOLEAN NOT NULL,
                   size INTEGER NOT NULL, \"offset\" INTEGER NOT NULL, length INTEGER NOT NULL, pack_id INTEGER NOT NULL,
                   PRIMARY KEY (id));
                 CREATE UNIQUE INDEX ix_db_object_hashkey ON db_object (hashkey);",
            )
            .unwrap();
        theirs
    }

    pub(super) fn dir(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Their database, as they open it.
    pub(super) fn db(&self) -> Connection {
        let db = Connection::open(self.path("packs.idx")).unwrap();
        db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF").unwrap();
        db
    }

    pub(super) fn key(&self, content: &[u8]) -> String {
        match self.hash {
            Hash::Sha1 => sha1::Sha1::digest(content).iter().map(|byte| format!("{byte:02x}")).collect(),
            Hash::Sha256 => codec::sha256(content).to_string(),
        }
    }

    pub(super) fn loose_path(&self, content: &[u8]) -> PathBuf {
        let key = self.key(content);
        let (shard, name) = key.split_at(self.prefix);
        self.path("loose").join(shard).join(name)
    }

    pub(super) fn add_loose(&self, content: &[u8]) {
        let path = self.loose_path(content);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Appends bytes to a pack; returns where they are.
    pub(super) fn append(&self, pack: i64, bytes: &[u8]) -> i64 {
        let mut file = OpenOptions::new().create(true).append(true).open(self.path(&format!("packs/{pack}"))).unwrap();
        let offset = file.metadata().unwrap().len();
        file.write_all(bytes).unwrap();
        offset as i64
    }

    /// Values: hash key, compressed, size, offset, length, pack.
    pub(super) fn insert(&self, values: Values<'_>) {
        let [key, compressed, size, offset, length, pack] = values;
        let insert =
            "INSERT INTO db_object (hashkey, compressed, size, \"offset\", length, pack_id) VALUES (?, ?, ?, ?, ?, ?)";
        self.db().execute(insert, params![key, compressed, size, offset, length, pack]).unwrap();
    }

    /// Adds an object to a pack.
    pub(super) fn add_packed(&self, content: &[u8], compressed: bool, pack: i64) {
        let payload = if compressed { zlib(content) } else { content.into() };
        let offset = self.append(pack, &payload);
        let (size, length) = (content.len() as i64, payload.len() as i64);
        self.insert([&self.key(content), &compressed, &size, &offset, &length, &pack]);
    }

    /// Rows of the index.
    pub(super) fn rows(&self) -> i64 {
        self.db().query_row("SELECT count(*) FROM db_object", [], |row| row.get(0)).unwrap()
    }

    /// Names in a directory.
    pub(super) fn names(&self, dir: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path(dir))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// A zlib stream.
pub(super) fn zlib(content: &[u8]) -> Vec<u8> {
    let mut stream = vec![0; content.len() + content.len() / 100 + 100];
    let mut deflate = Deflate::new(1, true, 15);
    deflate.compress(content, &mut stream, DeflateFlush::Finish).unwrap();
    stream.truncate(deflate.total_out() as usize);
    stream
}

/// Bytes that compress, different for each seed.
pub(super) fn text(len: usize, seed: usize) -> Vec<u8> {
    let mut bytes = format!("{seed}: a line of a text that repeats itself\n").repeat(len / 30 + 1).into_bytes();
    bytes.truncate(len);
    bytes
}

/// Bytes that do not compress.
pub(super) fn noise(len: usize, seed: usize) -> Vec<u8> {
    (0..).flat_map(|n: usize| *codec::sha256(format!("{seed} {n}").as_bytes()).as_bytes()).take(len).collect()
}

/// Objects of all kinds and sizes, each of which is packed and compressed, packed, or loose.
pub(super) fn all_kinds() -> Vec<Vec<u8>> {
    let mut contents: Vec<Vec<u8>> = (0..200).map(|n| text(n * n, n)).collect();
    contents.extend((0..50).map(|n| noise(40 * n + 1, n)));
    for len in [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5_000_000] {
        contents.push(text(len, len));
        contents.push(noise(len, len));
    }
    contents
}

impl Theirs {
    /// Puts objects to packs 0 to 3, compressed and not, and to loose files; some to both.
    pub(super) fn fill(&self, contents: &[Vec<u8>]) {
        for (number, content) in contents.iter().enumerate() {
            if number % 5 < 4 {
                self.add_packed(content, number % 2 == 0, (number / 3 % 4) as i64);
            }
            if number % 5 == 4 || number % 7 == 0 {
                self.add_loose(content);
            }
        }
    }
}
