//! The contract as any caller may use it: whatever is passed to the portable component is answered, and stops nothing.

use std::path::Path;

use loosepack_artifacts::PORTABLE;
use loosepack_stock::Wasi;
use wasmtime::component::{Component, Instance, Linker, ResourceAny, Val};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use crate::support::{TempDir, draw, setting};

/// An instance of the portable component, called without any types.
struct Portable {
    store: Store<Wasi>,
    instance: Instance,
}

impl Portable {
    fn new(dir: &Path) -> Self {
        let engine = Engine::default();
        let component = Component::new(&engine, PORTABLE).unwrap();
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker).unwrap();
        let mut wasi = WasiCtxBuilder::new();
        wasi.preopened_dir(dir, ".", FsPerms::ReadWrite).unwrap();
        let mut store = Store::new(&engine, Wasi::new(&mut wasi));
        let instance = linker.instantiate(&mut store, &component).unwrap();
        Portable { store, instance }
    }

    /// Calls a function; what it returns.
    fn call(&mut self, interface: &str, function: &str, arguments: &[Val]) -> Val {
        let interface = format!("loosepack:store/{interface}@0.1.0");
        let interface = self.instance.get_export_index(&mut self.store, None, &interface).expect("it is exported");
        let found = self.instance.get_export_index(&mut self.store, Some(&interface), function);
        let called = self.instance.get_func(&mut self.store, found.expect(function)).expect("it is a function");
        let mut results = [Val::Bool(false)];
        let called = called.call(&mut self.store, arguments, &mut results);
        called.unwrap_or_else(|error| panic!("{function} of {arguments:?} stops the component: {error:?}"));
        let [result] = results;
        result
    }

    /// Calls a function that returns a resource or an error.
    fn resource(&mut self, interface: &str, function: &str, arguments: &[Val]) -> Option<ResourceAny> {
        match self.call(interface, function, arguments) {
            Val::Result(Ok(Some(value))) | Val::Option(Some(value)) => resource(*value),
            Val::Result(Err(_)) => None,
            value => resource(value),
        }
    }

    fn drop(&mut self, resource: ResourceAny) {
        resource.resource_drop(&mut self.store).expect("it can be dropped");
    }
}

fn resource(value: Val) -> Option<ResourceAny> {
    match value {
        Val::Resource(resource) => Some(resource),
        value => panic!("{value:?} is no resource"),
    }
}

fn text(text: &str) -> Val {
    Val::String(text.into())
}

fn bytes(bytes: &[u8]) -> Val {
    Val::List(bytes.iter().map(|byte| Val::U8(*byte)).collect())
}

fn options(seed: &mut u64) -> Val {
    let holder = strange(seed);
    Val::Record(Vec::from([
        ("access".into(), Val::Enum("read-write".into())),
        ("durability".into(), Val::Enum("none".into())),
        ("verify".into(), Val::Bool(draw(seed, 2) == 0)),
        ("holder".into(), text(&holder)),
    ]))
}

/// A text that is meant to do harm, or an id.
fn strange(seed: &mut u64) -> String {
    const ID: &str = "b6a98d9ce9a2d9149288fa3df42d377c3e42737afdcdaf714e33c0a100b51060";
    let base = match draw(seed, 14) {
        0 => String::new(),
        1 => "..".into(),
        2 => "../outside".into(),
        3 => "/etc/passwd".into(),
        4 => "\0".into(),
        5 => "\u{1b}[2J\r\n".into(),
        6 => "\u{10ffff}\u{fffd}\u{e9}".repeat(30),
        7 => "x".repeat(100_000),
        8 => "a/".repeat(3000),
        9 => ID.to_uppercase(),
        10 => format!("{}/../{}", &ID[..2], &ID[2..]),
        11 => ID[..63].into(),
        _ => ID.into(),
    };
    if draw(seed, 8) == 0 { format!("{base}/") } else { base }
}

fn number(seed: &mut u64) -> u64 {
    [0, 1, 63, 1 << 20, u64::from(u32::MAX), 1 << 40, i64::MAX as u64, u64::MAX][draw(seed, 8) as usize]
}

#[test]
fn whatever_is_passed_is_answered() {
    let home = TempDir::new();
    std::fs::create_dir(home.join("store")).unwrap();
    home.file("outside", "outside");
    let mut seed = setting("LOOSEPACK_SEED", 1);
    let seed = &mut seed;
    let mut portable = Portable::new(&home.join("store"));
    let dir = Val::Resource(portable.resource("preopens", "preopened", &[text(".")]).expect("it is preopened"));
    for place in ["", "..", "/", "./", "store", "\0"] {
        assert_eq!(portable.call("preopens", "preopened", &[text(place)]), Val::Option(None), "{place:?}");
    }
    let config = |pack_target, level| {
        Val::Record(Vec::from([
            ("pack-target".into(), Val::U64(pack_target)),
            ("compression-level".into(), Val::U8(level)),
            ("shared".into(), Val::Enum("umask".into())),
        ]))
    };
    for (target, level) in [(0, 1), (1, 0), (1, 10), (u64::MAX, 255)] {
        let refused = portable.resource(
            "container",
            "[static]container.create",
            &[dir.clone(), config(target, level), options(seed)],
        );
        assert!(refused.is_none(), "{target} and {level} are out of range");
    }
    let arguments = [dir.clone(), config(u64::MAX, 9), options(seed)];
    let container = portable.resource("container", "[static]container.create", &arguments).expect("it is made");
    let this = Val::Resource(container);
    for _ in 0..setting("LOOSEPACK_FUZZ", 400) {
        let (one, other, size) = (strange(seed), strange(seed), number(seed));
        // Ids, 32 bytes each, and what is none.
        let list = strange(seed).into_bytes();
        let list = bytes(&list[..list.len().min(draw(seed, 5) as usize * 32 + draw(seed, 2) as usize)]);
        match draw(seed, 15) {
            0 => drop(portable.call("container", "[method]container.add", &[this.clone(), bytes(one.as_bytes())])),
            1 => drop(portable.call("container", "[method]container.get", &[this.clone(), text(&one)])),
            2 => {
                let arguments = [this.clone(), text(&one), dir.clone(), text(&other)];
                drop(portable.call("container", "[method]container.get-to-file", &arguments));
            }
            3 => drop(portable.call("container", "[method]container.contains", &[this.clone(), list])),
            4 => drop(portable.call("container", "[method]container.info", &[this.clone(), text(&one)])),
            5 => {
                let after = Val::Option((draw(seed, 2) == 0).then(|| Box::new(text(&one))));
                let arguments = [this.clone(), after, Val::U32(size as u32)];
                drop(portable.call("container", "[method]container.objects", &arguments));
            }
            6 => {
                if let Some(batch) =
                    portable.resource("container", "[method]container.read-many", &[this.clone(), list])
                {
                    (0..3).for_each(|_| {
                        drop(portable.call("container", "[method]object-batch.next", &[Val::Resource(batch)]))
                    });
                    portable.drop(batch);
                }
            }
            7 => {
                if let Some(reader) =
                    portable.resource("container", "[method]container.reader", &[this.clone(), text(&one)])
                {
                    let reader_value = Val::Resource(reader);
                    for function in
                        ["[method]object-reader.read", "[method]object-reader.seek", "[method]object-reader.read"]
                    {
                        let position = number(seed);
                        drop(portable.call("container", function, &[reader_value.clone(), Val::U64(position)]));
                    }
                    portable.drop(reader);
                }
            }
            8 => {
                let stream = portable.resource("sources", "[static]lazy-stream.from-file", &[dir.clone(), text(&one)]);
                let streams = Val::List(stream.into_iter().map(Val::Resource).collect());
                drop(portable.call("container", "[method]container.add-streams", &[this.clone(), streams]));
            }
            9 => {
                let never = Val::Enum(["never", "always", "auto"][draw(seed, 3) as usize].into());
                let arguments = [this.clone(), never.clone()];
                let writer = portable
                    .resource("maintenance", "[static]pack-writer.open", &arguments)
                    .expect("the place is free");
                // A second packer is refused, and does not disturb the first.
                assert!(portable.resource("maintenance", "pack-loose", &arguments).is_none());
                let added = portable.call(
                    "maintenance",
                    "[method]pack-writer.add",
                    &[Val::Resource(writer), bytes(one.as_bytes())],
                );
                assert!(matches!(added, Val::Result(Ok(_))), "{added:?}");
                if draw(seed, 2) == 0 {
                    drop(portable.call("maintenance", "[static]pack-writer.finish", &[Val::Resource(writer)]));
                } else {
                    portable.drop(writer);
                }
            }
            10 => drop(portable.call("container", "[method]container.info-many", &[this.clone(), list])),
            11 => {
                let arguments = [this.clone(), list, dir.clone()];
                drop(portable.call("container", "[method]container.get-many-to-files", &arguments));
            }
            12 => {
                if let Some(job) = portable.resource("maintenance", "delete", &[this.clone(), list]) {
                    drop(portable.call("maintenance", "[method]job.step", &[Val::Resource(job)]));
                    portable.drop(job);
                }
            }
            13 => drop(portable.call("container", "[method]container.durability", std::slice::from_ref(&this))),
            _ => drop(portable.call("container", "[method]container.stats", std::slice::from_ref(&this))),
        }
        assert_eq!(std::fs::read(home.join("outside")).unwrap(), b"outside");
    }
    let names: Vec<_> = std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "nothing was made outside: {names:?}");
    let native = loosepack::dir::cap::CapDir::open(home.join("store")).unwrap();
    let native = loosepack::Container::open(native, Default::default()).expect("the container is sound");
    let listed = native.objects(None, usize::MAX).unwrap();
    assert!(!listed.is_empty());
    listed.iter().for_each(|id| assert!(native.get(id).is_ok(), "{id}"));
}
