//! Containers whose files are as they should be, checksums included, and say what no packer would say.

use std::fs::File;

use loosepack::dir::cap::CapDir;
use loosepack::{Compression, Config, Container, Content, Error, ObjectId, Options, Result};

use crate::damage::{forged, put};
use crate::sim::SimDir;
use crate::support::{create, folding, id, noise, open, run, text};

/// An id that starts with these bytes.
fn id_from(start: &[u8]) -> ObjectId {
    let mut digest = [0; ObjectId::LEN];
    digest[..start.len()].copy_from_slice(start);
    ObjectId::from_bytes(digest)
}

/// A line of a run whose numbers have one digit.
pub(crate) fn line(id: &ObjectId, location: Option<[u8; 4]>) -> String {
    let end = match location {
        Some([pack, offset, length, size]) => {
            format!("\"pack\":{pack},\"offset\":{offset},\"length\":{length},\"size\":{size}")
        }
        None => format!("{:39}", "\"delete\":true"),
    };
    format!("{{\"id\":\"{id}\",{end}}}\n")
}

/// A run of lines in the order given, its fences, filters and checksums right.
pub(crate) fn run_of(lines: &[String]) -> Vec<u8> {
    let blocks: Vec<(String, String)> = lines
        .chunks(64)
        .map(|block| (block[0][7..23].to_string(), format!("{:08x}", crc32fast::hash(block.concat().as_bytes()))))
        .collect();
    let fences: Vec<String> = blocks.iter().map(|(prefix, crc)| format!("\"{prefix}{crc}\"")).collect();
    let space = if fences.is_empty() { "" } else { " " };
    let fences = format!("{{\"fences\":[{}{space}]}}\n", fences.join(","));
    let filters: Vec<String> = lines.chunks(64).map(|block| format!("\"{}\"", filter_of(block))).collect();
    let filters = format!("{{\"filters\":[{}{space}]}}\n", filters.join(","));
    let start = header_start(&lines.len().to_string(), "1", crc32fast::hash(filters.as_bytes()));
    let header = header(&start, crc32fast::hash([fences.as_bytes(), start.as_bytes()].concat().as_slice()));
    [header.as_bytes(), lines.concat().as_bytes(), fences.as_bytes(), filters.as_bytes()].concat()
}

/// Length of the line of filters of a run of some blocks.
pub(crate) fn filters_length(blocks: usize) -> usize {
    blocks * 131 + 15
}

/// The digits of a block's filter: of 512 bits each id sets five, whose numbers are in nine bits each of its second
/// eight bytes, the lowest first. Word `w` has bits `64 * w` to `64 * w + 63`, the lowest last.
fn filter_of(block: &[String]) -> String {
    let mut words = [0_u64; 8];
    for line in block {
        let second = u64::from_str_radix(&line[23..39], 16).unwrap();
        for number in 0..5 {
            let position = (second >> (9 * number)) % 512;
            words[position as usize / 64] |= 1 << (position % 64);
        }
    }
    words.iter().map(|word| format!("{word:016x}")).collect()
}

/// The first line of a run up to its checksum. `filters`: the checksum of the line of filters.
pub(crate) fn header_start(entries: &str, digits: &str, filters: u32) -> String {
    let digits = format!("\"pack\":{digits},\"offset\":{digits},\"length\":{digits},\"size\":{digits}");
    format!("{{\"entries\":{entries},\"digits\":{{{digits}}},\"reach\":null,\"filters\":\"{filters:08x}\"")
}

/// That line with this checksum.
pub(crate) fn header(start: &str, crc: u32) -> String {
    format!("{:255}\n", format!("{start},\"crc\":\"{crc:08x}\"}}"))
}

/// A container whose index is these runs, newest first.
pub(crate) fn with_runs(runs: &[Vec<u8>]) -> SimDir {
    let dir = SimDir::new();
    create(dir.clone());
    let numbers: Vec<String> = (0..runs.len()).map(|number| number.to_string()).collect();
    dir.put("index/manifest.json", manifest("0", &numbers.join(",")).as_bytes());
    runs.iter().enumerate().for_each(|(number, run)| dir.put(&format!("index/run-{number}.jsonl"), run));
    dir
}

fn manifest(log: &str, runs: &str) -> String {
    format!("{{\"log\":{log},\"runs\":[{runs}],\"objects\":1,\"size\":1,\"length\":1}}\n")
}

/// Everything that reads the index, and may write it; the first error.
fn work(dir: SimDir) -> Result<()> {
    let options = Options { tuning: folding(1), ..Options::default() };
    let store = Container::open(dir, options)?;
    let mut results = Vec::new();
    for limit in [1, 3, 100] {
        let mut listed = Vec::new();
        while let page = store.objects(listed.last(), limit)
            && !page.as_ref().is_ok_and(Vec::is_empty)
        {
            match page {
                Ok(page) => listed.extend(page),
                Err(error) => {
                    results.push(Err(error));
                    break;
                }
            }
            assert!(listed.is_sorted() && listed.len() < 1000, "a list is sorted and ends");
        }
    }
    for first in 0..=u8::MAX {
        let id = id_from(&[first]);
        assert!(store.get(&id).is_err(), "no such object was ever stored");
        results.push(store.contains(&[id]).map(drop));
    }
    results.push(store.stats().map(drop));
    results.push(store.pack_writer(Compression::Never).and_then(|mut writer| {
        writer.add(b"packed")?;
        writer.finish()
    }));
    results.push(store.pack_loose(Compression::Never).and_then(run).map(drop));
    results.push(store.clean().and_then(run).map(drop));
    results.into_iter().collect()
}

#[track_caller]
fn is_damage<T: std::fmt::Debug>(result: Result<T>, file: &str) {
    match result {
        Err(Error::Corrupt(damage)) if damage.file.starts_with(file) => {}
        result => panic!("{file} is damaged: {result:?}"),
    }
}

#[test]
fn a_forged_run_is_a_run() {
    let lines: Vec<String> = (0..200).map(|number| line(&id_from(&[number]), Some([0, 0, 1, 1]))).collect();
    let dir = with_runs(&[run_of(&lines)]);
    assert_eq!(open(dir.clone()).objects(None, 1000).unwrap().len(), 200, "the forgery is good");
    let deleted: Vec<String> = (0..200).map(|number| line(&id_from(&[number]), None)).collect();
    assert_eq!(open(with_runs(&[run_of(&deleted), run_of(&lines)])).objects(None, 1000), Ok(vec![]));
    assert_eq!(work(with_runs(&[run_of(&deleted)])), Ok(()));
}

#[test]
fn runs_out_of_order_are_damage() {
    let (a, b, c) = (id_from(&[0, 1]), id_from(&[0, 2]), id_from(&[0, 3]));
    for location in [None, Some([0, 0, 1, 1])] {
        for order in [[&b, &a, &c], [&c, &b, &a], [&a, &c, &b], [&a, &a, &b], [&b, &b, &b]] {
            is_damage(work(with_runs(&[run_of(&order.map(|id| line(id, location)))])), "index/run-0");
        }
        // The first block is in order, and so is the second, but not the two together.
        let ids = (100..164).chain(1..65).map(|number| id_from(&[0, number]));
        let lines: Vec<String> = ids.map(|id| line(&id, location)).collect();
        is_damage(work(with_runs(&[run_of(&lines)])), "index/run-0");
        let ids = (0..64).chain(20..84).map(|number| id_from(&[0, number]));
        let lines: Vec<String> = ids.map(|id| line(&id, location)).collect();
        is_damage(work(with_runs(&[run_of(&lines)])), "index/run-0");
    }
}

#[test]
fn blocks_that_start_alike_are_damage() {
    let ids = (0..10_000_u32).map(|number| {
        let mut start = [0; 12];
        start[8..].copy_from_slice(&number.to_be_bytes());
        id_from(&start)
    });
    let lines: Vec<String> = ids.map(|id| line(&id, Some([0, 0, 1, 1]))).collect();
    is_damage(work(with_runs(&[run_of(&lines)])), "index/run-0");
}

#[test]
fn absurd_numbers_of_a_run_are_damage() {
    for entries in
        ["-1", "1.5", "1e3", "18446744073709551615", "18446744073709551616", "152502092234380264", "1e400", "[]"]
    {
        is_damage(work(with_runs(&[header(&header_start(entries, "1", 0), 0).into_bytes()])), "index/run-0");
    }
    for digits in ["0", "21", "255", "256", "-1", "1e99", "4294967296", "null", "[[[[]]]]"] {
        is_damage(work(with_runs(&[header(&header_start("0", digits, 0), 0).into_bytes()])), "index/run-0");
    }
    let wide = [header(&header_start("1", "20", 0), 0).into_bytes(), vec![b' '; 300]].concat();
    is_damage(work(with_runs(&[wide])), "index/run-0");
}

/// One flipped bit made an empty run of one with a few entries, and all of its objects were denied.
#[test]
fn a_run_that_says_it_is_empty_and_is_not_is_damage() {
    let dir = SimDir::new();
    create(dir.clone());
    let options = Options { tuning: folding(1), ..Options::default() };
    let store = Container::open(dir.clone(), options).unwrap();
    let mut writer = store.pack_writer(Compression::Never).unwrap();
    let ids = writer.add_many(&[b"one", b"two"]).unwrap();
    writer.finish().unwrap();
    let path = dir.files().into_iter().find(|path| path.starts_with("index/run-")).unwrap();
    let run = String::from_utf8(dir.bytes(&path)).unwrap().replacen("\"entries\":2", "\"entries\":0", 1);
    dir.put(&path, run.as_bytes());
    let store = open(dir);
    for id in &ids {
        assert!(matches!(store.get(id), Err(Error::Corrupt(_))), "{:?}", store.get(id));
    }
    assert!(matches!(store.contains(&ids), Err(Error::Corrupt(_))));
}

#[test]
fn a_vast_run_takes_no_memory() {
    let temporary = tempfile::tempdir().unwrap();
    create(CapDir::open(temporary.path()).unwrap());
    let index = temporary.path().join("index");
    std::fs::write(index.join("manifest.json"), manifest("0", "0")).unwrap();
    // 12 TB of lines and 40 GB of fences, of which nothing is on the disk.
    std::fs::write(index.join("run-0.jsonl"), header(&header_start("100000000000", "1", 0), 0)).unwrap();
    File::options().write(true).open(index.join("run-0.jsonl")).unwrap().set_len(15 << 40).unwrap();
    let store = open(CapDir::open(temporary.path()).unwrap());
    is_damage(store.get(&id(b"x")), "index/run-0");
    is_damage(store.objects(None, 10), "index/run-0");
}

#[test]
fn absurd_manifests_are_damage() {
    let many = |count: u32| (0..count).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    let nested = format!("{}0{}", "[".repeat(100_000), "]".repeat(100_000));
    for (log, runs) in [
        ("0", "1,1"),
        ("0", "1,2,1"),
        ("0", &many(65)),
        ("0", &many(100_000)),
        ("0", "-1"),
        ("0", "4294967296"),
        ("0", &nested),
        (&nested, ""),
        ("-0.0", ""),
        ("\"0\"", ""),
    ] {
        let dir = SimDir::new();
        create(dir.clone());
        dir.put("index/manifest.json", manifest(log, runs).as_bytes());
        is_damage(work(dir), "index/manifest.json");
    }
    // No packer gives a log and a run the same number, but they are two files.
    let dir = with_runs(&[run_of(&[])]);
    assert_eq!(work(dir), Ok(()));
    let dir = SimDir::new();
    create(dir.clone());
    dir.put("index/manifest.json", manifest(&u32::MAX.to_string(), "").as_bytes());
    dir.put(&format!("index/log-{}.jsonl", u32::MAX), b"");
    assert!(work(dir).unwrap_err().to_string().contains("no number is left"));
}

#[test]
fn a_key_that_is_there_twice_counts_once() {
    let dir = SimDir::new();
    create(dir.clone());
    let text = String::from_utf8(dir.bytes("container.json")).unwrap();
    dir.put("container.json", text.replace('{', "{\"format\":7,\"id\":\"\",\"pack-target\":0,").as_bytes());
    let twice = open(dir).config();
    assert_eq!(twice, Config::default(), "the last one counts");
}

#[test]
fn deep_json_is_damage() {
    for (start, end) in [("[", "]"), ("{\"format\":", "}"), ("[{\"a\":", "}]")] {
        let depth = 100_000;
        let deep = format!("{}1{}", start.repeat(depth), end.repeat(depth));
        for path in ["container.json", "index/manifest.json"] {
            for bytes in [deep.as_bytes(), start.repeat(depth).as_bytes(), &deep.as_bytes()[..depth + depth / 2]] {
                let dir = SimDir::new();
                create(dir.clone());
                dir.put(path, bytes);
                is_damage(work(dir), path);
            }
        }
        let dir = SimDir::new();
        let store = create(dir.clone());
        dir.put("lock/pack.file.json", deep.as_bytes());
        let refused = store.pack_writer(Compression::Never).err();
        assert!(matches!(refused, Some(Error::Locked(_))), "{refused:?}");
    }
}

#[test]
fn a_container_id_is_what_it_should_be() {
    let set = |id: &str| {
        let dir = SimDir::new();
        create(dir.clone());
        dir.put(
            "container.json",
            format!("{{\"format\":1,\"id\":{id},\"pack-target\":1,\"compression-level\":1}}").as_bytes(),
        );
        Container::open(dir, Options::default()).map(|store| store.id().to_string())
    };
    assert_eq!(set("\"0123456789abcdef0123456789abcdef\""), Ok("0123456789abcdef0123456789abcdef".into()));
    for id in ["\"\"", "\"0123456789ABCDEF0123456789ABCDEF\"", "\"\\u001b[2J6789abcdef0123456789abcdef\"", "{}"] {
        is_damage(set(id), "container.json");
    }
}

#[test]
fn a_mark_does_not_speak_to_the_terminal() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let text = format!(
        "{{\"holder\":\"\\u001b]0;gotcha\\u0007\\r\\n{}\",\"since\":18446744073709551615}}",
        "x".repeat(100_000)
    );
    dir.put("lock/pack.file.json", text.as_bytes());
    let Some(Error::Locked(told)) = store.pack_writer(Compression::Never).err() else { panic!("it is locked") };
    assert!(told.contains("]0;gotchaxxx") && told.len() < 600 && !told.contains(char::is_control), "{told}");
}

#[test]
fn what_never_was_committed_is_bounded() {
    let dir = SimDir::new();
    create(dir.clone());
    let line = put(&id(b"x"), 0, 0, 1, 1);
    dir.put("index/log-0.jsonl", &line.as_bytes().repeat((130 << 20) / line.len()));
    is_damage(work(dir.clone()), "index/log-0.jsonl");
    dir.put("index/log-0.jsonl", &vec![0; 130 << 20]);
    is_damage(work(dir.clone()), "index/log-0.jsonl");
    dir.put("index/log-0.jsonl", &line.as_bytes().repeat(5000));
    assert_eq!(work(dir), Ok(()), "what a killed packer leaves is ignored");
}

#[test]
fn numbers_that_are_not_written_like_ours_are_damage() {
    let good = put(&id(b"x"), 1, 1, 1, 1);
    for (from, to) in [
        ("\"pack\":1", "\"pack\":-1"),
        ("\"pack\":1", "\"pack\":4294967296"),
        ("\"offset\":1", "\"offset\":01"),
        ("\"offset\":1", "\"offset\":+1"),
        ("\"offset\":1", "\"offset\":1e1"),
        ("\"length\":1", "\"length\":18446744073709551616"),
        ("\"length\":1", "\"length\":18446744073709551615"),
        ("\"size\":1", "\"size\":99999999999999999999999999999999999999999999999999999999"),
        ("\"size\":1", "\"size\":"),
        ("\"size\":1", "\"size\":1,\"size\":1"),
    ] {
        assert!(good.contains(from));
        let dir = SimDir::new();
        create(dir.clone());
        dir.put("index/log-0.jsonl", &forged(&[good.replace(from, to)], [1, 1, 1]));
        is_damage(work(dir), "index/log-0.jsonl:1");
    }
}

#[test]
fn records_that_overlap_cost_no_more_than_they_are() {
    let zeros = vec![0; 1 << 20];
    let bomb = miniz_oxide::deflate::compress_to_vec_zlib(&zeros, 9);
    assert!(bomb.len() < 1100);
    let dir = SimDir::new();
    create(dir.clone());
    dir.put("packs/0", &bomb);
    let liars: Vec<ObjectId> = (0..400).map(|number: u64| id(&number.to_le_bytes())).collect();
    let all: Vec<ObjectId> = liars.iter().copied().chain([id(&zeros)]).collect();
    let lines: Vec<String> = all.iter().map(|id| put(id, 0, 0, bomb.len() as u64, 1 << 20)).collect();
    dir.put("index/log-0.jsonl", &forged(&lines, [401, 401 << 20, 401]));
    let store = open(dir);
    let mut batch = store.read_many(all).unwrap();
    let (mut right, mut wrong) = (0, 0);
    while let answers = batch.next_items()
        && !answers.is_empty()
    {
        let mut given = 0;
        for (_, answer) in answers {
            match answer {
                Content::Bytes(bytes) => {
                    given += bytes.len();
                    right += 1;
                }
                Content::Failed(Error::Corrupt(damage)) => wrong += usize::from(damage.file.starts_with("packs/0")),
                answer => panic!("{answer:?}"),
            }
        }
        assert!(given <= 2 << 20, "a batch is bounded");
    }
    assert_eq!((right, wrong), (1, 400));
}

#[test]
fn a_promise_of_ten_gigabytes_in_ten_kilobytes_is_damage() {
    let bomb = miniz_oxide::deflate::compress_to_vec_zlib(&vec![0; 10_000_000], 9);
    assert!(bomb.len() < 10 << 10);
    for size in [10_u64 << 30, 1 << 40, u64::MAX, 10_000_001, bomb.len() as u64 * 1032] {
        let dir = SimDir::new();
        create(dir.clone());
        dir.put("packs/0", &[&bomb[..], b"\n[", &b"             99,".repeat(1000)].concat());
        let victim = id(b"the victim");
        dir.put("index/log-0.jsonl", &forged(&[put(&victim, 0, 0, bomb.len() as u64, size)], [1, size, 1]));
        let store = open(dir);
        is_damage(store.get(&victim), "packs/0");
        is_damage(store.get_to_file(&victim, &SimDir::new(), "file"), "packs/0");
    }
}

#[test]
fn frame_tables_that_lie_are_damage() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let content = text((3 << 20) + 17, 1);
    let mut writer = store.pack_writer(Compression::Always).unwrap();
    let object = writer.add(&content).unwrap();
    writer.finish().unwrap();
    let pack = dir.bytes("packs/0");
    let table = pack.len() - (4 * 16 + 2);
    let entry = |number: usize| table + 1 + 16 * number;
    let set = |number: usize, value: &str| {
        let mut changed = pack.clone();
        changed[entry(number)..][..15].copy_from_slice(format!("{value:>15}").as_bytes());
        dir.put("packs/0", &changed);
        open(dir.clone())
    };
    let ends: Vec<String> =
        (0..4).map(|number| String::from_utf8(pack[entry(number)..][..15].to_vec()).unwrap()).collect();
    assert_eq!(set(0, ends[0].trim()).get(&object).as_ref(), Ok(&content));
    for number in 0..4 {
        let others = ends.iter().map(|end| end.trim().to_string()).filter(|end| *end != ends[number].trim());
        let lies = ["0", "1", "2", "-1", "+5", "999999999999999", "1e3", "", "0x10", "5 5"].map(String::from);
        for lie in lies.into_iter().chain(others) {
            let store = set(number, &lie);
            is_damage(store.get(&object), "packs/0");
            let mut reader = store.reader(&object).unwrap();
            for position in [0, 1 << 20, (1 << 20) - 1, 3 << 20, 0] {
                reader.seek(position);
                let mut buffer = [0; 100];
                if let Ok(len) = reader.read(&mut buffer) {
                    assert_eq!(buffer[..len], content[position as usize..][..len], "{lie:?} in place of end {number}");
                }
            }
        }
    }
}

#[test]
fn names_that_are_no_ids_are_no_objects() {
    let dir = SimDir::new();
    let store = create(dir.clone());
    let object = store.add(&noise(10, 1)).unwrap();
    let hex = object.to_string();
    let upper = hex[2..].to_uppercase();
    for name in
        [upper.as_str(), &hex[3..], &format!("{}0", &hex[2..]), "..", " ", &"g".repeat(62), &"\u{e9}".repeat(31)]
    {
        if name != ".." {
            dir.put(&format!("loose/{}/{name}", &hex[..2]), b"not an object");
        }
        assert!(format!("{}{name}", &hex[..2]).parse::<ObjectId>().is_err(), "{name}");
    }
    assert_eq!(store.objects(None, 10), Ok(vec![object]));
    assert_eq!(store.pack_loose(Compression::Never).and_then(run).unwrap().1, vec![]);
    assert_eq!(store.stats().unwrap().packed_objects, 1);
}
