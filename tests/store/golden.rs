//! Format 1 as it was written once: `tests/fixtures/format-1`. What is there reads for ever, and is written the same.

use std::path::{Path, PathBuf};

use loosepack::dir::cap::CapDir;
use loosepack::{Access, Compression, Config, Container, ObjectId, Options, Placement, Sharing, Stats, dir::Dir as _};
use serde_json::Value;

use crate::sim::SimDir;
use crate::support::{folding, id, noise, text};
use crate::watch::{Verdict, Watch};

/// The live log, and the run it follows.
const LOG: &str = "index/log-2.jsonl";
const RUN: &str = "index/run-1.jsonl";

const CONFIG: Config = Config { pack_target: 3000, compression_level: 6, shared: Sharing::Umask };

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1")
}

fn loose() -> Vec<Vec<u8>> {
    vec![b"loose\n".to_vec(), Vec::new(), noise(100, 1)]
}

/// Fills the first pack: written the same by every version.
fn plain() -> Vec<Vec<u8>> {
    vec![b"a packed object\n".to_vec(), noise(1000, 2), text(700, 3), noise(1500, 4)]
}

/// In the log, in two batches; the index's other entries are in a run.
fn later() -> [Vec<Vec<u8>>; 2] {
    [vec![noise(60, 7), noise(61, 8)], vec![noise(62, 9)]]
}

/// In the next packs. Their streams may come out differently from another compressor.
fn compressed() -> Vec<Vec<u8>> {
    let framed = b"the same line again and again, until there are many frames\n".repeat(50_000);
    assert!(framed.len() > 2 << 20);
    vec![text(2000, 5), framed, noise(300, 6)]
}

/// Makes the container of the fixture.
fn make() -> SimDir {
    let dir = SimDir::new();
    // The second batch is folded into a run together with the first one.
    let options = Options { holder: "the fixture".into(), tuning: folding(7), ..Options::default() };
    let store = Container::create(dir.clone(), CONFIG, options).unwrap();
    loose().iter().for_each(|content| assert!(store.add(content).is_ok()));
    let [third, fourth] = later();
    let (never, always) = (Compression::Never, Compression::Always);
    for (batch, compression) in [(plain(), never), (compressed(), always), (third, never), (fourth, never)] {
        let mut writer = store.pack_writer(compression).unwrap();
        batch.iter().for_each(|content| assert!(writer.add(content).is_ok()));
        writer.finish().unwrap();
    }
    // As a packer leaves it when it is killed before its commit line.
    let log = dir.bytes(LOG);
    let tail = String::from_utf8(log.clone()).unwrap().lines().next().unwrap().to_owned();
    let tail = tail.replace(&tail["{'put':'".len()..][..64], &id(b"never committed").to_string());
    dir.put(LOG, &[log.as_slice(), tail.as_bytes(), b"\n", &tail.as_bytes()[..40]].concat());
    dir
}

#[test]
#[ignore = "the fixture is made once; a later version must read what an earlier one wrote"]
fn make_the_fixture() {
    let root = fixture();
    assert!(!root.exists(), "{} exists: what was written once is not written again", root.display());
    let dir = make();
    for path in dir.files().into_iter().filter(|path| !path.starts_with("lock/")) {
        let target = root.join(&path);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::write(target, dir.bytes(&path)).unwrap();
    }
}

fn read(path: &str) -> Vec<u8> {
    std::fs::read(fixture().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn what_was_written_once_reads() {
    let guarded = Watch::with(CapDir::open(fixture()).unwrap(), |call, path, _| {
        assert!(!call.mutates(), "{call:?} of {path} by someone who only reads");
        Verdict::Pass
    });
    let store = Container::open(guarded, Options { access: Access::ReadOnly, ..Options::default() }).unwrap();
    assert_eq!(store.config(), CONFIG);
    let mut expected: Vec<ObjectId> = Vec::new();
    let packed = [plain(), compressed(), later().concat()];
    for (contents, is_packed) in [(loose(), false), (packed.concat(), true)] {
        for content in contents {
            let id = id(&content);
            assert!(store.get(&id).unwrap() == content, "{id} reads as it was written");
            let info = store.info(&id).unwrap();
            assert_eq!(info.size, content.len() as u64);
            assert_eq!(info.placement != Placement::Loose, is_packed, "{id} lies where it was put");
            expected.push(id);
        }
    }
    expected.sort();
    assert_eq!(store.objects(None, 100), Ok(expected), "there is nothing else");
    assert_eq!(store.contains(&[id(b"never committed")]), Ok(vec![false]), "an uncommitted line counts for nothing");
    let Stats { packed_objects, loose_objects, packs, .. } = store.stats().unwrap();
    assert_eq!((packed_objects, loose_objects, packs), (10, 3, 3));
}

#[test]
fn it_is_written_the_same() {
    let fresh = make();
    for path in fresh.files().into_iter().filter(|path| path.starts_with("loose/")) {
        assert_eq!(fresh.bytes(&path), read(&path), "{path}");
    }
    for path in ["container.json", "packs/0"] {
        assert_eq!(shown(&fresh.bytes(path)), shown(&read(path)), "{path}");
    }
    // Where the streams of compressed objects end depends on the compressor, and with it all that follows.
    if fresh.bytes("packs/1") == read("packs/1") {
        for path in ["index/manifest.json", LOG, RUN, "packs/2"] {
            assert_eq!(shown(&fresh.bytes(path)), shown(&read(path)), "{path}");
        }
    }
}

fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

#[test]
fn a_batch_is_written_the_same() {
    // Plain objects alone, so that no compressor has a part in it.
    let dir = SimDir::new();
    let store = Container::create(dir.clone(), CONFIG, Options::default()).unwrap();
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    writer.add(b"one\n").unwrap();
    writer.add(b"").unwrap();
    writer.finish().unwrap();
    let [one, none] = [id(b"one\n"), id(b"")];
    // By id in the log, as they came in the pack.
    let pack = format!(
        "{{\"id\":\"{one}\",\"size\":4,\"length\":4,\"enc\":\"none\"}}\none\n\n\
         {{\"id\":\"{none}\",\"size\":0,\"length\":0,\"enc\":\"none\"}}\n\n"
    );
    assert_eq!(shown(&dir.bytes("packs/0")), shown(pack.as_bytes()));
    let offset = |id: &ObjectId| {
        pack.lines()
            .scan(0, |end, line| {
                *end += line.len() + 1;
                Some((line.contains(&id.to_string()), *end))
            })
            .find(|(found, _)| *found)
            .unwrap()
            .1
    };
    let mut lines = [(one, 4), (none, 0)].map(|(id, size)| {
        format!("{{\"put\":\"{id}\",\"pack\":0,\"offset\":{},\"length\":{size},\"size\":{size}}}\n", offset(&id))
    });
    lines.sort();
    let covered = format!("{}{{\"commit\":2,\"objects\":2,\"size\":4,\"length\":4", lines.concat());
    let log = format!("{covered},\"crc\":\"{:08x}\"}}\n", crc32fast::hash(covered.as_bytes()));
    assert_eq!(shown(&dir.bytes("index/log-0.jsonl")), shown(log.as_bytes()));
    let manifest = "{\"length\":0,\"log\":0,\"objects\":0,\"runs\":[],\"size\":0,\"written\":0}\n";
    assert_eq!(shown(&dir.bytes("index/manifest.json")), shown(manifest.as_bytes()));
}

/// A record, read by what the format says and nothing else.
struct Record {
    id: String,
    size: u64,
    payload: Vec<u8>,
    compressed: bool,
    frames: Option<Value>,
}

fn records(pack: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    let mut rest = pack;
    while !rest.is_empty() {
        let line = |bytes: &[u8]| bytes.iter().position(|byte| *byte == b'\n').expect("a line ends") + 1;
        let (header, after) = rest.split_at(line(rest));
        let header: Value = serde_json::from_slice(header).expect("a header is JSON");
        let size = header["size"].as_u64().unwrap();
        let (payload, after) = after.split_at(header["length"].as_u64().unwrap() as usize);
        rest = after.strip_prefix(b"\n").expect("a payload ends in a line end");
        let compressed = header["enc"] == "zlib";
        let mut frames = None;
        if compressed && size > 1 << 20 {
            let (table, after) = rest.split_at(line(rest));
            frames = Some(serde_json::from_slice(table).expect("a frame table is JSON"));
            rest = after;
        }
        let id = header["id"].as_str().unwrap().to_owned();
        records.push(Record { id, size, payload: payload.into(), compressed, frames });
    }
    records
}

#[test]
fn packs_alone_tell_what_is_in_them() {
    let mut records: Vec<Record> = (0..3).flat_map(|pack| records(&read(&format!("packs/{pack}")))).collect();
    let mut contents = [plain(), compressed(), later().concat()].concat();
    assert_eq!(records.len(), contents.len());
    // In which order a batch is written is nobody's to rely on.
    records.sort_by_key(|record| record.id.clone());
    contents.sort_by_key(|content| id(content));
    for (record, content) in records.iter().zip(&contents) {
        assert_eq!(record.id, id(content).to_string());
        assert_eq!(record.size, content.len() as u64);
        let bytes = if record.compressed {
            // The whole payload is one standard zlib stream.
            miniz_oxide::inflate::decompress_to_vec_zlib(&record.payload).expect("it is a zlib stream")
        } else {
            record.payload.clone()
        };
        assert!(bytes == *content, "a record gives the object without any index");
        if let Some(frames) = &record.frames {
            let ends: Vec<u64> = frames.as_array().unwrap().iter().map(|end| end.as_u64().unwrap()).collect();
            assert_eq!(ends.len(), content.len().div_ceil(1 << 20), "each frame has its end");
            assert!(ends.is_sorted() && ends.last() <= Some(&(record.payload.len() as u64 - 4)));
        }
    }
    let compressed = records.iter().filter(|record| record.compressed);
    let sizes: std::collections::BTreeMap<u64, bool> =
        compressed.map(|found| (found.size, found.frames.is_some())).collect();
    let framed = contents.iter().map(Vec::len).max().unwrap() as u64;
    assert_eq!(sizes, [(2000, false), (framed, true)].into(), "what shrinks is compressed, where that was asked for");
}

#[test]
fn each_line_of_the_index_is_json() {
    let log = String::from_utf8(read(LOG)).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    let (torn, whole) = lines.split_last().unwrap();
    assert!(serde_json::from_str::<Value>(torn).is_err(), "the last line is torn");
    let values = |lines: &[&str]| -> Vec<Value> {
        lines.iter().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    };
    let values_of_log = values(whole);
    let commits: Vec<&Value> = values_of_log.iter().filter(|value| value.get("commit").is_some()).collect();
    let contents = [plain(), compressed(), later().concat()].concat();
    assert_eq!(commits.len(), 2);
    assert_eq!((&commits[0]["commit"], &commits[0]["objects"]), (&2.into(), &9.into()));
    assert_eq!((&commits[1]["commit"], &commits[1]["objects"]), (&1.into(), &10.into()));
    assert_eq!(commits[1]["size"], contents.iter().map(|content| content.len() as u64).sum::<u64>());

    let run = String::from_utf8(read(RUN)).unwrap();
    let lines: Vec<&str> = run.lines().collect();
    assert_eq!(lines[0].len() + 1, 256);
    let values_of_run = values(&lines);
    assert_eq!(values_of_run[0]["entries"], 7);
    let lists = [values_of_run.len() - 2, values_of_run.len() - 1].map(|number| &values_of_run[number]);
    assert!(lists[0]["fences"].is_array() && lists[1]["filters"].is_array());
    let entries = &values_of_run[1..8];
    let ids: Vec<&str> = entries.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
    assert!(ids.is_sorted(), "a run is sorted");
    assert!(lines[1..8].iter().all(|line| line.len() == lines[1].len()), "its lines are of one width");

    let packs: Vec<Vec<u8>> = (0..3).map(|pack| read(&format!("packs/{pack}"))).collect();
    let puts = values_of_log.iter().filter(|value| value["put"] != id(b"never committed").to_string());
    let mut told = 0;
    for value in puts.chain(entries).filter(|value| value["length"] == value["size"] && value.get("commit").is_none()) {
        let number = |name: &str| value[name].as_u64().unwrap() as usize;
        let bytes = &packs[number("pack")][number("offset")..][..number("length")];
        let key = if value.get("put").is_some() { "put" } else { "id" };
        assert_eq!(value[key], id(bytes).to_string(), "a line says where the bytes are");
        told += 1;
    }
    assert_eq!(told, 8, "all that are not compressed");
}

#[test]
fn a_copy_of_it_can_be_worked_with() {
    let dir = SimDir::new();
    for path in ["loose", "incoming", "packs", "index", "lock"] {
        dir.create_dir(path).unwrap();
    }
    for shard in 0..=255 {
        dir.create_dir(&format!("loose/{shard:02x}")).unwrap();
    }
    for path in make().files().iter().filter(|path| !path.starts_with("lock/")) {
        dir.put(path, &read(path));
    }
    let store = crate::support::open(dir.clone());
    assert_eq!(crate::support::pack(&store, Compression::Auto), Ok(vec![]));
    assert_eq!(crate::support::clean(&store), Ok(3));
    let log = String::from_utf8(dir.bytes(LOG)).unwrap();
    assert!(!log.contains(&id(b"never committed").to_string()), "the uncommitted tail was cut");
    for content in [loose(), plain(), compressed(), later().concat()].concat().iter() {
        assert!(crate::support::open(dir.clone()).get(&id(content)).unwrap() == *content);
    }
}
