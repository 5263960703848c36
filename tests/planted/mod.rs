//! Containers on a real file system with something hostile in them, for tests that go through every interface.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use loosepack::dir::cap::CapDir;
use loosepack::{Compression, Config, Container, Durability, ObjectId, Options, Tuning, codec};

/// Something put in place of a file or a directory of the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thing {
    LinkToOutside,
    RelativeLinkToOutside,
    LinkToItself,
    Pipe,
    /// `/dev/zero`, which never ends. Only root can make one.
    Device,
    Socket,
    /// A directory in place of a file, and the other way round.
    OtherKind,
    /// A file of 1 TiB without any data.
    Vast,
}

const THINGS: [Thing; 8] = [
    Thing::LinkToOutside,
    Thing::RelativeLinkToOutside,
    Thing::LinkToItself,
    Thing::Pipe,
    Thing::Device,
    Thing::Socket,
    Thing::OtherKind,
    Thing::Vast,
];

/// The container before anything hostile is put into it: loose objects, two packs, a run and a log.
pub(crate) struct Template {
    root: PathBuf,
    pub(crate) contents: BTreeMap<ObjectId, Vec<u8>>,
    /// The paths that are replaced.
    places: Vec<String>,
}

/// A container with something hostile in it.
pub(crate) struct Planted {
    pub(crate) name: String,
    pub(crate) thing: Thing,
    /// Where it is, relative to the container.
    pub(crate) place: String,
    pub(crate) container: PathBuf,
    outside: PathBuf,
    before: Snapshot,
}

/// Kind, bytes and target of everything in a directory.
type Snapshot = BTreeMap<PathBuf, (fs::FileType, Option<Vec<u8>>)>;

impl Template {
    /// Makes it below `root`, an empty directory.
    pub(crate) fn new(root: &Path) -> Self {
        let path = root.join("template");
        fs::create_dir(&path).unwrap();
        let options = Options {
            durability: Durability::None,
            tuning: Tuning { log_entries: 4, ..Tuning::default() },
            ..Options::default()
        };
        let config = Config { pack_target: 2000, ..Config::default() };
        let store = Container::create(CapDir::open(&path).unwrap(), config, options).unwrap();
        let text = |number: usize| format!("{number}: some text; ").repeat(20 * number).into_bytes();
        let mut contents = Vec::from([text(1), text(2)]);
        for content in &contents {
            store.add(content).unwrap();
        }
        for batch in [[3, 4, 5], [6, 7, 4000], [8, 9, 10]] {
            let mut writer = store.pack_writer(Compression::Auto).unwrap();
            for content in batch.map(text) {
                writer.add(&content).unwrap();
                contents.push(content);
            }
            writer.finish().unwrap();
        }
        // Shards are made when they are needed; without the empty ones a copy is quick.
        for shard in fs::read_dir(path.join("loose")).unwrap() {
            let _ = fs::remove_dir(shard.unwrap().path());
        }
        let contents: BTreeMap<_, _> = contents.into_iter().map(|content| (codec::sha256(&content), content)).collect();
        let loose = codec::sha256(&text(1)).to_string();
        let mut places =
            Vec::from(["container.json", "index/manifest.json", "lock/pack", "lock/pack.os.json"].map(String::from));
        places.extend(["lock/pack.file.json", "loose", "incoming", "packs", "index", "lock"].map(String::from));
        places.extend([format!("loose/{}", &loose[..2]), format!("loose/{}/{}", &loose[..2], &loose[2..])]);
        places.extend([String::from("incoming/0123456789abcdef-0"), "packs/0".into(), "packs/1".into()]);
        let index = fs::read_dir(path.join("index")).unwrap().map(|entry| entry.unwrap().file_name());
        places.extend(index.map(|name| format!("index/{}", name.to_str().unwrap())).filter(|name| name.contains('-')));
        assert!(["index/log-", "index/run-"].iter().all(|kind| places.iter().any(|place| place.starts_with(kind))));
        Template { root: root.into(), contents, places }
    }

    /// A copy with each of the things in each of the places, one after the other.
    pub(crate) fn each(&self) -> impl Iterator<Item = Planted> + '_ {
        let all = self.places.iter().flat_map(|place| THINGS.map(|thing| (place, thing)));
        all.enumerate().filter_map(|(number, (place, thing))| self.plant(number, place, thing))
    }

    fn plant(&self, number: usize, place: &str, thing: Thing) -> Option<Planted> {
        let root = self.root.join(number.to_string());
        let (container, outside) = (root.join("container"), root.join("outside"));
        fs::create_dir(&root).unwrap();
        fs::create_dir(&outside).unwrap();
        copy(&self.root.join("template"), &container);
        let target = container.join(place);
        let dir = target.is_dir();
        if dir {
            copy(&target, &outside.join("target"));
            fs::remove_dir_all(&target).unwrap();
        } else {
            let content = fs::read(&target).unwrap_or_default();
            fs::write(outside.join("target"), content).unwrap();
            let _ = fs::remove_file(&target);
        }
        let above = "../".repeat(place.split('/').count());
        match thing {
            Thing::LinkToOutside => symlink(outside.join("target"), &target).unwrap(),
            Thing::RelativeLinkToOutside => symlink(format!("{above}outside/target"), &target).unwrap(),
            Thing::LinkToItself => symlink(target.file_name().unwrap(), &target).unwrap(),
            Thing::Pipe => assert!(Command::new("mkfifo").arg(&target).status().unwrap().success()),
            Thing::Device => {
                let made = Command::new("mknod").arg(&target).args(["c", "1", "5"]).output().unwrap();
                if !made.status.success() {
                    return None;
                }
            }
            Thing::Socket => make_socket(&target)?,
            Thing::OtherKind if dir => fs::write(&target, "a file").unwrap(),
            Thing::OtherKind => fs::create_dir(&target).unwrap(),
            Thing::Vast => {
                // A loose object of this size is one, though a wrong one, and is read from its start to its end.
                let len = if place.starts_with("loose/") { 24 << 20 } else { 1 << 40 };
                fs::File::create(&target).unwrap().set_len(len).unwrap();
            }
        }
        let before = snapshot(&outside);
        let name = format!("{thing:?} at {place}");
        Some(Planted { name, thing, place: place.into(), container, outside, before })
    }
}

impl Planted {
    /// Does something to the container, for at most a minute.
    pub(crate) fn watched(&self, work: impl FnOnce(&Planted) + Send) {
        let (done, end) = mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                work(self);
                done.send(()).unwrap();
            });
            if end.recv_timeout(Duration::from_secs(60)) == Err(mpsc::RecvTimeoutError::Timeout) {
                eprintln!("{} makes it hang", self.name);
                std::process::abort();
            }
        });
        assert!(self.before == snapshot(&self.outside), "{}: something outside was changed", self.name);
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.container.parent().unwrap());
    }
}

/// `None` where the temporary directory is on another file system: the path of a socket must be short, so it is made
/// there.
fn make_socket(target: &Path) -> Option<()> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("loosepack-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let short = std::env::temp_dir().join(name);
    drop(UnixListener::bind(&short).unwrap());
    let moved = fs::rename(&short, target);
    if moved.is_err() {
        fs::remove_file(&short).unwrap();
    }
    moved.ok()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn snapshot(dir: &Path) -> Snapshot {
    let mut found = Snapshot::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            found.append(&mut snapshot(&path));
        }
        let bytes = kind.is_file().then(|| fs::read(&path).unwrap());
        found.insert(path, (kind, bytes));
    }
    found
}
